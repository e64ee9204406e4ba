"""Files of a mail: handed to the host before the mail is stored, and shown where its HTML shows them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Final
from urllib.parse import unquote

import omnigate
from omnigate_email.mail import File

MOST_FILES: Final = 100
LARGEST_FILE_BYTES: Final = 150 * 1024 * 1024
"""What the host takes is less, as a rule: it knows what the operator allows."""
_PIECE_BYTES: Final = 256 * 1024
_SHOWN: Final = re.compile(r"cid:([^\s\"'<>)]{1,1000})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Saved:
    """What is there of a mail's files."""

    references: Sequence[omnigate.AttachmentRef] = ()
    by_content_id: Mapping[str, str] = field(default_factory=dict)
    """The host's id of a file, by the id that the HTML knows it by."""
    remarks: Sequence[str] = ()
    """What had to be left out."""


async def save(files: Sequence[File], host: omnigate.ChannelHost) -> Saved:
    """Store files durably. One that is too large is left out, and that is said.

    Raises `Overloaded` or `StoreError`.
    """
    references: list[omnigate.AttachmentRef] = []
    shown: dict[str, str] = {}
    remarks: list[str] = []
    for file in files[:MOST_FILES]:
        try:
            kept = await host.save_file(
                _pieces(file.content),
                name=file.name,
                mime=file.mime,
                limit_bytes=LARGEST_FILE_BYTES,
            )
        except omnigate.BadPayload:
            size = len(file.content)
            remarks.append(f"left out, {size} bytes are too many: {(file.name or file.mime)[:200]}")
            continue
        references.append(
            omnigate.AttachmentRef(
                id=kept.id,
                kind=kept.kind,
                mime=kept.mime,
                name=kept.name,
                size_bytes=kept.size_bytes,
                inline=file.inline,
            )
        )
        if file.content_id:
            shown[file.content_id] = kept.id
    if len(files) > MOST_FILES:
        remarks.append(f"left out: {len(files) - MOST_FILES} more files")
    return Saved(references, shown, remarks)


def with_own_ids(html: str, by_content_id: Mapping[str, str]) -> str:
    """Return HTML whose pictures are called by the host's ids; what is not there stays as it was."""

    def called(found: re.Match[str]) -> str:
        said = unescape(found[1])
        own = by_content_id.get(said) or by_content_id.get(unquote(said))
        return f"cid:{own}" if own else found[0]

    return _SHOWN.sub(called, html) if by_content_id else html


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE_BYTES):
        yield content[start : start + _PIECE_BYTES]
