"""The queue as operators see it: what is owed to whom, and since when.

Everything here is found by the outbox's own index, so it costs what is pending and not what is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select, tuple_

from omnigate.store.errands import is_first_part
from omnigate.store.schema import (
    SEND,
    attempt,
    destination,
    event,
    lane,
    message,
    message_part,
    outbox,
)
from omnigate.store.selection import CHUNK, Owner, Pick, destinations_called
from omnigate.store.subjects import is_about


class QueueFilter(NamedTuple):
    """Which part of the queue is meant; nothing named means all of it."""

    to: str | None = None
    """Name of the destination."""
    subject: str | None = None
    """The conversation, or the contact, that it is about."""


class LaneShown(NamedTuple):
    """A lane that owes something."""

    owner: Owner
    stream: str
    state: int
    run_at: int
    pending: int
    head: Any
    """The row of its first item."""
    last_error: str | None


def list_lanes(
    connection: Connection,
    wanted: QueueFilter,
    *,
    after: tuple[int, str] | None = None,
    limit: int,
) -> list[LaneShown]:
    """Return lanes that owe something, by destination and name."""
    owners = destinations_called(connection, wanted.to)
    query = select(
        outbox.c.destination_id, outbox.c.stream, func.min(outbox.c.id).label("head")
    ).where(*_conditions(connection, wanted))
    if after is not None:
        query = query.where(tuple_(outbox.c.destination_id, outbox.c.stream) > after)
    query = query.group_by(outbox.c.destination_id, outbox.c.stream)
    query = query.order_by(outbox.c.destination_id, outbox.c.stream)
    keys = connection.execute(query.limit(limit)).all()
    heads = {row.id: row for row in connection.execute(_HEADS, {"ids": [key.head for key in keys]})}
    errors = _last_errors(connection, list(heads))
    return [
        LaneShown(
            owners[key.destination_id],
            key.stream,
            heads[key.head].lane_state,
            heads[key.head].run_at,
            heads[key.head].pending,
            heads[key.head],
            errors.get(key.head),
        )
        for key in keys
        if key.head in heads
    ]


def list_items(
    connection: Connection, wanted: QueueFilter, *, after: int = 0, limit: int
) -> list[Any]:
    """Return what is owed, in the order in which it was queued."""
    query = _ITEMS.where(*_conditions(connection, wanted), outbox.c.id > after)
    return list(connection.execute(query.order_by(outbox.c.id).limit(limit)))


def read_item(connection: Connection, number: int) -> Any | None:
    """Return one item that is owed."""
    return connection.execute(_ITEMS.where(outbox.c.id == number)).first()


def expired_items(
    connection: Connection, served: Sequence[int], now: int, limit: int = CHUNK
) -> list[int]:
    """Return items whose time is over and which nobody will claim: who is owed them is not there."""
    query = (
        select(outbox.c.id)
        .where(outbox.c.destination_id.not_in(served), outbox.c.expires_at <= now)
        .limit(limit)
    )
    return list(connection.scalars(query))


def _conditions(connection: Connection, wanted: QueueFilter) -> list[ColumnElement[bool]]:
    if wanted == QueueFilter():
        return []
    owners = destinations_called(connection, wanted.to)
    conditions: list[ColumnElement[bool]] = [outbox.c.destination_id.in_(list(owners))]
    if wanted.subject is not None:
        conditions.append(is_about(connection, outbox.c.stream, wanted.subject))
    return conditions


def _last_errors(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in connection.execute(_ERRORS, {"ids": numbers}):
        found[row.outbox_id] = row.error
    return found


_IN_LANE: Final = (lane.c.destination_id == outbox.c.destination_id) & (
    lane.c.stream == outbox.c.stream
)
_HEADS: Final = (
    select(
        outbox.c.id,
        outbox.c.attempts,
        outbox.c.created_at,
        outbox.c.expires_at,
        outbox.c.replay,
        lane.c.state.label("lane_state"),
        lane.c.run_at,
        lane.c.pending,
    )
    .join_from(outbox, lane, _IN_LANE)
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)))
)
_ITEMS: Final[Select[Any]] = select(
    outbox,
    destination.c.direction,
    destination.c.name,
    event.c.id.label("event_id"),
    event.c.type.label("event_type"),
    event.c.sequence,
    event.c.contact_id,
    func.coalesce(event.c.conversation_id, message.c.conversation_id).label("conversation_id"),
    func.coalesce(message_part.c.action, SEND).label("action"),
).select_from(
    outbox.join(destination, destination.c.id == outbox.c.destination_id)
    .outerjoin(event, event.c.position == outbox.c.position)
    .outerjoin(message, message.c.id == outbox.c.message_id)
    .outerjoin(message_part, is_first_part(outbox))
)
_ERRORS: Final = (
    select(attempt.c.outbox_id, attempt.c.error)
    .where(attempt.c.outbox_id.in_(bindparam("ids", expanding=True)))
    .order_by(attempt.c.id)
)
ITEMS: Final = Pick(outbox.c.id, _conditions)
