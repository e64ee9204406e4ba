"""Texts that go out, against an SMSC of another make."""

from __future__ import annotations

import asyncio

import pytest

import omnigate
from tests.plugins.sms.smpp.links import Bind, Smsc, text

pytestmark = pytest.mark.anyio


async def test_a_text_is_taken_and_named_by_the_operator(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    sent = await link.link.send(text("hi @ $ _ { } [ ] ~ | \\ ^ €", valid_seconds=7200))
    assert sent == omnigate.Sent(external_id="1000", segments=["1000"])
    submit = await smsc.until("submit")
    assert submit["text"] == "hi @ $ _ { } [ ] ~ | \\ ^ €"
    assert submit["data_coding"] == 0
    assert submit["destination_addr"] == "79161234567"
    assert (submit["dest_addr_ton"], submit["dest_addr_npi"]) == (1, 1)
    assert (submit["source_addr_ton"], submit["source_addr_npi"]) == (1, 1)
    assert submit["registered_delivery"] == 1
    assert abs(submit["valid_seconds"] - 7200) < 60


@pytest.mark.parametrize(
    ("sender", "type_and_plan"),
    [
        ("", (0, 0)),
        ("SHOP", (5, 0)),
        ("1234", (3, 0)),
        ("79160000000", (1, 1)),
        ("+79160000000", (1, 1)),
    ],
)
async def test_our_number_is_typed_by_its_looks(
    bind: Bind, smsc: Smsc, sender: str, type_and_plan: tuple[int, int]
) -> None:
    link = await bind()
    await link.link.send(text(sender=sender))
    submit = await smsc.until("submit")
    assert (submit["source_addr_ton"], submit["source_addr_npi"]) == type_and_plan
    assert submit["source_addr"] == sender.removeprefix("+")


async def test_what_the_operator_wants_goes_before_looks(bind: Bind, smsc: Smsc) -> None:
    options = {"source_ton": 0, "source_npi": 9, "destination_ton": 2, "destination_npi": 8}
    link = await bind(**options, registered_delivery=2, service_type="CMT")
    await link.link.send(text())
    submit = await smsc.until("submit")
    given = [
        submit[f"{one}_{what}"] for one in ("source_addr", "dest_addr") for what in ("ton", "npi")
    ]
    assert given == [0, 9, 2, 8]
    assert (submit["registered_delivery"], submit["service_type"]) == (2, "CMT")


@pytest.mark.parametrize(
    ("alphabet", "said", "coding"),
    [
        ("latin1", "naïve @ [x]", 8),  # GSM has no ï
        ("latin1", "café ü @", 0),
        ("latin1", "5 €", 8),
        ("ascii", "plain [x]", 0),
        ("ascii", "café", 8),
        ("gsm", "Ω €", 0),
    ],
)
async def test_what_the_default_alphabet_lacks_goes_as_ucs2(
    bind: Bind, smsc: Smsc, alphabet: str, said: str, coding: int
) -> None:
    link = await bind(default_alphabet=alphabet)
    await link.link.send(text(said))
    submit = await smsc.until("submit")
    assert submit["data_coding"] == coding
    if coding or alphabet == "gsm":
        assert submit["text"] == said  # this SMSC reads its default alphabet as GSM


@pytest.mark.parametrize(
    ("form", "told", "named"),
    [
        ("same", "00AB01", "ab01"),
        ("same", "9F2-xY", "9F2-xY"),
        ("hex_to_dec", "0000FF10", "65296"),
        ("dec_to_hex", "0065296", "ff10"),
        ("hex_to_dec", "no-number", "no-number"),
    ],
)
async def test_ids_are_spelled_as_receipts_spell_them(
    bind: Bind, smsc: Smsc, form: str, told: str, named: str
) -> None:
    link = await bind(dlr_id=form)
    await smsc.set(plan=[{"id": told}])
    assert (await link.link.send(text())).external_id == named


async def test_a_text_that_the_operator_does_not_name_is_sent_all_the_same(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    await smsc.set(plan=[{"id": ""}])
    assert (await link.link.send(text())).external_id == "prt_1.1"


async def test_a_text_that_was_taken_stays_taken_though_its_id_cannot_be_read(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    await smsc.set(plan=[{"silent": True}])
    sending = asyncio.create_task(link.link.send(text()))
    await smsc.until("submit")
    smsc.tell(raw="00000012800000150000000000000002" + "6162")  # an answer to something else
    smsc.tell(raw="00000012800000040000000000000002" + "6162")
    assert await sending == omnigate.Sent(external_id="prt_1.1", segments=["prt_1.1"])
