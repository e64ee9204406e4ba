"""What an operator may write about a channel of texts, and what is said of mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from omnigate_sms import linking
from omnigate_sms.config import SmsConfig
from omnigate_sms.links import LINKS
from omnigate_sms.smpp.link import SmppLink
from pydantic import ValidationError

from omnigate.config.questions import open_questions

from .conftest import section


def read(**config: Any) -> SmsConfig:
    return SmsConfig.model_validate(section(**config))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"link": "twilio"},
            'channels.<name>.twilio], or set link = "kannel", whose table is there',
        ),
        ({"kannel": None}, "link is kannel and has no table: add [channels.<name>.kannel]\n"),
        (
            {"smpp": {"host": "h", "system_id": "s", "password": "p"}},
            "link is kannel: remove the table smpp, or set link to it",
        ),
        ({"link": "pigeon"}, "Input should be 'smpp', 'kannel'"),
        ({"default_region": "ru"}, "two capital letters"),
        ({"default_region": "XX"}, "no country is called XX"),
        ({"countries": ["RU", "Russia"]}, "two capital letters"),
        ({"sender": "A very long name"}, "at most 11 Latin letters"),
        ({"sender": "Магазин"}, "at most 11 Latin letters"),
        ({"sender": "1234567890123456"}, "at most 15 digits"),
        ({"price_per_segment": "3.5"}, "price_per_segment and currency belong together"),
        ({"currency": "RUB"}, "price_per_segment and currency belong together"),
        ({"max_segments": 0}, "greater than or equal to 1"),
        ({"limits": {"messages_per_hour": -1}}, "greater than or equal to 0"),
        ({"limits": {"messages_per_minute": 1}}, "Extra inputs are not permitted"),
        ({"denied_prefixes": ["8-800"]}, "should match pattern"),
        ({"handover_text": "hello"}, "the text has to have {code} in it, once"),
        ({"handover_text": "{code} {code}"}, "the text has to have {code} in it, once"),
        ({"handover_text": "shop{code}"}, "leave a blank before and after {code}"),
        ({"handover_text": "{code}-7"}, "leave a blank before and after {code}"),
    ],
)
def test_a_mistake_is_told_in_words(config, said):
    with pytest.raises(ValidationError) as caught:
        read(**config)
    assert said in "\n".join(f"{error['msg']}\n" for error in caught.value.errors())


@pytest.mark.parametrize("sender", ["+79161234567", "79161234567", "900", "Shop", "SHOP 24", None])
def test_a_sender_is_a_number_a_short_code_or_a_name(sender):
    assert read(sender=sender).sender_id == (sender or "").removeprefix("+")


def test_every_link_has_a_table_and_can_be_made():
    fields = SmsConfig.model_fields
    assert set(SmsConfig.tables()) == {"smpp", *LINKS}
    for name in SmsConfig.tables():
        assert fields[name].description


def test_the_table_of_the_link_is_asked_for_and_no_other():
    keys = [each.key for each in open_questions(SmsConfig, {"link": "kannel"})]
    assert keys == [
        "default_region",
        "sender",
        "kannel.url",
        "kannel.username",
        "kannel.password",
        "kannel.callback_token",
    ]
    assert [each.key for each in open_questions(SmsConfig, {})] == [
        "link",
        "default_region",
        "sender",
    ]


def test_as_many_texts_are_sent_at_once_as_the_window_takes():
    smpp = {"host": "h", "system_id": "s", "password": "p"}
    assert read().concurrency == 20
    assert read(link="smpp", kannel=None, smpp={**smpp, "window": 5}).concurrency == 20
    assert read(link="smpp", kannel=None, smpp={**smpp, "window": 60}).concurrency == 60


def test_wide_references_take_room_from_long_texts():
    smpp = {"host": "h", "system_id": "s", "password": "p"}
    assert read(link="smpp", kannel=None, smpp=smpp).width_bits == 8
    for wide in ("udh16", "sar"):
        assert read(link="smpp", kannel=None, smpp={**smpp, "long_messages": wide}).width_bits == 16


async def test_the_link_is_the_one_that_is_named(shop):
    smpp = {"host": "127.0.0.1", "system_id": "s", "password": "p"}
    config = read(link="smpp", kannel=None, smpp=smpp)
    assert isinstance(linking.make_link(config, shop.host, shop.channel._deliver), SmppLink)
    made = linking.make_link(read(), shop.host, shop.channel._deliver)
    assert isinstance(made, LINKS["kannel"])


pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("link", ["kannel", "jasmin", "smscru", "smsaero", "exolve", "custom"])
def test_what_proves_the_calls_of_a_link_that_signs_none_is_asked_for_and_made_anew(link):
    """Without it no text of a customer could come in after ``omnigate channel add``."""
    asked = open_questions(SmsConfig, {"link": link, "default_region": "RU"})
    (token,) = [one for one in asked if one.key == f"{link}.callback_token"]
    assert token.fresh is not None
    assert not token.needed, "a script that gives none has the one that Omnigate makes for receipts"
    given = read(kannel={**section()["kannel"], "callback_token": token.fresh()})
    assert given.kannel is not None
    assert given.kannel.callback_token is not None
