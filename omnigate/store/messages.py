"""Messages as they are now: finding them by the platform's id, reading what they say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, select, update

from omnigate.model.facts import Message, Part
from omnigate.store.prepared import bulk_insert
from omnigate.store.schema import SEND, event_body, message, message_part
from omnigate.store.threads import Thread
from omnigate.store.transaction import Transaction, chunks


class KnownMessage(NamedTuple):
    """A message's row, without what it says."""

    id: str
    channel: str
    conversation_id: str
    direction: str
    state: str
    external_id: str | None
    position: int | None


def message_row(
    thread: Thread,
    message_id: str,
    *,
    direction: str,
    state: str,
    external_id: str | None,
    now: int,
    content: str | None = None,
    position: int | None = None,
    expires_at: int | None = None,
) -> dict[str, Any]:
    """Return the row of a message; what it says is in the event at ``position``, or in ``content``."""
    return {
        "id": message_id,
        "channel": thread.channel.name,
        "conversation_id": thread.id,
        "direction": direction,
        "state": state,
        "external_id": external_id,
        "content": content,
        "position": position,
        "created_at": now,
        "expires_at": expires_at,
    }


class MessageIndex:
    """Messages that a batch refers to by the platform's ids, in either direction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._wanted: dict[str, set[str]] = {}
        self._known: dict[tuple[str, str], KnownMessage] = {}
        self._brought: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
        """Messages that the batch itself brings: their rows, and what they say as JSON."""
        self._contents: dict[str, Message] = {}
        self._changes: list[dict[str, Any]] = []

    def want(self, channel: str, *external_ids: str) -> None:
        """Have messages loaded by `load`."""
        if external_ids:
            self._wanted.setdefault(channel, set()).update(external_ids)

    def load(self) -> None:
        """Load what was asked for."""
        connection = self._transaction.connection
        for channel, external_ids in self._wanted.items():
            for some in chunks(sorted(external_ids)):
                for query in (_BY_EXTERNAL_ID, _BY_PART):
                    for row in connection.execute(query, {"channel": channel, "ids": some}):
                        self._known[channel, row.said_as] = KnownMessage(*row[:-1])
        self._wanted.clear()

    def learn(self, row: dict[str, Any], said: str) -> None:
        """Make a message known that the batch itself brings; ``said`` is its JSON."""
        self._brought[row["channel"], row["external_id"]] = (row, said)

    def find(self, channel: str, external_id: str) -> KnownMessage | None:
        """Return a message that was loaded or brought by the platform's id."""
        brought = self._brought.pop((channel, external_id), None)
        if brought is not None:
            row, said = brought
            known = KnownMessage(**{name: row[name] for name in KnownMessage._fields})
            self._known[channel, external_id] = known
            self._contents[known.id] = Message.model_validate_json(said)
        return self._known.get((channel, external_id))

    def id_of(self, channel: str, external_id: str | None) -> str | None:
        """Return our id of a message that `find` knows, or None."""
        known = self.find(channel, external_id) if external_id else None
        return known.id if known else None

    def content(self, known: KnownMessage) -> Message:
        """Return what a message says now, changes of this batch included."""
        content = self._contents.get(known.id)
        if content is None:
            content = read_messages(self._transaction.connection, [known.id])[known.id]
        return content

    def change(self, content: Message, position: int) -> None:
        """Note that what an inbound message says now is this, and stands in another event."""
        self._contents[content.id] = content
        self._changes.append({"key": content.id, "state": content.state, "position": position})

    def flush(self) -> None:
        """Write the changes."""
        if self._changes:
            self._transaction.connection.execute(_UPDATE, self._changes)
            self._changes = []


def read_messages(
    connection: Connection, message_ids: Sequence[str], *, channel: str | None = None
) -> dict[str, Message]:
    """Return messages as they are now, by id, in the given order; unknown ids are left out.

    With ``channel``, messages of other channels are unknown too.

    URLs of attachments are placeholders (`omnigate.store.record.MEDIA_URL`).
    """
    found: dict[str, Message] = {}
    for some in chunks(message_ids):
        query = _CONTENT if channel is None else _CONTENT.where(message.c.channel == channel)
        rows = connection.execute(query, {"ids": some}).all()
        parts = _read_parts(connection, [row.id for row in rows if row.direction == "outbound"])
        found.update((row.id, _message(row, parts.get(row.id, ()))) for row in rows)
    return {known: found[known] for known in message_ids if known in found}


def _message(row: Any, parts: Sequence[Part]) -> Message:
    own = row.content is not None
    content = from_json(row.content) if own else from_json(row.body)["data"]["message"]
    content["state"] = row.state
    content["error"] = row.error
    if parts:
        content["parts"] = [part.model_dump() for part in parts]
        content["external_ids"] = [part.external_id for part in parts if part.external_id]
    return Message.model_validate(content)


def _read_parts(connection: Connection, message_ids: Sequence[str]) -> dict[str, list[Part]]:
    parts: dict[str, list[Part]] = {}
    for some in chunks(message_ids):
        for row in connection.execute(_PARTS, {"ids": some}):
            parts.setdefault(row.message_id, []).append(
                Part(
                    index=row.number, state=row.state, external_id=row.external_id, error=row.error
                )
            )
    return parts


def list_messages(
    connection: Connection,
    *,
    conversation_id: str | None = None,
    channels: Iterable[str] | None = None,
    direction: str | None = None,
    state: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[tuple[Message, str]]:
    """Return messages with their conversation's id, newest first, older than the id ``before``."""
    query = select(message.c.id, message.c.conversation_id)
    if conversation_id is not None:
        query = query.where(message.c.conversation_id == conversation_id)
    if channels is not None:
        query = query.where(message.c.channel.in_(list(channels)))
    if direction is not None:
        query = query.where(message.c.direction == direction)
    if state is not None:
        query = query.where(message.c.state == state)
    if before is not None:
        query = query.where(message.c.id < before)
    rows = connection.execute(query.order_by(message.c.id.desc()).limit(limit)).all()
    said = read_messages(connection, [row.id for row in rows])
    return [(said[row.id], row.conversation_id) for row in rows if row.id in said]


INSERT_MESSAGE: Final = bulk_insert(message)

_KNOWN: Final = [getattr(message.c, name) for name in KnownMessage._fields]
_BY_EXTERNAL_ID: Final = select(*_KNOWN, message.c.external_id.label("said_as")).where(
    message.c.channel == bindparam("channel"),
    message.c.external_id.in_(bindparam("ids", expanding=True)),
)
_BY_PART: Final = (
    select(*_KNOWN, message_part.c.external_id.label("said_as"))
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(
        message_part.c.channel == bindparam("channel"),
        message_part.c.external_id.in_(bindparam("ids", expanding=True)),
    )
)
_CONTENT: Final = (
    select(
        message.c.id,
        message.c.direction,
        message.c.state,
        message.c.error,
        message.c.content,
        event_body.c.body,
    )
    .select_from(message.outerjoin(event_body, event_body.c.position == message.c.position))
    .where(message.c.id.in_(bindparam("ids", expanding=True)))
)
_PARTS: Final = (
    select(message_part)
    .where(
        message_part.c.message_id.in_(bindparam("ids", expanding=True)),
        message_part.c.action == SEND,
    )
    .order_by(message_part.c.message_id, message_part.c.number)
)
_UPDATE: Final = (
    update(message)
    .where(message.c.id == bindparam("key"))
    .values(state=bindparam("state"), position=bindparam("position"))
)
