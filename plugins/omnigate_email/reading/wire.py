"""A mail between the process that reads it and the daemon: lengths, one JSON, and the long things as bytes.

No pickle: a parser that a mail took over must not be able to run anything in the daemon.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from omnigate_email.mail import File, Mail, Mailbox, Report

LENGTH = struct.Struct(">Q")
"""Before a mail, before the number of blobs, and before each blob."""
BLOBS = 1024
"""Of one mail at most: the parts of a mail are far fewer."""
BLOB_BYTES = 512 * 1024 * 1024
"""All blobs of a mail together."""

GREETING = b"omnigate-mail-"
"""Begins the line that the process says once; what is spoken follows."""
FORMAT = 2
"""Of the blobs. To be raised with any change of how `packed` writes them."""

_LONG = ("text", "html", "files")


def ready() -> bytes:
    """Return the line that greets: the same on both sides as long as they mean the same by a mail.

    After an upgrade the process may be of newer code than the daemon that starts it.
    """
    shape = ";".join(
        f"{kind.__name__}.{one.name}:{one.type}"
        for kind in (Mail, File, Mailbox, Report)
        for one in fields(kind)
    )
    digest = hashlib.sha256(f"{FORMAT};{shape}".encode()).hexdigest()
    return GREETING + digest[:16].encode() + b"\n"


def packed(mail: Mail) -> list[bytes]:
    """Return the mail as blobs: the JSON, the text, the HTML, and each file's content."""
    plain = {name: getattr(mail, name) for name in mail.__slots__ if name not in _LONG}
    for name in ("author", "sender", "report"):
        plain[name] = asdict(plain[name]) if plain[name] is not None else None
    for name in ("to", "cc", "reply_to"):
        plain[name] = [[box.address, box.name] for box in plain[name]]
    plain["sent_at"] = mail.sent_at.isoformat() if mail.sent_at is not None else None
    plain["has_html"] = mail.html is not None
    plain["files"] = [[file.mime, file.name, file.content_id, file.inline] for file in mail.files]
    return [
        json.dumps(plain).encode(),
        mail.text.encode(),
        (mail.html or "").encode(),
        *(file.content for file in mail.files),
    ]


def unpacked(blobs: Sequence[bytes]) -> Mail:
    """Return the mail that was packed.

    Raises:
        ValueError, KeyError, TypeError: the other side is not what it should be.
    """
    plain: dict[str, Any] = json.loads(blobs[0])
    has_html = plain.pop("has_html")
    described = plain.pop("files")
    files = [
        File(content=content, mime=mime, name=name, content_id=content_id, inline=inline)
        for content, (mime, name, content_id, inline) in zip(blobs[3:], described, strict=True)
    ]
    for name in ("to", "cc", "reply_to"):
        plain[name] = [Mailbox(*pair) for pair in plain[name]]
    for name in ("author", "sender"):
        if plain[name] is not None:
            plain[name] = Mailbox(**plain[name])
    if plain["report"] is not None:
        plain["report"] = Report(**plain["report"])
    if plain["sent_at"] is not None:
        plain["sent_at"] = datetime.fromisoformat(plain["sent_at"])
    html = blobs[2].decode() if has_html else None
    return Mail(**plain, text=blobs[1].decode(), html=html, files=files)
