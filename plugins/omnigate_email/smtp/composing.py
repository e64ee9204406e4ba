"""A part as a mail: headers, text and HTML, files. Pure; the same part always makes the same bytes.

What goes out is ASCII, with lines of at most 998 characters that end with CR and LF, unless an address has a
local part beyond ASCII: then the header fields are UTF-8 and the server must offer SMTPUTF8. The text is not
wrapped (``format=flowed`` is not understood by the most used clients), so what is read is what was written.

    multipart/mixed
      multipart/related              where pictures are shown within the text
        multipart/alternative        text/plain, text/html
        image/…
      application/…                  files

Source: RFC 5322, RFC 2045 to 2049 (MIME), RFC 2387 (related), RFC 2392 (cid), RFC 3834 (Auto-Submitted),
[MS-OXCMAIL] 2.2.3.2.14 (X-Auto-Response-Suppress), all read 2026-11-22.
"""

from __future__ import annotations

import mimetypes
import quopri
import re
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256
from typing import Final

import omnigate
from omnigate_email.mail import Mailbox
from omnigate_email.smtp import fields
from omnigate_email.smtp.template import Template

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What clients show within a text."""

_MIME: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")
_OPAQUE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above the text, as the channel knows it."""

    sender: Mailbox
    to: Sequence[Mailbox]
    subject: str
    message_id: str
    """With angle brackets; the same on every attempt, so that receivers drop a second copy."""
    sent_at: datetime
    """Of the message, not of the attempt."""
    cc: Sequence[Mailbox] = ()
    reply_to: Mailbox | None = None
    """Where answers go, with the conversation's token."""
    in_reply_to: str | None = None
    references: Sequence[str] = ()
    """Oldest first."""
    token: str | None = None
    """Of the conversation, for those who debug: it is lost on replies."""
    installation: str | None = None
    """Stands in what a machine wrote, so that we know our own words (X-Loop)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the company's mails look."""

    template: Template = field(default_factory=Template.bundled)
    marker: str | None = None
    """A line above which the customer is to write, see `omnigate_email.meaning.quoting`."""
    signature: str | None = None
    """Stands under every text."""
    names_author: bool = True
    """Who answers is named above the signature."""
    shows_pictures: bool = True
    """Pictures are shown under the text, and not only attached."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail ready to be sent."""

    content: bytes
    sender: str
    """Address in the form that servers take."""
    recipients: Sequence[str]
    """The first is whom it is for, the others get copies."""
    needs_smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class _Entity:
    """A MIME entity: its fields and its body, which ends with a line break that is not its own."""

    head: bytes
    body: bytes

    def __bytes__(self) -> bytes:
        return self.head + b"\r\n" + self.body


def compose(
    part: omnigate.OutboundPart,
    files: Sequence[tuple[omnigate.Attachment, bytes]],
    heading: Heading,
    style: Style,
) -> Composed:
    """Return the mail that a part becomes; ``files`` are its attachments with their bytes.

    Takes about half a second for 25 MiB: call it in a thread for files. Raises `Refused` for addresses
    that are none and for line breaks in what stands in a header.
    """
    sender = fields.wire_address(heading.sender.address)
    recipients = [fields.wire_address(one.address) for one in (*heading.to, *heading.cc)]
    head = _head(part, heading)
    content = head + bytes(_content(part, files, heading, style))
    return Composed(content, sender, recipients, needs_smtputf8=not head.isascii())


def _head(part: omnigate.OutboundPart, heading: Heading) -> bytes:
    if not fields.is_message_id(heading.message_id):
        raise ValueError("the message id stands in angle brackets, without spaces and in ASCII")
    lines = [
        fields.mailboxes("From", [heading.sender]),
        fields.mailboxes("To", heading.to),
        fields.mailboxes("Cc", heading.cc) if heading.cc else b"",
        fields.mailboxes("Reply-To", [heading.reply_to]) if heading.reply_to else b"",
        fields.text("Subject", heading.subject),
        f"Date: {format_datetime(heading.sent_at)}\r\n".encode(),
        fields.message_ids("Message-ID", [heading.message_id]),
        fields.message_ids("In-Reply-To", [heading.in_reply_to] if heading.in_reply_to else []),
        fields.message_ids("References", heading.references),
        fields.text("X-Omnigate-Conversation", heading.token) if heading.token else b"",
    ]
    if part.automatic:
        lines += [
            b"Auto-Submitted: auto-replied\r\n",
            b"X-Auto-Response-Suppress: All\r\n",
            fields.text("X-Loop", heading.installation) if heading.installation else b"",
        ]
    return b"".join([*lines, b"MIME-Version: 1.0\r\n"])


def _content(
    part: omnigate.OutboundPart,
    files: Sequence[tuple[omnigate.Attachment, bytes]],
    heading: Heading,
    style: Style,
) -> _Entity:
    boundary = "=_" + sha256(heading.message_id.encode()).hexdigest()[:40]
    domain = heading.sender.address.rpartition("@")[2]
    pictures: list[tuple[omnigate.Attachment, bytes, str]] = []
    attached: list[_Entity] = []
    for attachment, content in files:
        if attachment.mime.lower() in PICTURES and (style.shows_pictures or attachment.inline):
            pictures.append((attachment, content, f"{attachment.id}@{fields.host(domain)}"))
        else:
            attached.append(_file(attachment, content))
    entity = _said(part, style, boundary, [(cid, one.name or "") for one, _, cid in pictures])
    if pictures:
        shown = [_file(one, content, content_id=cid) for one, content, cid in pictures]
        entity = _multipart(
            "related", [entity, *shown], boundary + "r", 'type="multipart/alternative"'
        )
    if attached:
        entity = _multipart("mixed", [entity, *attached], boundary + "m")
    return entity


def _said(
    part: omnigate.OutboundPart, style: Style, boundary: str, pictures: Sequence[tuple[str, str]]
) -> _Entity:
    """Return the text, in both forms."""
    text = re.sub(r"\r\n?", "\n", part.text or "")
    author = part.author.name if part.author is not None and style.names_author else None
    closing = "\n".join(filter(None, (author, style.signature)))
    plain = "\n".join(
        [
            *([style.marker, ""] if style.marker else ()),
            text,
            *(["", "-- ", closing] if closing else ()),
        ]
    )
    html = style.template.render(
        text, marker=style.marker, author=author, signature=style.signature, pictures=pictures
    )
    forms = [_text("plain", plain), _text("html", html)]
    return _multipart("alternative", forms, boundary + "a")


def _text(subtype: str, text: str) -> _Entity:
    content = re.sub(r"\r\n?", "\n", text).encode("utf-8", "replace")
    # The line break before a boundary is none of the text's.
    quoted = quopri.encodestring(content) + b"\n"
    # Whichever is shorter: for Latin letters the one, for Cyrillic ones the other.
    if len(quoted) * 3 <= len(content) * 4:
        encoding, body = "quoted-printable", quoted
    else:
        encoding, body = "base64", encodebytes(content.replace(b"\n", b"\r\n"))
    head = (
        f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    )
    return _Entity(head.encode(), body.replace(b"\n", b"\r\n"))


def _file(
    attachment: omnigate.Attachment, content: bytes, *, content_id: str | None = None
) -> _Entity:
    mime = attachment.mime.lower()
    # Mails within mails must not be encoded (RFC 2046 section 5.2.1): they go as files like others.
    if not _MIME.fullmatch(mime) or mime.startswith(("multipart/", "message/")):
        mime = _OPAQUE
    name = (attachment.name or "").strip() or "file" + (mimetypes.guess_extension(mime) or "")
    disposition = fields.parameters("inline" if content_id else "attachment", [("filename", name)])
    head = (
        f"Content-Type: {mime}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {disposition}\r\n"
    )
    if content_id:
        head += f"Content-ID: <{content_id}>\r\n"
    return _Entity(head.encode(), encodebytes(content).replace(b"\n", b"\r\n"))


def _multipart(
    subtype: str, entities: Sequence[_Entity], boundary: str, *parameters: str
) -> _Entity:
    """Return entities as one. No line of theirs looks like the boundary: all are encoded."""
    kind = ";\r\n ".join([f"multipart/{subtype}", *parameters, f'boundary="{boundary}"'])
    parts = b"".join(b"--%b\r\n%b" % (boundary.encode(), bytes(one)) for one in entities)
    return _Entity(f"Content-Type: {kind}\r\n".encode(), parts + f"--{boundary}--\r\n".encode())
