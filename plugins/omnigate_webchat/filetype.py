"""What a file is, told by its first bytes: neither its name nor what a browser says is trusted."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final, Literal

Kind = Literal["image", "video", "audio", "file"]

HEAD_BYTES: Final = 512
"""How many first bytes are enough to tell."""


def _is_text(head: bytes) -> bool:
    """Tell whether the bytes are UTF-8 text without control characters."""
    cut = head[:HEAD_BYTES]
    try:
        text = cut.decode()
    except UnicodeDecodeError as error:
        # Only the last character may be broken, and only where the head ends before the file.
        if len(head) <= HEAD_BYTES or error.start < HEAD_BYTES - 3:
            return False
        text = cut[: error.start].decode()
    return all(sign in "\t\r\n\f" or unicodedata.category(sign) != "Cc" for sign in text)


# Signatures by the formats' own specifications; the first that matches counts.
_SIGNATURES: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    ("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/gif", lambda head: head[:6] in (b"GIF87a", b"GIF89a")),
    ("image/webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    ("image/heic", lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1")),
    ("application/pdf", lambda head: head.startswith(b"%PDF-")),
    ("application/zip", lambda head: head[:4] in (b"PK\x03\x04", b"PK\x05\x06")),
    ("audio/mpeg", lambda head: head[:3] == b"ID3" or head[:2] in (b"\xff\xfb", b"\xff\xf3")),
    ("audio/wav", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WAVE"),
    ("audio/mp4", lambda head: head[4:11] == b"ftypM4A"),
    ("audio/ogg", lambda head: head.startswith(b"OggS")),
    ("video/webm", lambda head: head.startswith(b"\x1a\x45\xdf\xa3")),
    ("video/quicktime", lambda head: head[4:12] == b"ftypqt  "),
    ("video/mp4", lambda head: head[4:8] == b"ftyp"),
    ("text/plain", _is_text),
)

KNOWN: Final = frozenset(mime for mime, _ in _SIGNATURES)
"""Every type that can be told."""


def mime_of(head: bytes) -> str | None:
    """Return the type that the first bytes tell, or None. HTML and SVG come out as plain text."""
    return next((mime for mime, matches in _SIGNATURES if head and matches(head)), None)


def kind_of(mime: str) -> Kind:
    """Return how a file of this type is shown."""
    match mime.partition("/")[0]:
        case "image":
            return "image"
        case "video":
            return "video"
        case "audio":
            return "audio"
        case _:
            return "file"
