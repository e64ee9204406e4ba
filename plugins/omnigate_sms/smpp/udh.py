"""The user data header that may stand before a text: where a piece of a long one belongs.

Source: 3GPP TS 23.040 version 17, section 9.2.3.24 (by way of two libraries, 2026-11-22).
"""

from __future__ import annotations

from typing import Final

from omnigate_sms.link import Segment

INDICATOR: Final = 0x40
"""The bit of esm_class that says there is one."""

_REFERENCE_8: Final = 0x00
_REFERENCE_16: Final = 0x08
_SIZE_8: Final = 3
_SIZE_16: Final = 4
_ELEMENT_HEAD: Final = 2


def split(octets: bytes) -> tuple[Segment | None, bytes]:
    """Return where a piece belongs, None for a whole text, and the text behind the header.

    What else the header says (ports, tables of national languages) is passed over. A header that makes
    no sense is taken for text: nothing that a customer wrote is dropped.
    """
    if not octets or (end := 1 + octets[0]) > len(octets):
        return None, octets
    segment: Segment | None = None
    at = 1
    while at < end:
        if at + _ELEMENT_HEAD > end or (after := at + _ELEMENT_HEAD + octets[at + 1]) > end:
            return None, octets
        # Where it is told twice, the last one counts (section 9.2.3.24).
        segment = _segment(octets[at], octets[at + _ELEMENT_HEAD : after]) or segment
        at = after
    return segment, octets[end:]


def _segment(element: int, value: bytes) -> Segment | None:
    if element == _REFERENCE_8 and len(value) == _SIZE_8:
        return belongs(value[0], 8, value[1], value[2])
    if element == _REFERENCE_16 and len(value) == _SIZE_16:
        return belongs(int.from_bytes(value[:2], "big"), 16, value[2], value[3])
    return None


def belongs(reference: int, width_bits: int, total: int, number: int) -> Segment | None:
    """Return where a piece belongs; None for a whole text or numbers that make no sense."""
    if total < 2 or not 1 <= number <= total:
        return None
    return Segment(
        reference=reference, width_bits=16 if width_bits == 16 else 8, total=total, number=number
    )
