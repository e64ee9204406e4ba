"""Optional parameters: a tag, a length and a value. What we do not know is kept as it is.

Source: SMPP 3.4 issue 1.2, sections 3.2.4 and 5.3.2 (values compared with two libraries, 2026-11-22).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

ADDITIONAL_STATUS_INFO: Final = 0x001D
RECEIPTED_MESSAGE_ID: Final = 0x001E
USER_MESSAGE_REFERENCE: Final = 0x0204
SAR_REFERENCE: Final = 0x020C
SAR_TOTAL: Final = 0x020E
SAR_NUMBER: Final = 0x020F
SC_INTERFACE_VERSION: Final = 0x0210
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
MORE_MESSAGES_TO_SEND: Final = 0x0426
MESSAGE_STATE: Final = 0x0427
CONGESTION_STATE: Final = 0x0428

VALUE_LIMIT_BYTES: Final = 0xFFFF
_HEAD: Final = struct.Struct(">HH")


class Tlv(NamedTuple):
    """One optional parameter."""

    tag: int
    value: bytes


def write(parameters: Iterable[Tlv]) -> bytes:
    """Return parameters as they stand at the end of a PDU; raises ``ValueError`` for too long a value."""
    out = bytearray()
    for tag, value in parameters:
        if len(value) > VALUE_LIMIT_BYTES:
            raise ValueError(f"the value of parameter 0x{tag:04X} is longer than 65535 octets")
        out += _HEAD.pack(tag, len(value)) + value
    return bytes(out)


def read(octets: bytes) -> tuple[Tlv, ...]:
    """Return the parameters at the end of a PDU; raises ``ValueError`` when one is cut off."""
    found: list[Tlv] = []
    at = 0
    while at < len(octets):
        if len(octets) - at < _HEAD.size:
            raise ValueError("the head of an optional parameter is cut off")
        tag, length = _HEAD.unpack_from(octets, at)
        at += _HEAD.size
        if length > len(octets) - at:
            raise ValueError(f"the value of optional parameter 0x{tag:04X} is cut off")
        found.append(Tlv(tag, octets[at : at + length]))
        at += length
    return tuple(found)


def value(parameters: Iterable[Tlv], tag: int) -> bytes | None:
    """Return the value of the first parameter with a tag, or None."""
    return next((one.value for one in parameters if one.tag == tag), None)


def number(parameters: Iterable[Tlv], tag: int) -> int | None:
    """Return the first parameter with a tag as a number; None where there is none or it is empty."""
    found = value(parameters, tag)
    return int.from_bytes(found, "big") if found else None
