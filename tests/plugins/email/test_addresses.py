"""Which addresses are our own, and which handover tokens stand in them: pure."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.addresses import OwnAddresses, same
from omnigate_email.config import EmailConfig
from omnigate_email.meaning import handing
from pydantic import ValidationError

OWN = OwnAddresses(["Support@Shop.test", "help@почта.рф"], "+")


@pytest.mark.parametrize(
    ("address", "is_own", "receives"),
    [
        ("support@shop.test", True, True),
        ("SUPPORT@SHOP.TEST", True, True),
        ("<support@shop.test>", True, True),
        ("support+x@shop.test", False, True),
        ("support+a+b@shop.test", False, True),
        ("help@xn--80a1acny.xn--p1ai", True, True),
        ("help@ПОЧТА.РФ", True, True),
        ("help+x@xn--80a1acny.xn--p1ai", False, True),
        ("support@other.test", False, False),
        ("supporter@shop.test", False, False),
        ("+support@shop.test", False, False),
        ("support-x@shop.test", False, False),
        ("support", False, False),
        ("", False, False),
        ("@", False, False),
    ],
)
def test_own_addresses_are_known_however_they_are_written(
    address: str, is_own: bool, receives: bool
) -> None:
    assert (address in OWN) is is_own
    assert OWN.receives(address) is receives


def test_domains_that_only_look_alike_are_different() -> None:
    assert same("anna@shop.test", "Anna@SHOP.test")
    assert not same("anna@faß.de", "anna@fass.de")
    assert not same("anna@shop.test", "anna@sh0p.test")


def test_an_address_of_delimiters_takes_no_time() -> None:
    """Strangers choose it, and the event loop waits."""
    began = time.monotonic()
    assert not OWN.receives("+" * 30_000 + "@" + "٠" * 1000)
    assert time.monotonic() - began < 5


def test_another_delimiter_stands_in_names_as_well() -> None:
    own = OwnAddresses(["customer-care@shop.test"], "-")
    assert own.receives("customer-care-x@shop.test")
    assert not own.receives("customer-x@shop.test")


@settings(deadline=None, max_examples=200)
@given(st.from_regex(r"[A-Za-z0-9_-]{1,30}", fullmatch=True))
def test_a_handover_token_comes_back_whatever_becomes_of_its_case(token: str) -> None:
    link = handing.link("support@shop.test", token, "+")
    assert link is not None
    address = link.removeprefix("mailto:").replace("%2B", "+")
    for written in (address, address.upper(), address.lower()):
        assert handing.token_in(["x@y.test", written], "+") == token


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200))
def test_any_text_has_a_handover_token_or_none(text: str) -> None:
    for mark in ("h0", "h1"):
        found = handing.token_in([text, f"support+{mark}{text}@shop.test"], "+")
        assert found is None or 1 <= len(found) <= 64


def test_the_daemons_tokens_leave_room_for_a_long_mailbox() -> None:
    token = "7k3m9x2c4vb6n8q1w5e7r9t0yz"
    link = handing.link(f"{'x' * 35}@shop.test", token, "+")
    assert link == f"mailto:{'x' * 35}%2Bh1{token}@shop.test"
    assert handing.link(f"{'x' * 36}@shop.test", token, "+") is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"address": "support"}, "name@domain"),
        ({"address": "Support <support@shop.test>"}, "name@domain"),
        ({"address": f"{'x' * 65}@shop.test"}, "name@domain"),
        ({"address": f"{'x' * 40}@shop.test", "plus_addresses": True}, "no room"),
        (
            {"address": f"{'x' * 25}@shop.test", "plus_addresses": True, "bounce_tokens": True},
            "no room",
        ),
        ({"bounce_tokens": True}, "needs plus_addresses"),
        ({"sent_copy": True}, "need imap"),
        ({"intake": "imap"}, "give the table imap"),
        ({"smtp": None, "lmtp": None}, "give imap or lmtp"),
        ({"smtp": None, "acknowledge": {"text": "x"}}, "needs smtp"),
        ({"from_name": "Shop\r\nBcc: x@y.test"}, "line breaks cannot stand here"),
        ({"default_subject": ""}, "at least 1 character"),
        ({"answer_marker": "## up"}, "at least 8 characters"),
        ({"lmtp": {"listen": "2424"}}, "host:port"),
        ({"lmtp": {"listen": "127.0.0.1:70000"}}, "host:port"),
        ({"lmtp": {"listen": "127.0.0.1:1", "tls_key": "x.pem"}}, "of no use"),
        ({"template_file": "/no/such/file"}, "cannot be read"),
    ],
)
def test_a_section_that_cannot_work_is_refused_with_words(
    wrong: dict[str, object], said: str
) -> None:
    section: dict[str, object] = {
        "address": "support@shop.test",
        "lmtp": {"listen": "127.0.0.1:0"},
        "smtp": {"host": "127.0.0.1", "tls": "none"},
    }
    EmailConfig.model_validate(section)
    with pytest.raises(ValidationError, match=said):
        EmailConfig.model_validate({**section, **wrong})
