"""Files that the platform keeps: uploaded, saved, sent, and fetched again by their address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from random import Random
from typing import Any, Final

EXECUTABLE: Final = frozenset({"exe", "bat", "cmd", "com", "msi", "scr", "apk", "jar", "sh", "dll"})
"""Extensions that are not taken as a document. That there is a list is known; what is on it is
unverified."""

_IMAGES: Final[Mapping[bytes, str]] = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes behind an address."""

    name: str
    mime: str
    data: bytes


@dataclass(slots=True)
class Attachment:
    """Something attached to a message, as the platform describes it."""

    kind: str
    body: dict[str, Any]
    data: bytes | None = None
    """The original, for those that are files."""

    @property
    def address(self) -> str:
        """Return what names it in ``attachment``: ``photo1_2_key``."""
        kind = "doc" if self.kind in ("audio_message", "graffiti") else self.kind
        key = self.body.get("access_key")
        name = f"{kind}{self.body.get('owner_id', 0)}_{self.body.get('id', 0)}"
        return f"{name}_{key}" if key else name

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in a message."""
        return {"type": self.kind, self.kind: self.body}


@dataclass(slots=True)
class Upload:
    """One upload from the moment that an address was given for it until it is saved."""

    ticket: str
    kind: str
    """``photo``, or the type of document: ``doc``, ``audio_message``, ``graffiti``."""
    community_id: int
    peer_id: int
    answer: dict[str, Any] = field(default_factory=dict)
    """What the upload server said, to be given to the save method."""
    file: Stored | None = None


class Shelf:
    """Everything that was uploaded or sent. The addresses cannot be guessed, as on the platform."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.url = ""
        """Where the emulator listens; set when it does."""
        self.stored: dict[str, Stored] = {}
        self.uploads: dict[str, Upload] = {}
        self.attachments: dict[str, Attachment] = {}

    def put(self, data: bytes, name: str, mime: str) -> str:
        """Keep a file and return its address."""
        token = f"{self._random.getrandbits(96):024x}"
        self.stored[token] = Stored(name, mime, data)
        return f"{self.url}/files/{token}/{name}"

    def forget(self, url: str) -> None:
        """Let an address expire: it is answered with 404 from now on."""
        self.stored.pop(url.rsplit("/", 2)[-2], None)

    def remember(self, attachment: Attachment) -> Attachment:
        """Make it known under its address without a key, and return it."""
        self.attachments[bare(attachment.address)] = attachment
        return attachment

    def expect(self, kind: str, community_id: int, peer_id: int) -> Upload:
        """Open an upload."""
        ticket = f"{self._random.getrandbits(96):024x}"
        upload = Upload(ticket, kind, community_id, peer_id)
        self.uploads[ticket] = upload
        return upload


def bare(address: str) -> str:
    """Return an address without its access key."""
    return "_".join(address.split("_")[:2])


def image_mime(data: bytes) -> str | None:
    """Return the type of a picture by its first bytes, or none."""
    for start, mime in _IMAGES.items():
        if data.startswith(start):
            return mime
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def is_voice(data: bytes) -> bool:
    """Whether this is Opus in Ogg with one channel (RFC 7845 section 5.1).

    That the platform takes nothing else for a voice message is unverified.
    """
    start = data.find(b"OpusHead")
    return data.startswith(b"OggS") and 0 < start < 512 and data[start + 9 : start + 10] == b"\x01"


def extension(name: str) -> str:
    """Return the ending of a file's name in lower case, without the dot."""
    return PurePosixPath(name).suffix.lstrip(".").lower()
