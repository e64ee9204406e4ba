"""Files on the platform: kept once, named differently to every bot, fetched by a path for an hour.

Source: fact sheet, sections 5 and 6. The form of ids and paths is the emulator's own: they are
opaque to a bot by definition.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from omnigate.emulators.telegram.errors import Refused, bad_request
from omnigate.emulators.telegram.limits import DOWNLOAD_BYTES, FILE_PATH_SECONDS

_FOLDERS = {
    "photo": "photos",
    "document": "documents",
    "video": "videos",
    "animation": "animations",
    "audio": "music",
    "voice": "voice",
    "video_note": "video_notes",
    "sticker": "stickers",
}


@dataclass(frozen=True, slots=True, eq=False)
class StoredFile:
    """Bytes on the platform."""

    unique_id: str
    content: bytes
    size_bytes: int
    """What is said of its size: a test of a limit need not hold so many bytes."""
    name: str = ""
    mime_type: str = ""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file inside a message: becomes ``file_id`` and ``file_unique_id`` of whoever reads it."""

    file: StoredFile
    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class FileStore:
    """Every file of the platform."""

    def __init__(self, random: Random, clock: Callable[[], float], *, local: bool) -> None:
        self._random = random
        self._clock = clock
        self._local = local
        self.folder: Path | None = None
        """Where a server of one's own puts files, in place of serving them."""
        self._ids: dict[str, tuple[int, FileRef]] = {}
        self._paths: dict[tuple[int, str], tuple[StoredFile, float]] = {}

    def put(
        self, content: bytes, *, name: str = "", mime_type: str = "", size_bytes: int | None = None
    ) -> StoredFile:
        """Keep bytes; ``size_bytes`` lets them pass for more than they are."""
        unique = urlsafe_b64encode(self._random.randbytes(11)).decode().rstrip("=")
        size = len(content) if size_bytes is None else size_bytes
        return StoredFile(unique, content, size, name, mime_type)

    def describe(self, reference: FileRef, bot_id: int) -> dict[str, Any]:
        """Return the file as a message shows it to this bot, with an id only it can use."""
        file = reference.file
        plain = f"{bot_id}:{reference.kind}:{file.unique_id}"
        file_id = f"AgAC{urlsafe_b64encode(plain.encode()).decode().rstrip('=')}"
        self._ids[file_id] = (bot_id, reference)
        return {
            "file_id": file_id,
            "file_unique_id": file.unique_id,
            "file_size": file.size_bytes,
            **reference.fields,
        }

    def find(self, file_id: str, bot_id: int) -> FileRef | None:
        """Return the file that this bot knows by this id."""
        owner, reference = self._ids.get(file_id, (None, None))
        return reference if owner == bot_id else None

    def open(self, file_id: str, bot_id: int) -> dict[str, Any]:
        """Answer ``getFile``: each time a path of its own, good for an hour.

        Raises:
            Refused: no such file for this bot, or it is over 20 MB
        """
        if not file_id:
            raise bad_request("file_id not specified")
        reference = self.find(file_id, bot_id)
        if reference is None:
            raise bad_request("invalid file_id")
        file = reference.file
        if file.size_bytes > DOWNLOAD_BYTES and not self._local:
            raise bad_request("file is too big")
        folder = _FOLDERS.get(reference.kind, "documents")
        path = f"{folder}/file_{len(self._paths)}"
        if self.folder is not None:
            path = str(self._put_into(self.folder / str(bot_id) / path, file.content))
        self._paths[bot_id, path] = (file, self._clock() + FILE_PATH_SECONDS)
        return {
            "file_id": file_id,
            "file_unique_id": file.unique_id,
            "file_size": file.size_bytes,
            "file_path": path,
        }

    @staticmethod
    def _put_into(path: Path, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def read(self, bot_id: int, path: str) -> bytes:
        """Return the bytes behind a path; raises ``Refused`` where it is unknown or expired."""
        file, good_until = self._paths.get((bot_id, path), (None, 0.0))
        if file is None or self._clock() > good_until or self.folder is not None:
            raise Refused(404)
        return file.content

    def expire_paths(self) -> None:
        """Let every path given so far be expired."""
        self._paths = {key: (file, 0.0) for key, (file, _) in self._paths.items()}


def image_sides(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, GIF, JPEG or WebP, none where it is no such picture."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        return struct.unpack(">II", content[16:24])
    if content[:6] in (b"GIF87a", b"GIF89a") and len(content) >= 10:
        return struct.unpack("<HH", content[6:10])
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return (512, 512)  # its sides are never looked at
    if content.startswith(b"\xff\xd8"):
        return _jpeg_sides(content)
    return None


def _jpeg_sides(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return (width, height)
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    return None
