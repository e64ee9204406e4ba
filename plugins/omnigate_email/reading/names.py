"""Names of files as strangers give them: no paths, nothing that hides or turns what is read."""

from __future__ import annotations

import re
import unicodedata

from omnigate_email.reading.charsets import storable

NAME_SIGNS = 200
"""What file systems and people can take; an ending of up to ``ENDING_SIGNS`` survives the cut."""
ENDING_SIGNS = 16

_TURNING = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Signs of direction and ones without width: ``exe.fdp`` shown as ``pdf.exe``."""
_PATH = re.compile(r"[./~]|[a-z]:/|file:|.*\\", re.IGNORECASE)
"""What tells a path from a name such as ``Invoice 5/2026.pdf``."""


def printable(text: str) -> str:
    """Return the text on one line, without control signs, signs of direction and of no width."""
    kept = (
        " " if sign in "\t\n\u2028\u2029" else sign
        for sign in storable(text)
        if sign not in _TURNING
    )
    return "".join(sign for sign in kept if unicodedata.category(sign) not in ("Cc", "Cs"))


def file_name(given: str | None) -> str | None:
    """Return a name that is only a name, of at most ``NAME_SIGNS``; ``None`` if nothing is left."""
    said = printable(given or "").strip()
    if _PATH.match(said):
        last = said.replace("\\", "/").rstrip("/").rpartition("/")[2]
    else:
        last = said.strip("/").replace("/", "-")
    name = unicodedata.normalize("NFC", " ".join(last.split())).strip(". ")
    if last.lstrip().startswith(".") and name:
        name = f".{name}" if "." not in name else name  # .profile, but never .. or .
    if len(name) > NAME_SIGNS:
        stem, dot, ending = name.rpartition(".")
        tail = f"{dot}{ending}" if dot and len(ending) <= ENDING_SIGNS else ""
        name = (stem if tail else name)[: NAME_SIGNS - len(tail)] + tail
    return name or None
