"""The queue as operators see it: which lanes owe what, since when, and why it has not gone out.

Everything here is found by the outbox's own index, so it costs what is pending and not what is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    false,
    func,
    or_,
    select,
    tuple_,
    update,
)

from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.dead import REPLAY_LANE
from omnigate.store.prepared import Bulk
from omnigate.store.schema import (
    DUE,
    attempt,
    destination,
    event,
    lane,
    message,
    outbox,
)
from omnigate.store.selection import CHUNK, destinations_called
from omnigate.store.transaction import Transaction

Cancelled = Literal["cancelled", "under_way", "not_owed"]


class QueueFilter(NamedTuple):
    """Which part of the queue is meant; nothing named means all of it."""

    to: str | None = None
    """Name of the destination."""
    stream: str | None = None
    """The lane: a conversation, or what stands for one."""


class Haste(NamedTuple):
    """Have waiting lanes of these destinations tried now, up to `CHUNK` of them."""

    destination_ids: Sequence[int]
    begun_at: int
    """Lanes that were tried since are left out: what fails at once must not be tried for ever."""
    stream: str | None = None


class LaneShown(NamedTuple):
    """A lane that owes something."""

    destination_id: int
    direction: str
    to: str
    stream: str
    state: int
    run_at: int
    pending: int
    retrying: bool
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
    ).where(*_conditions(wanted, list(owners)))
    if after is not None:
        query = query.where(tuple_(outbox.c.destination_id, outbox.c.stream) > after)
    query = query.group_by(outbox.c.destination_id, outbox.c.stream)
    query = query.order_by(outbox.c.destination_id, outbox.c.stream)
    keys = connection.execute(query.limit(limit)).all()
    heads = {row.id: row for row in connection.execute(_HEADS, {"ids": [key.head for key in keys]})}
    errors = _last_errors(connection, list(heads))
    return [
        LaneShown(
            key.destination_id,
            owners[key.destination_id].direction,
            owners[key.destination_id].name,
            key.stream,
            heads[key.head].lane_state,
            heads[key.head].run_at,
            heads[key.head].pending,
            bool(heads[key.head].retrying),
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
    owners = destinations_called(connection, wanted.to)
    query = _ITEMS.where(*_conditions(wanted, list(owners)), outbox.c.id > after)
    return list(connection.execute(query.order_by(outbox.c.id).limit(limit)))


def read_item(connection: Connection, number: int) -> Any | None:
    """Return one item that is owed."""
    return connection.execute(_ITEMS.where(outbox.c.id == number)).first()


def count_items(connection: Connection, wanted: QueueFilter, up_to: int) -> int:
    """Return how many items are owed of those that were queued before a moment."""
    query = select(func.count()).select_from(outbox)
    owners = destinations_called(connection, wanted.to)
    query = query.where(*_conditions(wanted, list(owners)), outbox.c.id <= up_to)
    return connection.scalar(query) or 0


def known_items(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Return those of the numbers under which something is owed."""
    return list(connection.scalars(select(outbox.c.id).where(outbox.c.id.in_(numbers))))


def next_items(
    connection: Connection, wanted: QueueFilter, after: int, up_to: int, limit: int
) -> list[int]:
    """Return the numbers of owed items above ``after``, in the order in which they were queued."""
    owners = destinations_called(connection, wanted.to)
    query = select(outbox.c.id).where(
        *_conditions(wanted, list(owners)), outbox.c.id > after, outbox.c.id <= up_to
    )
    return list(connection.scalars(query.order_by(outbox.c.id).limit(limit)))


def last_item(connection: Connection) -> int:
    """Return the number of the item that was queued last, of those still owed."""
    return connection.scalar(select(func.coalesce(func.max(outbox.c.id), 0))) or 0


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


def hasten(transaction: Transaction, items: Sequence[Haste]) -> list[int]:
    """Make waiting lanes due now; return how many were. The breaker still has the last word."""
    return [_hasten(transaction, item) for item in items]


def cancel_messages(transaction: Transaction, items: Sequence[str]) -> list[Cancelled]:
    """Take messages out of the queue; what was sent of them stays sent."""
    return [_cancel(transaction, item) for item in items]


def _hasten(transaction: Transaction, wanted: Haste) -> int:
    waiting: list[ColumnElement[bool]] = [
        lane.c.destination_id.in_(wanted.destination_ids),
        lane.c.state == DUE,
        lane.c.updated_at <= wanted.begun_at,
        or_(lane.c.retrying.is_(True), lane.c.run_at > transaction.now),
    ]
    if wanted.stream is not None:
        waiting.append(lane.c.stream == wanted.stream)
    rows = transaction.connection.execute(
        select(lane.c.destination_id, lane.c.stream).where(*waiting).limit(CHUNK)
    ).all()
    _HASTEN.run(
        transaction.connection,
        [
            {"destination": row.destination_id, "name": row.stream, "now": transaction.now}
            for row in rows
        ],
    )
    transaction.due.update(row.destination_id for row in rows)
    return len(rows)


def _cancel(transaction: Transaction, message_id: str) -> Cancelled:
    """Find the one item that owes the message in its conversation's lanes, and abandon it."""
    connection = transaction.connection
    row = connection.execute(_CONVERSATION, {"id": message_id}).first()
    if row is None:
        return "not_owed"
    streams = [row.conversation_id, row.conversation_id + REPLAY_LANE]
    numbers = connection.scalars(
        _OWED_MESSAGE, {"channel": row.channel, "streams": streams, "message": message_id}
    ).all()
    if not numbers:
        return "not_owed"
    (done,) = abandon(transaction, [Abandonment(numbers, "cancelled")])
    return "under_way" if done.under_way else "cancelled"


def _conditions(wanted: QueueFilter, owners: Sequence[int]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.to is not None or wanted.stream is not None:
        conditions.append(outbox.c.destination_id.in_(owners))
    if wanted.stream is not None:
        conditions.append(outbox.c.stream == wanted.stream)
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
        lane.c.retrying,
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
    func.coalesce(event.c.conversation_id, message.c.conversation_id).label("conversation_id"),
    lane.c.state.label("lane_state"),
    lane.c.run_at,
).select_from(
    outbox.join(destination, destination.c.id == outbox.c.destination_id)
    .join(lane, _IN_LANE)
    .outerjoin(event, event.c.position == outbox.c.position)
    .outerjoin(message, message.c.id == outbox.c.message_id)
)
_ERRORS: Final = (
    select(attempt.c.outbox_id, attempt.c.error)
    .where(attempt.c.outbox_id.in_(bindparam("ids", expanding=True)))
    .order_by(attempt.c.id)
)
_CONVERSATION: Final = select(message.c.channel, message.c.conversation_id).where(
    message.c.id == bindparam("id"), message.c.direction == "outbound"
)
_OWED_MESSAGE: Final = (
    select(outbox.c.id)
    .join(destination, destination.c.id == outbox.c.destination_id)
    .where(
        destination.c.direction == "channel",
        destination.c.name == bindparam("channel"),
        outbox.c.stream.in_(bindparam("streams", expanding=True)),
        outbox.c.message_id == bindparam("message"),
    )
)
_HASTEN: Final = Bulk(
    update(lane)
    .where(lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name"))
    .values(run_at=bindparam("now"), retrying=false())
)
