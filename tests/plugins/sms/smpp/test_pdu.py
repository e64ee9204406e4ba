"""The codec: whole round trips, a second reader and writer, junk."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest
import smpplib.smpp  # type: ignore[import-untyped]  # has no types
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms.smpp import statuses, tlv
from omnigate_sms.smpp.bodies import (
    BODY_OF,
    RESPONSE,
    Bind,
    Body,
    Command,
    Octet,
    Octets,
    Queried,
    ShortMessage,
    Taken,
)
from omnigate_sms.smpp.pdu import (
    LIMIT_BYTES,
    SEQUENCE_LIMIT,
    Framer,
    Malformed,
    OutOfSync,
    Pdu,
    decode,
    encode,
    read_head,
)
from omnigate_sms.smpp.tlv import Tlv

OFTEN = settings(max_examples=200, deadline=None)
LATIN = st.characters(min_codepoint=1, max_codepoint=0xFF)


CLIENT = SimpleNamespace(sequence=0, next_sequence=lambda: 0)


def bodies(kind: type[Body]) -> st.SearchStrategy[Body]:
    """Return every body of a kind that can be written."""
    values: dict[str, Any] = {}
    for field in kind.fields:
        if isinstance(field, Octet):
            values[field.name] = st.integers(0, 255)
        elif isinstance(field, Octets):
            values[field.name] = st.binary(max_size=field.most)
        else:
            values[field.name] = st.text(LATIN, max_size=field.size - 1)
    return st.builds(kind, **values)


TLVS = st.lists(st.builds(Tlv, st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=4).map(
    tuple
)
WITH_BODY = [command for command, kind in BODY_OF.items() if kind.fields]
PDUS = st.sampled_from(WITH_BODY).flatmap(
    lambda command: st.builds(
        Pdu,
        command=st.just(int(command)),
        status=st.integers(0, 0xFFFFFFFF),
        sequence=st.integers(0, SEQUENCE_LIMIT),
        body=bodies(BODY_OF[command]),
        parameters=TLVS,
    )
)


@OFTEN
@given(PDUS)
def test_what_is_written_is_read_again(pdu: Pdu) -> None:
    assert decode(encode(pdu)) == pdu


@OFTEN
@given(st.lists(PDUS, max_size=6), st.lists(st.integers(1, 60), max_size=200))
def test_a_stream_is_cut_the_same_however_it_arrives(pdus: list[Pdu], sizes: list[int]) -> None:
    stream = b"".join(map(encode, pdus))
    framer, at = Framer(), 0
    frames: list[bytes] = []
    for size in [*sizes, len(stream)]:
        frames += framer.feed(stream[at : at + size])
        at += size
    assert [decode(frame) for frame in frames] == pdus


@pytest.mark.parametrize("length", [0, 15, LIMIT_BYTES + 1, 0xFFFFFFFF])
def test_a_length_that_makes_no_sense_ends_the_stream_after_what_was_good(length: int) -> None:
    good = encode(Pdu(command=Command.ENQUIRE_LINK, sequence=1))
    framer = Framer()
    frames = framer.feed(good + struct.pack(">I", length) + good)
    assert next(frames) == good
    with pytest.raises(OutOfSync, match=str(length)):
        next(frames)


def assert_read_or_refused(frame: bytes) -> None:
    told = statuses.OK
    try:
        decode(frame)
    except Malformed as error:
        told = error.status
    assert told in statuses.NAMES


@OFTEN
@given(st.binary(max_size=120))
def test_junk_raises_nothing_but_that_it_is_junk(junk: bytes) -> None:
    try:
        frames = list(Framer().feed(junk))
    except OutOfSync:
        return
    for frame in frames:
        assert_read_or_refused(frame)


@OFTEN
@given(PDUS, st.data())
def test_a_pdu_gone_wrong_anywhere_in_its_body_is_read_or_refused(pdu: Pdu, data: Any) -> None:
    octets = bytearray(encode(pdu))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(4, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(16, len(octets)))
    frame = struct.pack(">I", cut) + bytes(octets[4:cut])
    assert list(Framer().feed(frame)) == [frame]
    assert_read_or_refused(frame)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", statuses.BAD_COMMAND_LENGTH),
        (b"toolong\0", 0x15),
        (b"\0\1\1" + b"7" * 21 + b"\0", statuses.BAD_SOURCE),
        (b"\0\1\1\0\1\1" + b"7" * 21 + b"\0", statuses.BAD_DESTINATION),
        (b"\0\1\1\0\1\1\0\0\0\0\0\0\0\0\0\0\xff" + b"x" * 255, statuses.BAD_MESSAGE_LENGTH),
        (b"\0\1\1\0\1\1\0\0\0\0\0\0\0\0\0\0\5abc", statuses.BAD_MESSAGE_LENGTH),
        (b"\0\1\1\0\1\1\0\0\0\0\0\0\0\0\0\0\0\4\x24\0\5abc", statuses.BAD_TLV_STREAM),
        (b"\0\1\1\0\1\1\0\0\0\0\0\0\0\0\0\0\0\4\x24", statuses.BAD_TLV_STREAM),
    ],
)
def test_a_bad_field_is_named_by_the_status_its_sender_is_told(body: bytes, status: int) -> None:
    frame = struct.pack(">IIII", 16 + len(body), Command.DELIVER_SM, 0, 7) + body
    with pytest.raises(Malformed) as caught:
        decode(frame)
    assert caught.value.status == status
    assert read_head(frame).sequence == 7


def test_an_unknown_command_is_told_as_such() -> None:
    with pytest.raises(Malformed) as caught:
        decode(struct.pack(">IIII", 16, 0x00010203, 0, 9))
    assert caught.value.status == statuses.BAD_COMMAND


@pytest.mark.parametrize("command", [one for one in BODY_OF if one & RESPONSE])
def test_an_answer_may_come_without_a_body(command: int) -> None:
    pdu = decode(struct.pack(">IIII", 16, command, 0x0E, 3))
    assert (pdu.status, pdu.sequence, pdu.body) == (0x0E, 3, BODY_OF[command]())


def test_an_operator_may_name_texts_longer_than_the_standard_allows() -> None:
    octets = b"a" * 200 + b"\0"
    frame = struct.pack(">IIII", 16 + len(octets), Command.SUBMIT_SM_RESP, 0, 1) + octets
    assert decode(frame).body == Taken(message_id="a" * 200)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (ShortMessage(source_addr="7" * 21), "source_addr"),
        (ShortMessage(source_addr="a\0b"), "source_addr"),
        (ShortMessage(service_type="Ω"), "service_type"),
        (ShortMessage(esm_class=256), "esm_class"),
        (ShortMessage(short_message=b"x" * 255), "short_message"),
    ],
)
def test_what_cannot_be_written_is_refused_by_the_name_of_its_field(body: Body, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        encode(Pdu(command=Command.SUBMIT_SM, sequence=1, body=body))


def test_parameters_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(ValueError, match="0x0424"):
        tlv.write([Tlv(tlv.MESSAGE_PAYLOAD, b"x" * 65536)])
    with pytest.raises(ValueError, match="too long"):
        encode(
            Pdu(
                command=Command.DATA_SM,
                sequence=1,
                parameters=(Tlv(tlv.MESSAGE_PAYLOAD, b"x" * 65000), Tlv(0x1400, b"x" * 65000)),
            )
        )


def test_smpplib_reads_what_is_written() -> None:
    ours = Pdu(
        command=Command.SUBMIT_SM,
        sequence=77,
        body=ShortMessage(
            service_type="CMT",
            source_addr_ton=5,
            source_addr="SHOP",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="79161234567",
            esm_class=0x40,
            validity_period="000002000000000R",
            registered_delivery=1,
            data_coding=8,
            short_message="привет".encode("utf-16-be"),
        ),
        parameters=(Tlv(tlv.USER_MESSAGE_REFERENCE, b"\1\2"),),
    )
    theirs = smpplib.smpp.parse_pdu(encode(ours), client=CLIENT)
    assert (theirs.command, theirs.sequence) == ("submit_sm", 77)
    for field in ShortMessage.fields:
        expected = getattr(ours.body, field.name)
        given = getattr(theirs, field.name)
        assert given == (expected.encode() if isinstance(expected, str) else expected), field.name
    assert theirs.user_message_reference == 0x0102


def test_what_smpplib_writes_is_read() -> None:
    theirs = smpplib.smpp.make_pdu(
        "deliver_sm",
        client=CLIENT,
        sequence=5,
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="79160000000",
        dest_addr_ton=3,
        destination_addr="1234",
        esm_class=4,
        data_coding=0,
        short_message=b"id:1 stat:DELIVRD",
        receipted_message_id="abc",
        message_state=2,
    )
    pdu = decode(theirs.generate())
    assert pdu.body == ShortMessage(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="79160000000",
        dest_addr_ton=3,
        destination_addr="1234",
        esm_class=4,
        short_message=b"id:1 stat:DELIVRD",
    )
    assert tlv.value(pdu.parameters, tlv.RECEIPTED_MESSAGE_ID) == b"abc\0"
    assert tlv.number(pdu.parameters, tlv.MESSAGE_STATE) == 2


def test_smpplib_reads_a_bind_and_its_answers() -> None:
    bind = Bind(system_id="shop", password="secret", system_type="x", address_range="^7")
    theirs = smpplib.smpp.parse_pdu(
        encode(Pdu(command=Command.BIND_TRANSCEIVER, sequence=1, body=bind)), client=CLIENT
    )
    assert (theirs.system_id, theirs.password) == (b"shop", b"secret")
    assert (theirs.interface_version, theirs.address_range) == (0x34, b"^7")
    answer = Pdu(command=Command.QUERY_SM_RESP, sequence=2, body=Queried(message_id="9"))
    assert smpplib.smpp.parse_pdu(encode(answer), client=CLIENT).message_id == b"9"


def test_every_status_has_a_kind_and_words() -> None:
    kinds = {status: statuses.kind(status) for status in [*statuses.NAMES, 0x400, 0xFFFFFFFF]}
    assert [one for one, kind in kinds.items() if kind == "throttled"] == [0x14, 0x58]
    assert [one for one, kind in kinds.items() if kind == "transient"] == [0x08, 0x64, 0xFE]
    assert [one for one, kind in kinds.items() if kind == "configuration"] == [4, 5, 13, 14, 15]
    assert kinds[0x400] == kinds[0xFFFFFFFF] == kinds[0x0B] == "permanent"
    assert statuses.words(0x58) == "ESME_RTHROTTLED (0x58)"
    assert "0x400" in statuses.words(0x400)
