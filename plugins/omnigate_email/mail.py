"""A mail as it was read: what the parser hands to everybody else. Plain data for any process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Somebody's address, in lower case but for the local part, with punycode decoded, and their name."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A part that is a file."""

    content: bytes
    mime: str
    name: str | None = None
    content_id: str | None = None
    """Without angle brackets."""
    inline: bool = False
    """The HTML shows it: it has a ``content_id`` that stands there as ``cid:``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A ``multipart/report``: what a machine says of a mail that was sent (RFC 3462)."""

    type: str
    """``delivery-status``, ``disposition-notification``, ``feedback-report``, in lower case."""
    fields: Sequence[Mapping[str, str]] = ()
    """The groups of fields of its second part, names in lower case, unfolded: for a delivery status the
    message's group first, then one per recipient."""
    original_headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of the mail it is about, as far as it came along; names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What stands in a mail."""

    headers: Mapping[str, Sequence[str]]
    """All headers, decoded and unfolded, by name in lower case, in order of appearance."""
    message_id: str | None
    """With angle brackets, as all ids of mails here."""
    in_reply_to: Sequence[str] = ()
    references: Sequence[str] = ()
    subject: str | None = None
    sent_at: datetime | None = None
    """What ``Date`` says; aware."""
    author: Mailbox | None = None
    """``From``, the first."""
    sender: Mailbox | None = None
    """``Sender``: who sent it in the author's name, or all there is to tell who wrote it."""
    reply_to: Sequence[Mailbox] = ()
    to: Sequence[Mailbox] = ()
    cc: Sequence[Mailbox] = ()
    text: str = ""
    """The whole text: the plain part, or what was made of the HTML. A very long one is cut, said in
    ``remarks``, and kept whole as the first of ``files``: a megabyte would hold up the event loop."""
    text_is_of_html: bool = False
    html: str | None = None
    """Sanitised; pictures that came along are ``cid:`` and their ``content_id``."""
    files: Sequence[File] = ()
    report: Report | None = None
    encrypted: bool = False
    """S/MIME or PGP: nothing of it was opened."""
    remarks: Sequence[str] = ()
    """What could not be read or was left out, each in a few words."""
