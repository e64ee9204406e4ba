"""Links as QR codes, for a customer who looks at one screen and carries on with the other.

Source: ISO/IEC 18004, as the library ``segno`` (1.6) writes it.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import segno

LONGEST: Final = 300
"""Characters: codes of more are so fine that phones have trouble reading them, and slow to make."""

_ERROR_LEVEL: Final = "m"
"""15 % may be dirty or shine: screens are clean, so more would only make the code finer."""
_DARK: Final = re.compile(rb"\x01+")
_DOT: Final = 4
"""Pixels of one dot."""


def qr_svg(text: str) -> str | None:
    """Return a text as an SVG image, black on white; None when it is too long for a code.

    Takes some milliseconds of processor time: from an event loop, call it in a thread.
    """
    if len(text) > LONGEST:
        return None
    image = io.BytesIO()
    _code(text).save(
        image,
        kind="svg",
        scale=_DOT,
        light="#fff",
        xmldecl=False,
        nl=False,
        svgclass=None,
        lineclass=None,
    )
    return image.getvalue().decode()


def qr_lines(text: str) -> list[str] | None:
    """Return a text as lines of half blocks for a terminal; None when it is too long for a code."""
    if len(text) > LONGEST:
        return None
    drawn = io.StringIO()
    _code(text).terminal(drawn, border=2, compact=True)
    return drawn.getvalue().splitlines()


@dataclass(frozen=True, slots=True)
class QrPath:
    """A code as the outline of its dark dots, for whoever draws it by themselves."""

    size: int
    """Dots in a row; the quiet zone around them, four dots wide, is not counted."""
    path: str
    """The ``d`` of an SVG path, one unit a dot."""


def qr_path(text: str) -> QrPath | None:
    """Return a text as a code to be drawn; None when it is too long for one.

    Takes some milliseconds of processor time: from an event loop, call it in a thread.
    """
    if len(text) > LONGEST:
        return None
    rows = _code(text).matrix
    bars = (
        f"M{found.start()} {y}h{len(found[0])}v1h-{len(found[0])}z"
        for y, row in enumerate(rows)
        for found in _DARK.finditer(row)
    )
    return QrPath(len(rows), "".join(bars))


def _code(text: str) -> segno.QRCode:
    import segno  # noqa: PLC0415  # a tenth of what a command takes to start, and few show a code

    return segno.make_qr(text, error=_ERROR_LEVEL)
