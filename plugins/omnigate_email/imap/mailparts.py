"""Of a mail that is too large: which parts are text, by its structure, and a smaller mail made of them.

Source: RFC 3501 section 7.4.2 (BODYSTRUCTURE) and 6.4.5 (sections), read 2026-11-22.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from omnigate_email.imap.replies import Value

TEXT_BYTES: Final = 1024 * 1024
"""So much of each text is fetched."""
MOST_TEXTS: Final = 10
MOST_PARTS: Final = 200
DEEPEST: Final = 20
_OF_THE_BODY: Final = re.compile(
    # Spaces before the colon are of the name, or a line of nothing else would take quadratic time.
    rb"(?im)^(?:content-[^:\r\n]*|mime-version[ \t]*):.*(?:\n[ \t].*)*\n?"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is no container."""

    section: str
    """As FETCH names it, such as ``1.2``."""
    mime: str
    size_bytes: int
    name: str | None = None
    is_text: bool = False
    """To be read rather than saved."""


@dataclass(slots=True)
class Structure:
    """What a mail is made of, as far as it was looked at."""

    parts: list[Part] = field(default_factory=list)
    single: bool = False
    """The mail is one part, whose headers are the mail's."""
    alternative: bool = False
    """Its texts say the same in different ways."""

    @property
    def texts(self) -> list[Part]:
        """The parts to fetch."""
        return [part for part in self.parts if part.is_text][:MOST_TEXTS]

    @property
    def left_out(self) -> list[Part]:
        """The parts that stay on the server."""
        fetched = self.texts
        return [part for part in self.parts if part not in fetched]


def structure_of(value: Value) -> Structure:
    """Read a BODYSTRUCTURE; what is odd in it is passed over."""
    found = Structure()
    if isinstance(value, list):
        found.single = not (value and isinstance(value[0], list))
        _walk(value, "", found, 0)
    return found


def smaller(headers: bytes, texts: Sequence[tuple[bytes, bytes]], structure: Structure) -> bytes:
    """Return a mail with the headers of the large one and these texts: each with the headers of its part."""
    if structure.single:
        body = texts[0][1] if texts else b""
        return headers.rstrip(b"\r\n") + b"\r\n\r\n" + body
    kept = _OF_THE_BODY.sub(b"", headers.rstrip(b"\r\n") + b"\r\n").rstrip(b"\r\n")
    digest = hashlib.sha256(b"".join(part for both in texts for part in both)).hexdigest()
    boundary = b"omnigate-" + digest[:40].encode()
    kind = b"alternative" if structure.alternative else b"mixed"
    pieces = [kept, b"MIME-Version: 1.0"]
    pieces.append(b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"')
    pieces.append(b"")
    for part_headers, content in texts:
        pieces += [b"--" + boundary, part_headers.strip(b"\r\n"), b"", content]
    pieces += [b"--" + boundary + b"--", b""]
    return b"\r\n".join(pieces)


def remark_of(size_bytes: int, limit_bytes: int, structure: Structure) -> str:
    """Say what was left on the server, for a person."""
    said = f"the mail has {size_bytes} bytes, more than the {limit_bytes} that are fetched"
    names = [part.name or part.mime for part in structure.left_out]
    if not names:
        return f"{said}; its text was cut"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{said}; left in the mailbox: {', '.join(names[:5])}{more}"


def _walk(value: list[Value], section: str, found: Structure, depth: int) -> None:
    if len(found.parts) >= MOST_PARTS or depth > DEEPEST or not value:
        return
    if not isinstance(value[0], list):
        found.parts.append(_part(value, section or "1"))
        return
    before = len(found.texts)
    for place, child in enumerate(_leading_lists(value), start=1):
        _walk(child, f"{section}.{place}" if section else str(place), found, depth + 1)
    subtype = value[_first_word(value)] if _first_word(value) < len(value) else None
    if _text(subtype) == "alternative":
        # Two texts side by side, of which one is to be shown.
        found.alternative = found.alternative or (before == 0 and len(found.texts) > 1)


def _leading_lists(value: list[Value]) -> list[list[Value]]:
    return [one for one in value[: _first_word(value)] if isinstance(one, list)]


def _first_word(value: list[Value]) -> int:
    return next((at for at, one in enumerate(value) if not isinstance(one, list)), len(value))


def _part(value: list[Value], section: str) -> Part:
    kind, subtype = (_text(value[at]) if len(value) > at else "" for at in (0, 1))
    size = value[6] if len(value) > 6 else None
    size_bytes = int(size) if isinstance(size, bytes) and re.fullmatch(rb"\d{1,15}", size) else 0
    disposition, parameters = _disposition(value[7:])
    name = _named(parameters, "filename") or _named(value[2] if len(value) > 2 else None, "name")
    readable = kind == "text" and subtype in ("plain", "html") and disposition != "attachment"
    return Part(
        section=section,
        mime=f"{kind}/{subtype}",
        size_bytes=size_bytes,
        name=name,
        is_text=readable and not (name and disposition),
    )


def _disposition(extensions: Sequence[Value]) -> tuple[str, Value]:
    for one in extensions:
        if isinstance(one, list) and len(one) == 2 and isinstance(one[0], bytes):
            word = _text(one[0])
            if word in ("attachment", "inline") and (one[1] is None or isinstance(one[1], list)):
                return word, one[1]
    return "", None


def _named(parameters: Value, name: str) -> str | None:
    pairs = parameters if isinstance(parameters, list) else []
    for key, value in zip(pairs[::2], pairs[1::2], strict=False):
        if _text(key).rstrip("*0") == name and isinstance(value, bytes):
            printable = "".join(c for c in value.decode("utf-8", "replace") if c.isprintable())
            return printable[:100] or None
    return None


def _text(value: Value) -> str:
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else ""
