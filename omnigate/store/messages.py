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
        self._news: list[tuple[dict[str, Any], str]] = []
        """Messages that the batch itself brings: their rows, and what they say as JSON."""
        self._brought: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
        """Those that nobody has asked for yet, by what they are called."""
        self._sent: set[tuple[str, str]] = set()
        """What our own are called: that is no name for another."""
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
                keys = {"channel": channel, "ids": some}
                for row in connection.execute(_BY_EXTERNAL_ID, keys):
                    self._known[channel, row.said_as] = KnownMessage(*row[:-1])
                for row in connection.execute(_BY_PART, keys):
                    self._known[channel, row.said_as] = KnownMessage(*row[:-1])
                    self._sent.add((channel, row.said_as))
        self._wanted.clear()

    def learn(self, row: dict[str, Any], said: str) -> None:
        """Make a message known that the batch itself brings; ``said`` is its JSON."""
        self._news.append((row, said))
        key = (row["channel"], row["external_id"])
        if key not in self._sent:
            self._brought[key] = (row, said)

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

    def latest(self, conversation_id: str, limit: int) -> list[Message]:
        """Return the latest messages of a conversation, newest first, with what this batch brings."""
        stored = list_messages(
            self._transaction.connection, conversation_id=conversation_id, limit=limit
        )
        found = {content.id: content for content, _ in stored}
        for row, said in self._news:
            if row["conversation_id"] == conversation_id:
                found[row["id"]] = Message.model_validate_json(said)
        found |= {known: self._contents[known] for known in found if known in self._contents}
        return [found[known] for known in sorted(found, reverse=True)[:limit]]

    def change(self, known: KnownMessage, content: Message, position: int) -> None:
        """Note that what a message says now is this, and stands in another event.

        One that we have sent keeps by itself what it says, and how far it is changes with receipts: it
        is written at once.
        """
        if known.position is None:
            self._transaction.connection.execute(
                _UPDATE_OWN,
                {
                    "key": known.id,
                    "state_now": content.state,
                    "content_now": content.model_dump_json(),
                },
            )
            return
        self._contents[known.id] = content
        self._changes.append({"key": known.id, "state": content.state, "position": position})

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
_UPDATE_OWN: Final = (
    update(message)
    .where(message.c.id == bindparam("key"))
    .values(state=bindparam("state_now"), content=bindparam("content_now"))
)
_UPDATE: Final = (
    update(message)
    .where(message.c.id == bindparam("key"))
    .values(state=bindparam("state"), position=bindparam("position"))
)
