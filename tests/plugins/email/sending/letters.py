"""Mails to send, and how others read them."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

from omnigate_email.mail import Mailbox
from omnigate_email.smtp.composing import Composed, Heading, Style, compose

import omnigate

SENT_AT = datetime(2026, 11, 22, 10, 5, 7, tzinfo=UTC)
SUPPORT = Mailbox("support@example.com", "Поддержка")
ANNA = Mailbox("anna@example.org", "Anna")


def heading(**changed: object) -> Heading:
    given_ = {
        "sender": SUPPORT,
        "to": [ANNA],
        "subject": "Re: order",
        "message_id": "<1.t@example.com>",
        "sent_at": SENT_AT,
        **changed,
    }
    return Heading(**given_)  # type: ignore[arg-type]  # a test names what it changes


def part(**changed: object) -> omnigate.OutboundPart:
    given_ = {
        "id": "msg_1.0",
        "message": "msg_1",
        "index": 0,
        "parts": 1,
        "conversation": "c",
        "address": omnigate.mailto("anna@example.org"),
        "text": "Hello",
        **changed,
    }
    return omnigate.OutboundPart.model_validate(given_)


def composed(
    files: list[tuple[omnigate.Attachment, bytes]] | None = None,
    style: Style | None = None,
    part_: omnigate.OutboundPart | None = None,
    **changed: object,
) -> Composed:
    return compose(part_ or part(), files or [], heading(**changed), style or Style())


def read(mail: Composed) -> EmailMessage:
    """Read a mail as others will, after looking at the bytes of its lines."""
    for line in mail.content.split(b"\r\n"):
        assert len(line) <= 998
        assert b"\n" not in line
        assert b"\r" not in line
    read_back = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert isinstance(read_back, EmailMessage)
    for one in read_back.walk():
        assert not one.defects
    return read_back


def plain(mail: Composed) -> str:
    body = read(mail).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def html(mail: Composed) -> str:
    body = read(mail).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def picture(number: int = 1, **changed: object) -> tuple[omnigate.Attachment, bytes]:
    fields = {"id": f"att_{number}", "mime": "image/png", "name": "Снимок.png", **changed}
    return omnigate.Attachment.model_validate(fields), b"\x89PNG" + bytes(range(256)) * 9
