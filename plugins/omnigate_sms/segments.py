"""How a text is cut into the segments that phones and operators count, and charge for.

A text of the default alphabet counts septets, any other UTF-16 code units. A segment has 140 octets; of a
text that needs more than one, each segment gives up six octets for a user data header that says where it
belongs (seven with a 16-bit reference).

Source: 3GPP TS 23.040 version 17, section 9.2.3.24 (concatenation); TS 23.038 section 6 (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from omnigate_sms import gsm

Encoding = Literal["gsm7", "ucs2"]
WidthBits = Literal[8, 16]

MOST_SEGMENTS: Final = 255
"""What the one octet for the number of segments can say."""

_ALONE: Final[dict[Encoding, int]] = {"gsm7": 160, "ucs2": 70}
_OF_SEVERAL: Final[dict[tuple[Encoding, WidthBits], int]] = {
    ("gsm7", 8): 153,
    ("gsm7", 16): 152,
    ("ucs2", 8): 67,
    ("ucs2", 16): 66,
}
_CODE_UNIT_BYTES: Final = 2


class TooLong(ValueError):
    """A text needs more segments than it may have."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a text comes to."""

    encoding: Encoding
    length: int
    """In septets or code units, as the encoding counts."""
    segments: int
    room: int
    """How much more fits without another segment, in the same units."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One segment."""

    data: bytes
    """Of the text alone, without the header: a septet per octet, or UTF-16 big-endian."""
    encoding: Encoding
    udh: bytes
    """The user data header with its own length first; empty for a text of one segment."""
    number: int
    """From 1."""
    total: int


def measure(text: str, *, width_bits: WidthBits = 8, only_ucs2: bool = False) -> Measure:
    """Return what a text comes to; pure, and never less for a longer text that begins alike."""
    encoding, units = _units(text, only_ucs2=only_ucs2)
    length = sum(map(len, units)) // _unit_bytes(encoding)
    if length <= _ALONE[encoding]:
        return Measure(encoding, length, 1, _ALONE[encoding] - length)
    most = _OF_SEVERAL[encoding, width_bits]
    pieces = _fill(units, most * _unit_bytes(encoding))
    room = most - len(pieces[-1]) // _unit_bytes(encoding)
    return Measure(encoding, length, len(pieces), room)


def cut(
    text: str,
    reference: int,
    width_bits: WidthBits = 8,
    max_segments: int = MOST_SEGMENTS,
    *,
    only_ucs2: bool = False,
) -> list[Cut]:
    """Return the segments of a text, in order; an escaped character or a surrogate pair stays whole.

    Of the reference the lowest bits are taken, as many as the width has. ``only_ucs2`` is for operators
    whose default alphabet lacks some of the text's characters.

    Raises:
        TooLong: it needs more than ``max_segments``.
    """
    encoding, units = _units(text, only_ucs2=only_ucs2)
    data = b"".join(units)
    if len(data) <= _ALONE[encoding] * _unit_bytes(encoding):
        return [Cut(data, encoding, b"", 1, 1)]
    pieces = _fill(units, _OF_SEVERAL[encoding, width_bits] * _unit_bytes(encoding))
    most = min(max_segments, MOST_SEGMENTS)
    if len(pieces) > most:
        raise TooLong(f"the text needs {len(pieces)} segments and may have {most}; shorten it")
    return [
        Cut(
            piece, encoding, header(reference, width_bits, len(pieces), number), number, len(pieces)
        )
        for number, piece in enumerate(pieces, start=1)
    ]


def header(reference: int, width_bits: WidthBits, total: int, number: int) -> bytes:
    """Return the user data header of one segment of a long text, its own length first."""
    if width_bits == 8:
        return bytes([0x05, 0x00, 0x03, reference & 0xFF, total, number])
    high, low = (reference & 0xFFFF) >> 8, reference & 0xFF
    return bytes([0x06, 0x08, 0x04, high, low, total, number])


def _unit_bytes(encoding: Encoding) -> int:
    return 1 if encoding == "gsm7" else _CODE_UNIT_BYTES


def _units(text: str, *, only_ucs2: bool = False) -> tuple[Encoding, Sequence[bytes]]:
    """Return the octets of each character: what must not be cut apart."""
    if not only_ucs2 and gsm.is_gsm(text):
        return "gsm7", [gsm.encode(character) for character in text]
    # Half a pair cannot be sent; it counts the same as what stands for it.
    return "ucs2", [character.encode("utf-16-be", "replace") for character in text]


def _fill(units: Sequence[bytes], most_bytes: int) -> list[bytes]:
    pieces: list[bytes] = []
    piece = bytearray()
    for unit in units:
        if len(piece) + len(unit) > most_bytes:
            pieces.append(bytes(piece))
            piece.clear()
        piece += unit
    pieces.append(bytes(piece))
    return pieces
