"""What a deliver_sm or data_sm says: a text of a customer, a piece of one, or what became of ours. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from omnigate_sms import gsm, receipts
from omnigate_sms.link import Incoming, Report, Said, Segment, State
from omnigate_sms.smpp import message_ids, tlv, udh
from omnigate_sms.smpp.bodies import DataMessage, ShortMessage
from omnigate_sms.smpp.config import Alphabet
from omnigate_sms.smpp.pdu import Pdu
from omnigate_sms.smpp.tlv import Tlv

Encoding = Literal["gsm7", "ucs2", "latin1", "ascii", "binary"]

# esm_class, section 5.2.12
KIND: Final = 0x3C
RECEIPT: Final = 0x04
ABORT: Final = 0x18
INTERMEDIATE: Final = 0x20

_ALPHABETS: Final[Mapping[Alphabet, Encoding]] = {
    "gsm": "gsm7",
    "latin1": "latin1",
    "ascii": "ascii",
}
# data_coding, section 5.2.19
_CODINGS: Final[Mapping[int, Encoding]] = {
    1: "ascii",
    2: "binary",
    3: "latin1",
    4: "binary",
    8: "ucs2",
}
_CHARSETS: Final[Mapping[int, str]] = {6: "iso8859_5", 7: "iso8859_8"}
"""An octet a character, so that a piece can be read without the others."""
_NETWORKS: Final[Mapping[int, str]] = {1: "ANSI-136", 2: "IS-95", 3: "GSM"}
_NO_ERROR: Final = frozenset({"", "0", "00", "000", "0000"})


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to keep of it."""

    why: str


def read(pdu: Pdu, alphabet: Alphabet, now: datetime) -> Said | Nothing:
    """Return what a PDU says; never raises for a PDU that could be decoded.

    Raises:
        TypeError: it is neither deliver_sm nor data_sm.
    """
    body = pdu.body
    if not isinstance(body, ShortMessage | DataMessage):
        raise TypeError(f"{type(body).__name__} says nothing")
    octets = body.short_message if isinstance(body, ShortMessage) else b""
    octets = octets or tlv.value(pdu.parameters, tlv.MESSAGE_PAYLOAD) or b""
    kind = body.esm_class & KIND
    if kind in (RECEIPT, INTERMEDIATE) or _is_receipt_by_parameters(pdu.parameters):
        return _report(octets, body, pdu.parameters, alphabet, now)
    if kind == ABORT:
        return Nothing("a conversation was aborted")
    return _incoming(octets, body, pdu.parameters, alphabet, now)


def encoding_of(data_coding: int, alphabet: Alphabet) -> Encoding:
    """Return what a text is written in; what nobody has defined is the default alphabet.

    Source: SMPP 3.4 section 5.2.19; 3GPP TS 23.038 section 4 for the groups above 0x0F.
    """
    if data_coding < 0x10:
        return _CODINGS.get(data_coding, _ALPHABETS[alphabet])
    group = data_coding >> 4
    if group == 0xF:
        return "binary" if data_coding & 0x04 else "gsm7"
    if group == 0xE:
        return "ucs2"
    if group <= 0x3 and not data_coding & 0x20:
        return ("gsm7", "binary", "ucs2", "gsm7")[data_coding >> 2 & 0x03]
    return "gsm7"


def _incoming(
    octets: bytes,
    body: ShortMessage | DataMessage,
    parameters: tuple[Tlv, ...],
    alphabet: Alphabet,
    now: datetime,
) -> Incoming:
    segment: Segment | None = None
    if body.esm_class & udh.INDICATOR:
        segment, octets = udh.split(octets)
    charset = _CHARSETS.get(body.data_coding)
    return Incoming(
        external_id=None,
        source=number(body.source_addr),
        destination=number(body.destination_addr),
        text=codecs.decode(octets, charset, "replace") if charset else None,
        data=None if charset else octets,
        encoding=encoding_of(body.data_coding, alphabet),
        segment=segment or _by_parameters(parameters),
        occurred_at=now,
    )


def number(address: str) -> str:
    """Return an address as it is known here: digits without a plus, or a name as it stands."""
    text = "".join(one if one.isprintable() else "?" for one in address.strip())
    digits = text.removeprefix("+")
    return digits if digits.isascii() and digits.isdigit() else text


def _by_parameters(parameters: tuple[Tlv, ...]) -> Segment | None:
    reference, total, place = (
        tlv.number(parameters, tag) for tag in (tlv.SAR_REFERENCE, tlv.SAR_TOTAL, tlv.SAR_NUMBER)
    )
    if reference is None or total is None or place is None or total > 0xFF:
        return None
    return udh.belongs(reference & 0xFFFF, 16, total, place)


def _is_receipt_by_parameters(parameters: tuple[Tlv, ...]) -> bool:
    """Tell a receipt whose esm_class does not say so: only receipts name a text and its state."""
    tags = {one.tag for one in parameters}
    return tlv.RECEIPTED_MESSAGE_ID in tags and tlv.MESSAGE_STATE in tags


def _report(
    octets: bytes,
    body: ShortMessage | DataMessage,
    parameters: tuple[Tlv, ...],
    alphabet: Alphabet,
    now: datetime,
) -> Report | Nothing:
    if body.esm_class & udh.INDICATOR:
        _, octets = udh.split(octets)
    told = receipts.read(_words(octets, encoding_of(body.data_coding, alphabet)))
    named = (tlv.value(parameters, tlv.RECEIPTED_MESSAGE_ID) or b"").split(b"\0")[0]
    external_id = message_ids.of_receipt(named.decode("latin-1") or told.id or "")
    if not external_id:
        return Nothing("a receipt does not say which text it is about")
    given_back = tlv.number(parameters, tlv.USER_MESSAGE_REFERENCE)
    return Report(
        external_id=external_id,
        number=given_back,
        to=None if given_back is None else number(body.source_addr),
        state=_state(parameters, told),
        error=_error(parameters, told),
        occurred_at=now,  # the operator's clock names no time zone
    )


def _words(octets: bytes, encoding: Encoding) -> str:
    if encoding == "ucs2":
        return octets.decode("utf-16-be", "replace")
    if encoding == "gsm7" and max(octets, default=0) < 0x80:
        return gsm.decode(octets)
    return octets.decode("latin-1")


def _state(parameters: tuple[Tlv, ...], told: receipts.Body) -> State:
    """Return the state by the parameter, which is unambiguous, or else by the word."""
    said = tlv.number(parameters, tlv.MESSAGE_STATE)
    by_number = None if said is None else receipts.BY_NUMBER.get(said, "unknown")
    if by_number is None or (by_number == "unknown" and told.state is not None):
        return told.state or "unknown"
    return by_number


def _error(parameters: tuple[Tlv, ...], told: receipts.Body) -> str | None:
    network = tlv.value(parameters, tlv.NETWORK_ERROR_CODE) or b""
    if len(network) == 3 and (code := int.from_bytes(network[1:], "big")):
        return f"{_NETWORKS.get(network[0], f'network {network[0]}')} error {code}"
    if told.err is None or told.err in _NO_ERROR:
        return told.stat if told.state == "failed" else None
    return f"{told.stat} error {told.err}" if told.stat else f"error {told.err}"
