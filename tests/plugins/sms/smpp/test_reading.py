"""What a PDU of an SMSC is taken for, without any connection."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms import segments
from omnigate_sms.link import Incoming, Report, Segment
from omnigate_sms.smpp import message_ids, tlv, udh
from omnigate_sms.smpp.bodies import Command, DataMessage, ShortMessage
from omnigate_sms.smpp.pdu import Pdu
from omnigate_sms.smpp.reading import Nothing, encoding_of, read
from omnigate_sms.smpp.submitting import validity
from omnigate_sms.smpp.tlv import Tlv

OFTEN = settings(max_examples=200, deadline=None)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def brought(octets: bytes = b"", *parameters: Tlv, **fields: Any) -> Pdu:
    body = ShortMessage(
        source_addr="79161234567", destination_addr="1234", short_message=octets, **fields
    )
    return Pdu(command=Command.DELIVER_SM, sequence=1, body=body, parameters=parameters)


def incoming(*given: Any, **fields: Any) -> Incoming:
    said = read(brought(*given, **fields), "gsm", NOW)
    assert isinstance(said, Incoming)
    return said


def report(*given: Any, **fields: Any) -> Report:
    said = read(brought(*given, esm_class=fields.pop("esm_class", 4), **fields), "gsm", NOW)
    assert isinstance(said, Report)
    return said


@pytest.mark.parametrize(
    ("coding", "encoding"),
    [
        (0, "gsm7"),
        (1, "ascii"),
        (2, "binary"),
        (3, "latin1"),
        (4, "binary"),
        (8, "ucs2"),
        (0x10, "gsm7"),
        (0x14, "binary"),
        (0x18, "ucs2"),
        (0xC8, "gsm7"),
        (0xE0, "ucs2"),
        (0xF0, "gsm7"),
        (0xF5, "binary"),
        (0x0D, "gsm7"),
    ],
)
def test_data_coding_says_what_a_text_is_written_in(coding: int, encoding: str) -> None:
    assert encoding_of(coding, "gsm") == encoding


def test_cyrillic_of_an_octet_a_character_is_read_here() -> None:
    said = incoming("Привет".encode("iso8859_5"), data_coding=6)
    assert (said.text, said.data) == ("Привет", None)


@pytest.mark.parametrize(
    ("header", "segment"),
    [
        ("0500030a0201", Segment(reference=10, width_bits=8, total=2, number=1)),
        ("0608040a0b0302", Segment(reference=0x0A0B, width_bits=16, total=3, number=2)),
        # A table of a national language or ports beside the place.
        ("082501010003070202", Segment(reference=7, width_bits=8, total=2, number=2)),
        ("0b0504158a00000003090301", Segment(reference=9, width_bits=8, total=3, number=1)),
        ("0500030a0203", None),  # the third of two
        ("0500030a0200", None),  # counted from one
        ("0500030a0101", None),  # one of one is whole
        ("03240101", None),
        ("00", None),
    ],
)
def test_a_header_before_the_text_says_where_a_piece_belongs(
    header: str, segment: Segment | None
) -> None:
    said = incoming(bytes.fromhex(header) + b"text", esm_class=0x40)
    assert said.segment == segment
    assert said.data == b"text"


@pytest.mark.parametrize("octets", [b"\x20short", b"\x05\x00\x09\x01\x02\x03text", b"\x01\x00text"])
def test_a_header_that_makes_no_sense_is_text(octets: bytes) -> None:
    assert incoming(octets, esm_class=0x40).data == octets


def test_without_its_bit_there_is_no_header() -> None:
    assert incoming(bytes.fromhex("0500030a0201") + b"text").segment is None


@OFTEN
@given(st.text(min_size=1, max_size=900), st.integers(0, 0xFFFF), st.sampled_from([8, 16]))
def test_pieces_that_are_cut_here_are_read_here(text: str, reference: int, width: Any) -> None:
    cuts = segments.cut(text, reference, width)
    said = [
        incoming(
            cut.udh + cut.data,
            esm_class=0x40 if cut.udh else 0,
            data_coding=8 if cut.encoding == "ucs2" else 0,
        )
        for cut in cuts
    ]
    assert [one.data for one in said] == [cut.data for cut in cuts]
    if len(cuts) > 1:
        assert [one.segment and one.segment.number for one in said] == list(range(1, len(cuts) + 1))


@OFTEN
@given(st.binary(max_size=60))
def test_a_header_of_junk_never_raises(junk: bytes) -> None:
    segment, rest = udh.split(junk)
    assert junk.endswith(rest)
    assert segment is None or 1 <= segment.number <= segment.total


FIELDS = {
    "esm_class": st.integers(0, 255),
    "data_coding": st.integers(0, 255),
    "source_addr": st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20),
    "short_message": st.binary(max_size=254),
}
TAGS = st.sampled_from([0x1E, 0x20C, 0x20E, 0x20F, 0x423, 0x424, 0x427, 0x1400])


@OFTEN
@given(
    st.builds(ShortMessage, **FIELDS),
    st.lists(st.builds(Tlv, TAGS, st.binary(max_size=20)), max_size=6),
    st.sampled_from(["gsm", "latin1", "ascii"]),
)
def test_whatever_can_be_decoded_can_be_read(
    body: ShortMessage, parameters: list[Tlv], alphabet: Any
) -> None:
    for command, said in (
        (Command.DELIVER_SM, body),
        (Command.DATA_SM, DataMessage(esm_class=body.esm_class, data_coding=body.data_coding)),
    ):
        pdu = Pdu(command=command, sequence=1, body=said, parameters=tuple(parameters))
        assert isinstance(read(pdu, alphabet, NOW), Incoming | Report | Nothing)


@pytest.mark.parametrize(
    ("address", "known"),
    [("+79161234567", "79161234567"), ("79161234567", "79161234567"), (" SHOP ", "SHOP")],
)
def test_numbers_are_known_by_their_digits(address: str, known: str) -> None:
    pdu = Pdu(command=Command.DELIVER_SM, sequence=1, body=ShortMessage(source_addr=address))
    said = read(pdu, "gsm", NOW)
    assert isinstance(said, Incoming)
    assert said.source == known


BODY = b"id:00AB0001 sub:001 dlvrd:001 submit date:2611212200 done date:2611212201 stat:%s err:%s text:hi"


@pytest.mark.parametrize(
    ("word", "err", "state", "error"),
    [
        (b"DELIVRD", b"000", "delivered", None),
        (b"ENROUTE", b"000", "sent", None),
        (b"UNDELIV", b"027", "failed", "UNDELIV error 027"),
        (b"REJECTD", b"00A", "failed", "REJECTD error 00A"),
        (b"UNKNOWN", b"", "unknown", None),
        (b"WHATEVER", b"1", "unknown", "WHATEVER error 1"),
    ],
)
def test_a_receipt_in_the_body(word: bytes, err: bytes, state: str, error: str | None) -> None:
    said = report(BODY % (word, err))
    assert (said.external_id, said.state, said.error) == ("ab0001", state, error)
    assert said.occurred_at == NOW, "the operator's clock names no zone"


def test_parameters_of_a_receipt_go_before_its_body() -> None:
    said = report(
        BODY % (b"ENROUTE", b"000"),
        Tlv(tlv.RECEIPTED_MESSAGE_ID, b"77\0"),
        Tlv(tlv.MESSAGE_STATE, b"\x02"),
        Tlv(tlv.NETWORK_ERROR_CODE, b"\x01\x00\x05"),
    )
    assert (said.external_id, said.state, said.error) == ("77", "delivered", "ANSI-136 error 5")


def test_a_word_goes_before_a_parameter_that_says_unknown() -> None:
    said = report(BODY % (b"DELIVRD", b"000"), Tlv(tlv.MESSAGE_STATE, b"\x07"))
    assert said.state == "delivered"


@pytest.mark.parametrize("esm_class", [0x04, 0x07, 0x20, 0x24, 0x00])
def test_a_receipt_is_known_by_its_class_or_its_parameters(esm_class: int) -> None:
    parameters = [Tlv(tlv.RECEIPTED_MESSAGE_ID, b"9"), Tlv(tlv.MESSAGE_STATE, b"\x02")]
    assert report(b"", *parameters, esm_class=esm_class).state == "delivered"


def test_a_text_that_looks_like_a_receipt_is_a_text() -> None:
    assert incoming(BODY % (b"DELIVRD", b"000")).data == BODY % (b"DELIVRD", b"000")


def test_an_aborted_conversation_is_nothing() -> None:
    assert isinstance(read(brought(b"x", esm_class=0x18), "gsm", NOW), Nothing)


@pytest.mark.parametrize("body", ["ucs2", "latin1", "gsm"])
def test_a_receipt_may_be_written_in_any_alphabet(body: str) -> None:
    text = "id:5 stat:DELIVRD text:ё" if body == "ucs2" else "id:5 stat:DELIVRD text:_"
    octets = text.encode("utf-16-be") if body == "ucs2" else text.encode("latin-1")
    said = report(octets, data_coding={"ucs2": 8, "latin1": 3, "gsm": 0}[body])
    assert (said.external_id, said.state) == ("5", "delivered")


@OFTEN
@given(st.integers(0, 2**64))
def test_an_id_in_two_forms_is_one_id(number: int) -> None:
    for told in (f"{number:x}", f"{number:X}", f"{number:020X}"):
        assert message_ids.of_answer(told, "hex_to_dec") == message_ids.of_receipt(str(number))
        assert message_ids.of_answer(told, "same") == message_ids.of_receipt(f"{number:016x}")
    for told in (str(number), f"{number:025}"):
        assert message_ids.of_answer(told, "dec_to_hex") == message_ids.of_receipt(f"{number:X}")


@OFTEN
@given(st.text(max_size=300), st.sampled_from(["same", "hex_to_dec", "dec_to_hex"]))
def test_any_id_can_be_kept(told: str, form: Any) -> None:
    for named in (message_ids.of_answer(told, form), message_ids.of_receipt(told)):
        assert len(named) <= 500
        assert named.isprintable()


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "000000000001000R"),
        (90, "000000000130000R"),
        (2 * 86400, "000002000000000R"),
        (45 * 86400 + 3661, "000115010101000R"),
        (10**9, "000309000000000R"),
    ],
)
def test_how_long_a_text_is_good_for_is_written_relative(seconds: int, written: str) -> None:
    assert validity(seconds) == written
