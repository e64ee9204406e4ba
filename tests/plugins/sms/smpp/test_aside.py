"""What our own code fails at is kept in quarantine and answered, and is taken in again once it is mended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms import incoming
from omnigate_sms.confirming import Confirming
from omnigate_sms.link import Incoming
from omnigate_sms.pieces import fits
from omnigate_sms.reassembly import Reassembly
from omnigate_sms.smpp import aside, intake, line, proofs, reading, session
from omnigate_sms.smpp.bodies import Body, Command, DataMessage, ShortMessage
from omnigate_sms.smpp.pdu import Pdu, decode, encode, read_head
from omnigate_sms.smpp.repeats import Repeats
from omnigate_sms.smpp.tlv import MESSAGE_PAYLOAD, Tlv

import omnigate
from tests.plugins.sms.smpp.links import SECONDS, Smsc, text, until
from tests.plugins.sms.smpp.shops import Shop, opened, say

pytestmark = pytest.mark.anyio

POISON = "poison"
SAR = {"sar_msg_ref_num": 7, "sar_total_segments": 2}

Place = tuple[Any, str]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back soon, and prove nothing: what was answered is in doubt."""
    monkeypatch.setattr(line, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(proofs, "PROOF_SECONDS", SECONDS)


@pytest.fixture
async def shop(smsc: Smsc) -> AsyncIterator[Shop]:
    async with opened(smsc) as shop:
        yield shop


@contextmanager
def broken(*places: Place, gives: Any = None, at: str = POISON) -> Iterator[None]:
    """Have functions of ours fail, or give that instead, wherever a text says the word."""

    def failing(function: Callable[..., Any]) -> Callable[..., Any]:
        def fails(*arguments: Any, **named: Any) -> Any:
            if at in repr((arguments, named)).replace("\\x00", ""):
                if gives is None:
                    raise ZeroDivisionError
                return gives
            return function(*arguments, **named)

        return fails

    with pytest.MonkeyPatch.context() as patched:
        for owner, name in places:
            patched.setattr(owner, name, failing(getattr(owner, name)))
        yield


NOTE_TOO_LONG: Mapping[str, str] = {"k" * 1000: "refused by the host"}


@pytest.mark.parametrize(
    ("places", "gives", "error"),
    [
        ([(session, "decode"), (aside, "decode")], None, "TypeError"),
        ([(reading, "read")], None, "ZeroDivisionError"),
        ([(incoming.Reading, "_message")], None, "ZeroDivisionError"),
        ([(Confirming, "owed")], NOTE_TOO_LONG, "ValueError"),
    ],
    ids=["decoding", "reading", "normalising", "storing"],
)
async def test_a_text_that_our_code_fails_at_is_answered_and_taken_in_once_that_is_mended(
    shop: Shop, places: list[Place], gives: Any, error: str
) -> None:
    with broken(*places, gives=gives):
        for said in ("one", POISON, "two"):
            await shop.hear(said)
        assert shop.texts == ["one", "two"]
        ((_, reason),) = shop.host.store.quarantine
        assert reason == f"taking it in raised {error}"
        assert any(one["level"] == "error" for one in shop.host.log_lines)
        (kept,) = shop.host.kept
        with pytest.raises(ValueError if gives else ZeroDivisionError):
            await shop.channel.take_again(kept)
    for _ in range(2):
        await shop.channel.take_again(kept)
    assert shop.texts == ["one", "two", POISON]
    message = shop.host.store.items[-1]
    assert isinstance(message, omnigate.InboundMessage)
    assert message.conversation == "+79161234567"
    assert message.extensions["sms"]["to"] == "79990000001"


async def test_the_check_of_that_notices_a_link_that_puts_a_text_off_for_ever(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def puts_off(self: Any, brought: Any, known: Any, error: Any) -> None:
        self._answer(brought, known, 0x64)

    monkeypatch.setattr(intake.Intake, "_set_aside", puts_off)
    with broken((reading, "read")), pytest.raises(AssertionError):
        await shop.hear(POISON)


async def test_texts_that_came_together_are_taken_in_but_for_the_one(shop: Shop) -> None:
    with broken((incoming.Reading, "_message")):
        for said in ("one", POISON, "two", POISON, "three"):
            say(shop.smsc, said)
        await shop.smsc.until("deliver_sm_resp", 5)
    assert {one["status"] for one in shop.smsc.all("deliver_sm_resp")} == {0}
    assert shop.texts == ["one", "two", "three"]
    assert len(shop.host.kept) == 2


@pytest.mark.parametrize("command", ["deliver_sm", "data_sm"])
@pytest.mark.parametrize("place", [(reading, "_report"), (incoming, "receipt")])
async def test_a_receipt_that_our_code_fails_at_is_not_lost(
    shop: Shop, command: str, place: Place
) -> None:
    said = {"source_addr": "79161234567", "esm_class": 4, "message_state": 2}
    with broken(place, at="ab01"):
        parameters = {**said, "receipted_message_id": "ab01"}
        shop.smsc.tell(command=command, parameters=parameters)
        assert (await shop.smsc.until(f"{command}_resp"))["status"] == 0
    assert shop.host.store.items == []
    (kept,) = shop.host.kept
    await shop.channel.take_again(kept)
    (receipt,) = shop.host.store.items
    assert isinstance(receipt, omnigate.Receipt)
    assert (receipt.message_id, receipt.state) == ("ab01", "delivered")


async def test_a_piece_that_our_code_fails_at_finds_the_others(shop: Shop) -> None:
    with broken((Reassembly, "take")):
        await shop.hear(POISON, **SAR, sar_segment_seqnum=2)
    await shop.hear("no ", **SAR, sar_segment_seqnum=1)
    assert shop.texts == []
    (kept,) = shop.host.kept
    await shop.channel.take_again(kept)
    assert shop.texts == [f"no {POISON}"]


async def test_what_cannot_be_kept_now_comes_again(shop: Shop) -> None:
    with broken((reading, "read")):
        shop.host.store.failure = omnigate.StoreError("disk")
        say(shop.smsc, POISON)
        assert (await shop.smsc.until("deliver_sm_resp"))["status"] == 0x64
        assert shop.host.kept == []
        shop.host.store.failure = None
        await shop.hear(POISON)
    assert len(shop.host.kept) == 1


async def test_the_same_words_said_twice_are_kept_twice(shop: Shop) -> None:
    with broken((reading, "read")):
        await shop.hear(POISON)
        await shop.hear(POISON)
    one, two = shop.host.kept
    assert one.path != two.path, "quarantine keeps what differs in this"
    for kept in (one, two):
        await shop.channel.take_again(kept)
    assert shop.texts == [POISON] * 2


async def brought_again(shop: Shop) -> set[tuple[str, bytes]]:
    """Return what quarantine tells apart of a text that comes again since its answer was not read."""
    with broken((incoming.Reading, "_message")):
        shop.smsc.tell(deaf=True)
        say(shop.smsc, POISON)
        await until(lambda: len(shop.host.kept) == 1)
        shop.smsc.tell(cut=True)
        await shop.up(2)
        await shop.hear(POISON)
    assert len(shop.host.kept) == 2
    return {(one.path, one.body) for one in shop.host.kept}


async def test_a_text_that_is_brought_again_is_the_same_in_quarantine_and_out_of_it(
    shop: Shop,
) -> None:
    assert len(await brought_again(shop)) == 1
    for kept in shop.host.kept:
        await shop.channel.take_again(kept)
    assert shop.texts == [POISON]


async def test_the_check_of_that_notices_ids_that_are_made_up_each_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Repeats, "_comes_again", lambda *_: False)
    assert len(await brought_again(shop)) == 2


async def test_a_text_in_quarantine_is_known_after_a_restart(smsc: Smsc) -> None:
    """It was mended meanwhile, and the SMSC, which has not read our answer, brings it before any retry."""
    async with opened(smsc) as before:
        with broken((reading, "read")):
            smsc.tell(deaf=True)
            say(smsc, POISON)
            await until(lambda: before.host.kept)
        smsc.tell(cut=True)
    async with opened(smsc, before.host.store) as after:
        await after.hear(POISON)
        assert after.texts == [POISON]
        (kept,) = before.host.kept
        await after.channel.take_again(kept)
        assert after.texts == [POISON]


async def test_a_text_that_cannot_be_told_from_others_is_kept_all_the_same(shop: Shop) -> None:
    with broken((Repeats, "_likeness")):
        await shop.hear(POISON)
        await shop.hear(POISON)
    assert len({one.path for one in shop.host.kept}) == 2
    for kept in shop.host.kept:
        await shop.channel.take_again(kept)
    assert shop.texts == [POISON] * 2


async def test_a_mistake_over_any_other_pdu_costs_that_pdu_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(frame: bytes) -> Pdu:
        if read_head(frame).command in (Command.ENQUIRE_LINK, Command.SUBMIT_SM_RESP):
            raise ZeroDivisionError
        return decode(frame)

    monkeypatch.setattr(session, "decode", fails)
    shop.smsc.tell(command="enquire_link", parameters={})
    assert (await shop.smsc.until("enquire_link_resp"))["status"] == 0x08
    sent = await shop.channel._link.send(text())
    assert sent.external_id == "prt_1.1", "it was taken; what it is called there nobody could read"
    await shop.hear("still here")
    assert [state for state, _ in shop.host.states] == ["up"]


async def test_what_another_link_kept_is_refused_with_a_reason(shop: Shop) -> None:
    with pytest.raises(omnigate.BadPayload, match="did not come by SMPP"):
        await shop.channel.take_again(omnigate.Request.of(b"from=79161234567&text=hi"))


OCTETS = st.binary(max_size=200)
BODIES: st.SearchStrategy[tuple[int, Body, tuple[Tlv, ...]]] = st.one_of(
    st.builds(
        lambda octets, esm_class, coding: (
            Command.DELIVER_SM,
            ShortMessage(
                source_addr="7916", esm_class=esm_class, data_coding=coding, short_message=octets
            ),
            (),
        ),
        OCTETS,
        st.integers(0, 255),
        st.integers(0, 255),
    ),
    st.builds(
        lambda octets, esm_class: (
            Command.DATA_SM,
            DataMessage(source_addr="7916", esm_class=esm_class),
            (Tlv(MESSAGE_PAYLOAD, octets),),
        ),
        OCTETS,
        st.integers(0, 255),
    ),
)


@settings(deadline=None, max_examples=200)
@given(brought=BODIES, external_id=st.text(min_size=1, max_size=30))
def test_what_is_taken_out_says_what_was_set_aside(
    brought: tuple[int, Body, tuple[Tlv, ...]], external_id: str
) -> None:
    command, body, parameters = brought
    pdu = decode(encode(Pdu(command=command, sequence=9, body=body, parameters=parameters)))
    kept = aside._as_update(pdu, external_id)
    at = datetime.fromtimestamp(kept.received_at_seconds, UTC)
    said = reading.read(pdu, "gsm", at)
    found = aside.taken_out(kept, "gsm")
    if isinstance(said, reading.Nothing):
        assert found == ()
        return
    (again,) = found
    if isinstance(said, Incoming) and not fits(said):
        said = replace(said, external_id=external_id)
    assert again == said
    later = decode(encode(replace(pdu, sequence=8)))
    assert aside._as_update(later, external_id).body == kept.body
