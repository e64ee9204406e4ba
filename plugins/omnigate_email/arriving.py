"""A mail on its way in: where it came from, under what key it is known, and how it is found again later."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

import omnigate
from omnigate_email.imap.fetched import Fetched

_BROUGHT: Final = "handed-over"
_FETCHED: Final = "imap"
_ANY: Final = "surrogatepass"
"""Envelopes have bytes that are no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A mail that was brought, or fetched."""

    raw: bytes
    arrived_at: datetime
    recipients: Sequence[str] = ()
    """Of the envelope, where it is known."""
    sender: str | None = None
    """Of the envelope, where it is known; empty in reports."""
    folder: str | None = None
    key: str | None = None
    """Of a mail whose bytes are not all here."""
    remark: str = ""
    """What is missing of it, and why."""

    @classmethod
    def brought(cls, raw: bytes, recipients: Sequence[str], sender: str) -> Arrival:
        """Return a mail that a mail server has handed over just now."""
        return cls(raw=raw, recipients=recipients, sender=sender, arrived_at=datetime.now(UTC))

    @classmethod
    def fetched(cls, found: Fetched) -> Arrival:
        """Return a mail out of a mailbox."""
        return cls(
            raw=found.raw,
            folder=found.folder,
            arrived_at=found.arrived_at,
            key=found.key if found.truncated else None,
            remark=found.remark,
        )

    @property
    def fingerprint(self) -> str:
        """What no other mail has, and the same mail has again: made of all its bytes."""
        return self.key or hashlib.sha256(self.raw).hexdigest()

    def external_id(self, conversation: str | None) -> str:
        """Return the key of deduplication, for a mail whose addresses name a conversation or none.

        It is made of all bytes, so that nobody can have another's mail taken for known. A mail that is
        handed over again after an answer was lost has the same bytes, and so has one in a folder that the
        server has numbered anew, or that was moved.
        """
        return f"mail:{self.fingerprint}:{conversation or ''}"

    def as_update(self) -> omnigate.Request:
        """Return what quarantine keeps, so that `of_update` finds the same mail in it."""
        # All in the path: quarantine keeps of headers and queries only what cannot be secret.
        if self.folder is not None:
            path = "/".join(("", _FETCHED, _quoted(self.folder), _quoted(self.key or "")))
        else:
            recipients = ",".join(map(_quoted, self.recipients))
            sender = () if self.sender is None else (_quoted(self.sender),)
            path = "/".join(("", _BROUGHT, recipients, *sender))
        return omnigate.Request(
            method="MAIL",
            path=path,
            # The same bytes to somebody else are another mail: quarantine tells them by this.
            query={"path": path},
            headers={"content-type": "message/rfc822"},
            body=self.raw,
            received_at_seconds=self.arrived_at.timestamp(),
        )

    @classmethod
    def of_update(cls, request: omnigate.Request) -> Arrival:
        """Return the mail that was kept."""
        way, first, second = (*request.path.split("/")[1:], None, None, None)[:3]
        arrived_at = datetime.fromtimestamp(request.received_at_seconds, UTC)
        if way == _FETCHED:
            folder, key = _read(first), _read(second) or None
            return cls(raw=request.body, arrived_at=arrived_at, folder=folder, key=key)
        return cls(
            raw=request.body,
            arrived_at=arrived_at,
            recipients=[unquote(one, errors=_ANY) for one in (first or "").split(",") if one],
            sender=_read(second),
        )


def _read(segment: str | None) -> str | None:
    return unquote(segment, errors=_ANY) if segment is not None else None


def _quoted(text: str) -> str:
    return quote(text, safe="@", errors=_ANY)
