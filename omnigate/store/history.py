"""Reading the log: what the API, the channels and the operator look at."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, select

from omnigate.model.event import EventType
from omnigate.store.schema import conversation, event, event_body, message
from omnigate.store.transaction import RecordedEvent


class Portion(NamedTuple):
    """Some events that follow each other."""

    events: list[RecordedEvent]
    more: bool
    """Perhaps there are more: as many came as were wanted, or as fit."""


def read_history(
    connection: Connection,
    conversation_id: str,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
) -> list[RecordedEvent]:
    """Return events of a conversation in order of sequence: the earliest after, or latest before."""
    query = _EVENTS.where(event.c.conversation_id == conversation_id, event.c.sequence > after)
    if before is None:
        rows = connection.execute(query.order_by(event.c.sequence).limit(limit)).all()
    else:
        latest = query.where(event.c.sequence < before).order_by(event.c.sequence.desc())
        rows = connection.execute(latest.limit(limit)).all()[::-1]
    return [_recorded(row) for row in rows]


def read_log(
    connection: Connection,
    *,
    after: int,
    limit: int,
    max_bytes: int,
    types: Collection[str] | None = None,
    channels: Collection[str] | None = None,
) -> Portion:
    """Return events of all conversations after a position of the log, in order.

    Ends before what would make it more than ``max_bytes``, but not before the first.
    """
    query = _EVENTS.where(event.c.position > after)
    if types is not None:
        query = query.where(event.c.type.in_(list(types)))
    if channels is not None:
        query = query.where(event.c.channel.in_(list(channels)))
    query = query.order_by(event.c.position).limit(limit)
    return _portion(connection, query, limit, max_bytes)


def log_end(connection: Connection) -> int:
    """Return the position of the last event, 0 for an empty log."""
    return connection.scalar(select(func.coalesce(func.max(event.c.position), 0))) or 0


def newest_event_at(connection: Connection) -> int | None:
    """Return when the last event was recorded, in milliseconds since 1970; None for an empty log."""
    newest = select(event.c.recorded_at).order_by(event.c.position.desc()).limit(1)
    moment: int | None = connection.scalar(newest)
    return moment


def position_of(connection: Connection, event_id: str) -> int | None:
    """Return where an event stands in the log."""
    position: int | None = connection.scalar(select(event.c.position).where(event.c.id == event_id))
    return position


def event_at(connection: Connection, position: int) -> RecordedEvent | None:
    """Return the event at a position of the log; None when there is none, or no text of it."""
    row = connection.execute(_EVENTS.where(event.c.position == position)).first()
    return _recorded(row) if row is not None else None


def event_called(connection: Connection, event_id: str) -> RecordedEvent | None:
    """Return an event by its id; None when there is none, or no text of it."""
    row = connection.execute(_EVENTS.where(event.c.id == event_id)).first()
    return _recorded(row) if row is not None else None


def position_before(connection: Connection, moment: int) -> int:
    """Return the position of the last event recorded before a time, in milliseconds since 1970.

    Positions grow with time, so a few look-ups find it, in a log of any length. Where the clock was set
    back, the place is near the right one.
    """
    low, high = 0, log_end(connection)
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(_NEXT_RECORDED, {"after": middle, "end": high}).first()
        if row is None or row.recorded_at >= moment:
            high = middle
        else:
            low = row.position
    return low


def conversation_of_event(connection: Connection, event_id: str) -> str | None:
    """Return the conversation that an event belongs to, if it does to any."""
    found: str | None = connection.scalar(
        select(event.c.conversation_id).where(event.c.id == event_id)
    )
    return found


def external_id_of(connection: Connection, message_id: str) -> tuple[str, str] | None:
    """Return conversation and platform's id of a message, for a reply; None if there is none."""
    row = connection.execute(
        select(message.c.conversation_id, message.c.external_id).where(message.c.id == message_id)
    ).first()
    return (row.conversation_id, row.external_id or message_id) if row is not None else None


def _portion(connection: Connection, query: Select[Any], limit: int, max_bytes: int) -> Portion:
    """Return the rows of a query as events, as many as fit; the others are not even read."""
    found: list[RecordedEvent] = []
    left_bytes = max_bytes
    with connection.execute(query) as rows:
        for row in rows:
            size = len(row.body) if row.body.isascii() else len(row.body.encode())
            if found and size > left_bytes:
                return Portion(found, True)
            left_bytes -= size
            found.append(_recorded(row))
    return Portion(found, len(found) == limit)


def _recorded(row: Any) -> RecordedEvent:
    return RecordedEvent(
        row.position,
        row.id,
        EventType(row.type),
        row.channel,
        row.external_id,
        row.conversation_id,
        row.sequence,
        row.body,
        row.media,
    )


_NEXT_RECORDED: Final = (
    select(event.c.position, event.c.recorded_at)
    .where(event.c.position > bindparam("after"), event.c.position <= bindparam("end"))
    .order_by(event.c.position)
    .limit(1)
)
_EVENTS: Final[Select[Any]] = select(
    event.c.position,
    event.c.id,
    event.c.type,
    event.c.channel,
    event.c.conversation_id,
    event.c.sequence,
    event_body.c.body,
    event_body.c.media,
    conversation.c.external_id,
).select_from(
    event.join(event_body, event_body.c.position == event.c.position).outerjoin(
        conversation, conversation.c.id == event.c.conversation_id
    )
)
