"""Attachment rows: what is known of files, where their bytes come from, which are still to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from omnigate import ids
from omnigate.model.attachment import Attachment, AttachmentRef
from omnigate.store.record import MEDIA_URL
from omnigate.store.schema import attachment, message
from omnigate.store.transaction import Transaction, chunks

BY_CRM: Final = "crm"
"""``named_by`` in the source of a file that a CRM names; a channel named all others."""

_SHOWN: Final = (
    "id",
    "kind",
    "mime",
    "size_bytes",
    "name",
    "width",
    "height",
    "duration_seconds",
    "caption",
    "sha256",
    "inline",
    "state",
)


class StoredAttachment(NamedTuple):
    """An attachment and what only the host may know of it."""

    attachment: Attachment
    channel: str | None
    message_id: str | None
    owner: str | None
    """Who uploaded it: an API token, or a visitor of a channel."""
    source: dict[str, Any] | None
    """``{"url": …, "named_by": …}`` or ``{"ref": …}``: where to fetch the bytes; None when they are here."""
    failures: int
    error: str | None


class AttachmentShelf:
    """The attachments of one batch."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._wanted: set[str] = set()
        self._uploaded: dict[str, StoredAttachment] = {}
        self._new: list[dict[str, Any]] = []
        self._taken: list[dict[str, Any]] = []

    def want(self, attachment_id: str) -> None:
        """Have an uploaded file loaded by `load`."""
        self._wanted.add(attachment_id)

    def load(self) -> None:
        """Load what was asked for."""
        if self._wanted:
            found = read_attachments(self._transaction.connection, sorted(self._wanted))
            self._uploaded.update(found)
            self._wanted.clear()

    def take(
        self, channel: str, message_id: str, references: Sequence[AttachmentRef]
    ) -> list[Attachment]:
        """Return the attachments of an inbound message, known to the store from the next flush on.

        An uploaded file that is unknown, another channel's or used already is left out.
        """
        taken = []
        for reference in references:
            if reference.id is not None:
                uploaded = self._uploaded.get(reference.id)
                if uploaded and uploaded.channel == channel and uploaded.message_id is None:
                    del self._uploaded[reference.id]
                    self._taken.append(
                        {
                            "key": reference.id,
                            "message_id": message_id,
                            "inline": reference.inline,
                        }
                    )
                    shown = {"inline": reference.inline}
                    taken.append(uploaded.attachment.model_copy(update=shown))
            else:
                taken.append(self._add(channel, message_id, reference))
        return taken

    def flush(self) -> None:
        """Write new rows and the messages that files now belong to."""
        connection = self._transaction.connection
        if self._new:
            connection.execute(insert(attachment), self._new)
            self._transaction.attachments_due = True
            self._new = []
        if self._taken:
            connection.execute(_BELONG, self._taken)
            self._taken = []

    def _add(self, channel: str, message_id: str, reference: AttachmentRef) -> Attachment:
        source = {"url": reference.url} if reference.url else {"ref": reference.ref or {}}
        row = reference.model_dump(exclude={"id", "url", "ref"})
        row["mime"] = row["mime"] or "application/octet-stream"
        row.update(
            id=ids.attachment_id(),
            message_id=message_id,
            channel=channel,
            state="pending",
            source=to_json(source).decode(),
            failures=0,
            retry_at=self._transaction.now,
            created_at=self._transaction.now,
        )
        self._new.append(row)
        return _shown(row)


def add_uploaded(transaction: Transaction, items: Sequence[dict[str, Any]]) -> list[Attachment]:
    """Store rows of files whose bytes are on disk already: the fields shown, channel and owner."""
    rows = [
        {"failures": 0, "created_at": transaction.now, "state": "ready", "inline": False, **item}
        for item in items
    ]
    transaction.connection.execute(insert(attachment), rows)
    return [_shown(row) for row in rows]


class Fetched(NamedTuple):
    """How fetching an attachment went."""

    id: str
    sha256: str | None = None
    size_bytes: int | None = None
    mime: str | None = None
    error: str | None = None
    retry_at: int | None = None
    """When to try again; None with an error: never."""


def settle_fetched(transaction: Transaction, items: Sequence[Fetched]) -> list[bool]:
    """Note which attachments have their bytes now, and which failed; False for those that are gone."""
    known = []
    for item in items:
        change: dict[str, Any] = {"retry_at": item.retry_at, "error": item.error}
        if item.error is None:
            change.update(state="ready", sha256=item.sha256, size_bytes=item.size_bytes)
            if item.mime is not None:
                change["mime"] = item.mime
        else:
            change["failures"] = attachment.c.failures + 1
            if item.retry_at is None:
                change["state"] = "failed"
        changed = transaction.connection.execute(
            update(attachment).where(attachment.c.id == item.id).values(change)
        )
        known.append(changed.rowcount > 0)
    return known


def read_attachments(
    connection: Connection, attachment_ids: Sequence[str]
) -> Mapping[str, StoredAttachment]:
    """Return attachments by id; unknown ids are left out."""
    found = {}
    for some in chunks(attachment_ids):
        for row in connection.execute(_BY_ID, {"ids": some}).mappings():
            found[row["id"]] = _stored(row)
    return found


def due_attachments(
    connection: Connection, now: int, channels: Sequence[str], limit: int
) -> list[StoredAttachment]:
    """Return attachments of these channels whose fetching is due."""
    rows = connection.execute(
        _DUE, {"now": now, "channels": list(channels), "limit": limit}
    ).mappings()
    return [_stored(row) for row in rows]


def next_fetch_at(connection: Connection, channels: Sequence[str]) -> int | None:
    """Return when the next attachment of these channels is to be fetched."""
    when: int | None = connection.scalar(_NEXT, {"channels": list(channels)})
    return when


def brought_in(connection: Connection, message_id: str, since: int) -> int | None:
    """Return how many bytes the customer of a message has brought into its conversation since then.

    None when the message is not a customer's.
    """
    conversation_id = connection.scalar(_CONVERSATION, {"id": message_id})
    if conversation_id is None:
        return None
    return connection.scalar(_BROUGHT_IN, {"conversation": conversation_id, "since": since}) or 0


def _stored(row: RowMapping) -> StoredAttachment:
    return StoredAttachment(
        attachment=_shown(row),
        channel=row["channel"],
        message_id=row["message_id"],
        owner=row["owner"],
        source=from_json(row["source"]) if row["source"] else None,
        failures=row["failures"],
        error=row["error"],
    )


def _shown(row: RowMapping | dict[str, Any]) -> Attachment:
    fields = {name: row.get(name) for name in _SHOWN}
    return Attachment(url=MEDIA_URL + row["id"], **fields)


_BY_ID: Final = select(attachment).where(attachment.c.id.in_(bindparam("ids", expanding=True)))
_DUE: Final = (
    select(attachment)
    .where(
        attachment.c.retry_at.is_not(None),
        attachment.c.retry_at <= bindparam("now"),
        attachment.c.channel.in_(bindparam("channels", expanding=True)),
    )
    .order_by(attachment.c.retry_at)
    .limit(bindparam("limit"))
)
_NEXT: Final = select(func.min(attachment.c.retry_at)).where(
    attachment.c.retry_at.is_not(None),
    attachment.c.channel.in_(bindparam("channels", expanding=True)),
)
_CONVERSATION: Final = select(message.c.conversation_id).where(
    message.c.id == bindparam("id"), message.c.direction == "inbound"
)
_BROUGHT_IN: Final = (
    select(func.sum(attachment.c.size_bytes))
    .join_from(message, attachment, attachment.c.message_id == message.c.id)
    .where(
        message.c.conversation_id == bindparam("conversation"),
        message.c.direction == "inbound",
        attachment.c.state == "ready",
        attachment.c.created_at > bindparam("since"),
    )
)
_BELONG: Final = (
    update(attachment)
    .where(attachment.c.id == bindparam("key"))
    .values(message_id=bindparam("message_id"), inline=bindparam("inline"))
)
