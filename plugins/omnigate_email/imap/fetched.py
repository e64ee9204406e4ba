"""A mail as it was fetched, and the key by which it is known again when a server numbers its mails anew."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_LONGEST_HEADER_BYTES: Final = 1024 * 1024
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_KEY_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One mail out of a folder."""

    folder: str
    uidvalidity: int
    uid: int
    raw: bytes
    """As it lies on the server; where ``truncated``, a smaller mail made of its headers and texts."""
    arrived_at: datetime
    """When the server got it (INTERNALDATE); aware."""
    flags: tuple[str, ...]
    size_bytes: int
    """As the server tells it; more than ``raw`` has where ``truncated``."""
    key: str
    """The same whenever, and in whichever folder, this mail is found: for deduplication. 32 hex digits.

    Of Message-ID, Date, From, Subject and size; of the whole mail where it has no Message-ID.
    """
    message_id: str | None
    """As it stands in the header, with angle brackets; None where there is none."""
    truncated: bool = False
    remark: str = ""
    """What is missing and why, for a person; empty when nothing is."""


def key_of(raw: bytes, size_bytes: int) -> str:
    """Return the key of a mail, or of its headers alone when it has a Message-ID."""
    headers = header_block(raw)
    message_id = first(headers, b"message-id")
    if not message_id:
        return hashlib.sha256(raw).hexdigest()[:_KEY_CHARACTERS]
    told = [message_id, *(first(headers, name) for name in (b"date", b"from", b"subject"))]
    told.append(str(size_bytes).encode())
    return hashlib.sha256(b"\0".join(told)).hexdigest()[:_KEY_CHARACTERS]


def message_id_of(raw: bytes) -> str | None:
    """Return a mail's Message-ID as it stands there, or None."""
    return first(header_block(raw), b"message-id").decode("ascii", "replace") or None


def header_block(raw: bytes) -> bytes:
    """Return the headers without the empty line after them."""
    end = _HEADER_END.search(raw, 0, _LONGEST_HEADER_BYTES)
    return raw[: end.start()] if end else raw[:_LONGEST_HEADER_BYTES]


def first(headers: bytes, name: bytes) -> bytes:
    """Return the first header of a name, unfolded; empty where there is none."""
    field = rb"(?im)^" + re.escape(name) + rb"[ \t]*:(.*(?:\n[ \t].*)*)"
    match = re.search(field, headers)
    return _FOLD.sub(b" ", match[1]).strip() if match else b""
