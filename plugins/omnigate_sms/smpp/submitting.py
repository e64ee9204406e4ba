"""A text as the submit_sm of each of its segments. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import omnigate
from omnigate_sms import gsm, segments
from omnigate_sms.link import Text
from omnigate_sms.segments import Cut
from omnigate_sms.smpp import tlv, udh
from omnigate_sms.smpp.bodies import ShortMessage
from omnigate_sms.smpp.config import CHARSETS, Alphabet, SmppConfig
from omnigate_sms.smpp.tlv import Tlv

DEFAULT_ALPHABET: Final = 0
UCS2: Final = 8

# Types of number and numbering plans, section 5.2.5 and 5.2.6
UNKNOWN: Final = 0
INTERNATIONAL: Final = 1
E164: Final = 1
NAME: Final = 5
SHORT_CODE_DIGITS: Final = 6
"""Numbers of more digits are taken for international ones."""
ADDRESS_LIMIT: Final = 20

WIDE: Final = frozenset({"udh16", "sar"})
"""Ways whose reference takes 16 bits of each segment; of sar the SMSC makes such a header."""

_DAY_SECONDS: Final = 24 * 3600
_LONGEST_SECONDS: Final = 99 * _DAY_SECONDS
_MONTH_DAYS: Final = 30


class Submit(NamedTuple):
    """One segment, ready to go."""

    body: ShortMessage
    parameters: tuple[Tlv, ...]


def cut(text: Text, config: SmppConfig, reference: int) -> Sequence[Submit]:
    """Return the segments of a text, in order; with ``payload`` a long one is a single submit_sm.

    Raises:
        omnigate.Refused: the text or one of its addresses cannot be sent.
    """
    try:
        cuts = segments.cut(
            text.text,
            reference,
            16 if config.long_messages in WIDE else 8,
            only_ucs2=config.lacks(text.text),
        )
    except segments.TooLong as error:
        raise omnigate.Refused("too_long", str(error)) from None
    plain = _addressed(text, config)
    if len(cuts) > 1 and config.long_messages == "payload":
        return [_as_payload(cuts, plain, config.default_alphabet)]
    return [_submit(one, plain, config, reference) for one in cuts]


def _submit(cut: Cut, plain: ShortMessage, config: SmppConfig, reference: int) -> Submit:
    octets, coding = _written(cut, config.default_alphabet)
    if cut.total == 1:
        return Submit(replace(plain, short_message=octets, data_coding=coding), ())
    if config.long_messages == "sar":
        belongs = (
            Tlv(tlv.SAR_REFERENCE, (reference & 0xFFFF).to_bytes(2, "big")),
            Tlv(tlv.SAR_TOTAL, bytes([cut.total])),
            Tlv(tlv.SAR_NUMBER, bytes([cut.number])),
        )
        return Submit(replace(plain, short_message=octets, data_coding=coding), belongs)
    headed = replace(
        plain, short_message=cut.udh + octets, data_coding=coding, esm_class=udh.INDICATOR
    )
    return Submit(headed, ())


def _as_payload(cuts: Sequence[Cut], plain: ShortMessage, alphabet: Alphabet) -> Submit:
    written = [_written(one, alphabet) for one in cuts]
    octets = b"".join(piece for piece, _ in written)
    if len(octets) > tlv.VALUE_LIMIT_BYTES:
        raise omnigate.Refused("too_long", f"{len(octets)} octets do not fit message_payload")
    body = replace(plain, data_coding=written[0][1])
    return Submit(body, (Tlv(tlv.MESSAGE_PAYLOAD, octets),))


def _written(cut: Cut, alphabet: Alphabet) -> tuple[bytes, int]:
    """Return the octets of a segment as the SMSC wants them, and its data_coding."""
    if cut.encoding == "ucs2":
        return cut.data, UCS2
    charset = CHARSETS.get(alphabet)
    # The SMSC makes septets of Latin-1 and ASCII: a segment is as long as it becomes then.
    octets = gsm.decode(cut.data).encode(charset) if charset else cut.data
    return octets, DEFAULT_ALPHABET


def _addressed(text: Text, config: SmppConfig) -> ShortMessage:
    source_ton, source_npi = _source_type(text.sender, config)
    return ShortMessage(
        service_type=config.service_type,
        source_addr_ton=source_ton if config.source_ton is None else config.source_ton,
        source_addr_npi=source_npi if config.source_npi is None else config.source_npi,
        source_addr=_address(text.sender.removeprefix("+"), "bad_sender"),
        dest_addr_ton=config.destination_ton,
        dest_addr_npi=config.destination_npi,
        destination_addr=_address(text.to.removeprefix("+"), "bad_address"),
        validity_period="" if text.valid_seconds is None else validity(text.valid_seconds),
        registered_delivery=config.registered_delivery,
    )


def _address(address: str, cause: str) -> str:
    if len(address) > ADDRESS_LIMIT or not (address.isascii() and address.isprintable()):
        raise omnigate.Refused(
            cause, f"an address has at most {ADDRESS_LIMIT} characters of ASCII; correct it"
        )
    return address


def _source_type(sender: str, config: SmppConfig) -> tuple[int, int]:
    """Return the type of number and the numbering plan of our own address, by its looks."""
    digits = sender.removeprefix("+")
    if not digits:
        return UNKNOWN, UNKNOWN  # the operator puts in what it has for us
    if not (digits.isascii() and digits.isdigit()):
        return NAME, UNKNOWN
    if len(digits) <= SHORT_CODE_DIGITS:
        return config.short_code_ton, UNKNOWN
    return INTERNATIONAL, E164


def validity(seconds: int) -> str:
    """Return a relative time as SMPP writes it (section 7.1.1), at least a second, at most 99 days."""
    left = min(max(seconds, 1), _LONGEST_SECONDS)
    days, left = divmod(left, _DAY_SECONDS)
    months, days = divmod(days, _MONTH_DAYS)
    hours, left = divmod(left, 3600)
    return f"00{months:02}{days:02}{hours:02}{left // 60:02}{left % 60:02}000R"
