"""Mails as the reader hands them over, in a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omnigate_email.mail import Mail, Mailbox


def mail(
    headers: Mapping[str, str | Sequence[str]] | None = None,
    *,
    author: str | None = "anna@mail.example",
    to: Sequence[str] = ("support@shop.example",),
    **fields: Any,
) -> Mail:
    """Return a mail with headers by name, and with whatever of its fields is given."""
    given = {
        name.lower(): (value,) if isinstance(value, str) else tuple(value)
        for name, value in (headers or {}).items()
    }
    return Mail(
        headers=given,
        message_id=fields.pop("message_id", "<m1@mail.example>"),
        author=Mailbox(author) if author else None,
        to=tuple(Mailbox(one) for one in to),
        **fields,
    )
