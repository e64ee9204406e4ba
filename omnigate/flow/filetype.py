"""What a file is, told by its first bytes: only what they prove is ever shown inside a page.

Source: PNG 1.2 section 3.1, JFIF 1.02, GIF89a, WebP container specification (RIFF).
"""

from __future__ import annotations

import re
from typing import Final

from omnigate.model.attachment import AttachmentKind

HEAD_BYTES: Final = 16
"""How much of a file `raster_type` wants to see."""

RASTER_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The only types that are served to be shown; everything else is served to be saved."""

OPAQUE: Final = "application/octet-stream"

_MIME: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")


def raster_type(head: bytes) -> str | None:
    """Return the type of a raster image by its signature; None for anything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return None


def file_type(head: bytes, claimed: str | None) -> str:
    """Return the type to keep: the proven one, or the claimed one where it may be believed.

    A claim to be a raster image that the bytes do not bear out is worth nothing.
    """
    proven = raster_type(head)
    if proven is not None:
        return proven
    mime = (claimed or "").partition(";")[0].strip().lower()
    if not _MIME.fullmatch(mime) or mime in RASTER_TYPES:
        return OPAQUE
    return mime


def kind_of(mime: str) -> AttachmentKind:
    """Return the kind of attachment that a type makes."""
    match mime.partition("/")[0]:
        case "image" if mime in RASTER_TYPES:
            return "image"
        case "video":
            return "video"
        case "audio":
            return "audio"
        case _:
            return "file"
