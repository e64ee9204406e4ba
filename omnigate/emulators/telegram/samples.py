"""Small files of every kind, for people who send something without saying what."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sample:
    """A file as a phone sends it."""

    content: bytes
    name: str = ""
    mime_type: str = ""


def png(width: int, height: int, grey: int = 200) -> bytes:
    """Return a plain picture of this size."""
    rows = b"".join(b"\0" + bytes([grey]) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data)
        for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


_MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(64)

SAMPLES: Final = {
    "photo": Sample(png(1280, 960)),
    "document": Sample(b"%PDF-1.4\n%%EOF\n", "invoice.pdf", "application/pdf"),
    "video": Sample(_MP4, "video.mp4", "video/mp4"),
    "animation": Sample(_MP4, "cat.mp4", "video/mp4"),
    "audio": Sample(b"ID3\x03\x00" + bytes(64), "song.mp3", "audio/mpeg"),
    "voice": Sample(b"OggS" + bytes(64), "", "audio/ogg"),
    "video_note": Sample(_MP4),
    "sticker": Sample(b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(14)),
}
