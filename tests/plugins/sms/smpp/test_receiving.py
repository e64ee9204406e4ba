"""Texts and receipts that an SMSC of another make brings."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from omnigate_sms import gsm, segments
from omnigate_sms.link import Incoming, Report, Segment
from omnigate_sms.smpp import intake
from omnigate_sms.smpp.bodies import Command, ShortMessage
from omnigate_sms.smpp.pdu import Pdu, encode

import omnigate
from tests.plugins.sms.smpp.links import Bind, Bound, Smsc, text, until

pytestmark = pytest.mark.anyio

RUSSIAN = "Съешь ещё этих мягких французских булок 😀. " * 4
FROM_CUSTOMER = {"source_addr": "79161234567", "destination_addr": "1234"}


def bring(smsc: Smsc, octets: bytes, *, command: str = "deliver_sm", **parameters: Any) -> None:
    """Have the SMSC bring a text."""
    where = "short_message" if command == "deliver_sm" else "message_payload"
    given = {**FROM_CUSTOMER, where: octets.hex(), **parameters}
    smsc.tell(command=command, parameters=given, octets=[where])


async def test_a_text_is_stored_and_then_answered(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    bring(smsc, "привет".encode("utf-16-be"), data_coding=8)
    incoming = await link.incoming()
    assert (incoming.source, incoming.destination) == ("79161234567", "1234")
    assert (incoming.data, incoming.encoding) == ("привет".encode("utf-16-be"), "ucs2")
    assert incoming.segment is None
    assert (await smsc.until("deliver_sm_resp"))["status"] == 0


async def answered_before_stored(link: Bound, smsc: Smsc) -> bool:
    """Bring a text that takes its time to be stored; tell whether it is answered meanwhile."""
    gate = asyncio.Event()

    async def slow(said: Any, notes: Any = None) -> None:
        await gate.wait()
        link.said.extend(said)

    link.deliver = slow  # type: ignore[method-assign]
    bring(smsc, b"one")
    # The SMSC's enquiry is answered, so the text before it has been read.
    smsc.tell(command="enquire_link", parameters={})
    await smsc.until("enquire_link_resp")
    early = bool(await smsc.so_far("deliver_sm_resp"))
    gate.set()
    assert (await smsc.until("deliver_sm_resp"))["status"] == 0
    return early


async def test_nothing_is_answered_before_it_is_stored(bind: Bind, smsc: Smsc) -> None:
    assert not await answered_before_stored(await bind(), smsc)


async def test_the_check_of_that_notices_a_link_that_answers_at_once(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = intake.Intake.take

    def hasty(self: intake.Intake, pdu: Pdu, answer: intake.Answer) -> None:
        answer(pdu.head, 0)
        take(self, pdu, lambda head, status: 0)

    monkeypatch.setattr(intake.Intake, "take", hasty)
    assert await answered_before_stored(await bind(), smsc)


@pytest.mark.parametrize(
    "failure",
    [omnigate.Overloaded("full"), omnigate.StoreError("disk")],
    ids=["overloaded", "store"],
)
async def test_what_could_not_be_stored_comes_again(
    bind: Bind, smsc: Smsc, failure: Exception
) -> None:
    link = await bind()
    link.failure = failure
    bring(smsc, b"one")
    assert (await smsc.until("deliver_sm_resp"))["status"] == 0x64
    link.failure = None
    bring(smsc, b"one")
    assert (await smsc.until("deliver_sm_resp", 2))["status"] == 0
    assert (await link.incoming()).data == b"one"


async def test_one_text_that_cannot_be_taken_in_does_not_hold_up_the_others(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    keep = link.deliver

    async def choosy(said: Any, notes: Any = None) -> None:
        if any(one.data == b"poison" for one in said):
            raise ValueError("poison")
        await keep(said)

    link.deliver = choosy  # type: ignore[method-assign]
    for octets in (b"one", b"poison", b"two"):
        bring(smsc, octets)
    await smsc.until("deliver_sm_resp", 3)
    assert {one["status"] for one in await smsc.so_far("deliver_sm_resp")} == {0}
    ((kept, _),) = link.host.store.quarantine
    assert b"poison" in kept
    assert [one.data for one in link.said if isinstance(one, Incoming)] == [b"one", b"two"]


async def test_order_is_kept_and_what_waits_is_stored_together(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    for number in range(300):
        bring(smsc, str(number).encode())
    await smsc.until("deliver_sm_resp", 300)
    assert [one.data for one in link.said if isinstance(one, Incoming)] == [
        str(number).encode() for number in range(300)
    ]
    assert max(map(len, link.batches)) <= intake.BATCH_LIMIT


async def test_too_many_waiting_texts_are_sent_back(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "WAITING_LIMIT", 3)
    link = await bind()
    gate = asyncio.Event()

    async def slow(said: Any, notes: Any = None) -> None:
        await gate.wait()

    link.deliver = slow  # type: ignore[method-assign]
    for number in range(10):
        bring(smsc, str(number).encode())
    refused = await smsc.until("deliver_sm_resp")
    assert refused["status"] == 0x64
    gate.set()
    await smsc.until("deliver_sm_resp", 10)
    assert {one["status"] for one in await smsc.so_far("deliver_sm_resp")} == {0, 0x64}


@pytest.mark.parametrize("width", [8, 16])
async def test_pieces_say_where_they_belong(bind: Bind, smsc: Smsc, width: Any) -> None:
    link = await bind()
    cuts = segments.cut(RUSSIAN, 0xABCD, width)
    for cut in reversed(cuts):
        bring(smsc, cut.udh + cut.data, data_coding=8, esm_class=0x40)
    await link.incoming(len(cuts) - 1)
    pieces = sorted(
        (one for one in link.said if isinstance(one, Incoming)),
        key=lambda one: one.segment.number if one.segment else 0,
    )
    assert b"".join(one.data or b"" for one in pieces).decode("utf-16-be") == RUSSIAN
    assert {one.segment.reference for one in pieces if one.segment} == {
        0xCD if width == 8 else 0xABCD
    }
    assert {(one.segment.width_bits, one.segment.total) for one in pieces if one.segment} == {
        (width, len(cuts))
    }


async def test_pieces_may_be_told_by_parameters(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    sar: dict[str, Any] = {"sar_msg_ref_num": 515, "sar_total_segments": 2, "sar_segment_seqnum": 2}
    bring(smsc, b"second", **sar)
    assert (await link.incoming()).segment == Segment(
        reference=515, width_bits=16, total=2, number=2
    )


async def test_a_long_text_may_come_whole(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    octets = RUSSIAN.encode("utf-16-be")
    parameters = {**FROM_CUSTOMER, "message_payload": octets.hex(), "data_coding": 8}
    smsc.tell(command="deliver_sm", parameters=parameters, octets=["message_payload"])
    bring(smsc, octets, command="data_sm", data_coding=8)
    assert (await link.incoming()).data == octets
    assert (await link.incoming(1)).data == octets
    assert (await smsc.until("data_sm_resp"))["status"] == 0


@pytest.mark.parametrize(
    ("alphabet", "encoding"), [("gsm", "gsm7"), ("latin1", "latin1"), ("ascii", "ascii")]
)
async def test_the_default_alphabet_is_what_the_operator_means_by_it(
    bind: Bind, smsc: Smsc, alphabet: str, encoding: str
) -> None:
    link = await bind(default_alphabet=alphabet)
    bring(smsc, b"\x00 hi")
    assert (await link.incoming()).encoding == encoding


async def test_receipts_say_what_became_of_each_segment(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(plan=[{"receipts": ["ACCEPTD", "DELIVRD"]}, {"receipts": ["UNDELIV"]}])
    sent = await link.link.send(text(RUSSIAN))
    states = [((await link.report(one)).external_id, link.said[one].state) for one in range(3)]  # type: ignore[union-attr]
    assert states == [
        (sent.segments[0], "sent"),
        (sent.segments[0], "delivered"),
        (sent.segments[1], "failed"),
    ]


async def test_a_receipt_may_come_before_the_answer_and_twice(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(plan=[{"receiptFirst": "DELIVRD", "hold": True}])
    sending = asyncio.create_task(link.link.send(text()))
    early = await link.report()
    assert not sending.done()
    smsc.tell(release=True)
    assert early.external_id == (await sending).external_id
    smsc.tell(receipt={"id": 1000, "stat": "DELIVRD"})
    assert (await link.report(1)).external_id == early.external_id
    assert {one["status"] for one in [await smsc.until("deliver_sm_resp", 2)]} == {0}


@pytest.mark.parametrize(
    ("form", "ids", "in_receipts"),
    [("hex_to_dec", "hex", "dec"), ("dec_to_hex", "dec", "hex"), ("same", "hex", "hex")],
)
async def test_ids_of_receipts_match_whatever_their_form(
    bind: Bind, smsc: Smsc, form: str, ids: str, in_receipts: str
) -> None:
    link = await bind(dlr_id=form)
    await smsc.set(ids=ids, receiptIds=in_receipts, nextId=0xAB01, plan=[{"receipts": ["DELIVRD"]}])
    sent = await link.link.send(text())
    assert (await link.report()).external_id == sent.external_id


async def test_ids_of_another_form_do_not_match_by_themselves(bind: Bind, smsc: Smsc) -> None:
    """The check above notices a link that does not translate."""
    link = await bind(dlr_id="same")
    await smsc.set(ids="hex", receiptIds="dec", nextId=0xAB01, plan=[{"receipts": ["DELIVRD"]}])
    sent = await link.link.send(text())
    assert (await link.report()).external_id != sent.external_id


async def test_a_receipt_may_say_all_in_parameters(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    said = {"receipted_message_id": "00AB01", "message_state": 5, "network_error_code": "03001b"}
    parameters = {**FROM_CUSTOMER, "esm_class": 4, **said}
    smsc.tell(command="data_sm", parameters=parameters, octets=["network_error_code"])
    report = await link.report()
    assert report == Report(
        external_id="ab01", state="failed", error="GSM error 27", occurred_at=report.occurred_at
    )


async def test_a_receipt_of_nothing_is_answered_and_told(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    bring(smsc, b"stat:DELIVRD", esm_class=4)
    assert (await smsc.until("deliver_sm_resp"))["status"] == 0
    assert link.said == []
    assert any("which text" in str(line) for line in link.host.log_lines)


async def test_a_bad_field_is_answered_with_what_is_wrong_and_the_rest_goes_on(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    body = b"\0\1\1" + b"7" * 30 + b"\0"
    smsc.tell(raw=_frame(0x05, body).hex())
    assert (await smsc.until("deliver_sm_resp"))["status"] == 0x0A
    smsc.tell(raw=_frame(0x77, b"junk").hex())
    assert (await smsc.until("generic_nack"))["status"] == 0x03
    smsc.tell(raw=_frame(0x04, body).hex())
    bring(smsc, gsm.encode("still here"))
    assert (await link.incoming()).data == b"still here"


def _frame(command: int, body: bytes) -> bytes:
    return b"".join(one.to_bytes(4, "big") for one in (16 + len(body), command, 0, 7)) + body


async def test_what_an_esme_has_no_use_for_is_tolerated(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    smsc.tell(
        raw=(_frame(0x0B, b"smsc\0x\0") + _frame(0x102, b"\1\1" + b"7\0" + b"\1\1" + b"8\0")).hex()
    )
    smsc.tell(command="query_sm", parameters={"message_id": "1"})
    assert (await smsc.until("query_sm_resp"))["status"] == 0x03
    assert len(await smsc.so_far("bind")) == 1
    assert await smsc.so_far("generic_nack") == []
    assert link.link._sender.state == "up"


async def test_a_stream_out_of_step_is_closed_and_made_anew(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    smsc.tell(raw="00000004deadbeef")
    await smsc.until("closed")
    await link.up(2)
    assert any("4 octets long" in reason for state, reason in link.host.states if state == "down")
    bring(smsc, b"after")
    assert (await link.incoming()).data == b"after"


async def test_junk_from_the_smsc_costs_at_most_sessions(bind: Bind, smsc: Smsc) -> None:
    """Random octets and mutated PDUs: nothing raises, nothing hangs, and the link works after it."""
    link = await bind()
    chance = random.Random(seed := random.randrange(2**32))
    print(f"seed {seed}")
    said = ShortMessage(source_addr="7", short_message=b"hi")
    for _ in range(150):
        frame = bytearray(encode(Pdu(command=chance.choice(list(Command)), sequence=3, body=said)))
        for _ in range(chance.randrange(4)):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        junk = bytes(frame) if chance.random() < 0.9 else chance.randbytes(40)
        smsc.tell(raw=junk.hex())
    smsc.tell(cut=True)
    await until(lambda: link.host.states[-1][0] == "down")
    await until(lambda: link.host.states[-1][0] == "up")
    assert (await link.link.send(text())).external_id
    bring(smsc, b"after the junk")
    await until(
        lambda: [one for one in link.said if getattr(one, "data", b"") == b"after the junk"]
    )
    assert not [line for line in link.host.log_lines if line["level"] == "error"]
