"""Dead letters: finding them, dropping them. Offering them again is `omnigate.store.requeue`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, select, tuple_

from omnigate.store.ended import End, note_end
from omnigate.store.errands import is_first_part
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.prepared import Bulk
from omnigate.store.schema import (
    SEND,
    attempt,
    dead,
    destination,
    event,
    message,
    message_part,
    outbox,
)
from omnigate.store.selection import CHUNK, Pick, destinations_called, number_chunks
from omnigate.store.transaction import Transaction, chunks


class DeadFilter(NamedTuple):
    """Which dead letters are meant; nothing named means all."""

    to: str | None = None
    """Name of the destination."""
    reason: str | None = None
    since: int | None = None
    """Of those that died at this time or later, in milliseconds since 1970."""
    until: int | None = None


class DeadDrop(NamedTuple):
    """Dead letters that nobody wants any more."""

    ids: Sequence[int]
    by: str | None = None


def list_dead(
    connection: Connection,
    wanted: DeadFilter,
    *,
    before: tuple[int, int] | None = None,
    limit: int,
) -> list[Any]:
    """Return dead letters, the latest first; ``before`` is time and number of the last one seen."""
    query = _SHOWN.where(*_conditions(connection, wanted))
    if before is not None:
        query = query.where(tuple_(dead.c.died_at, dead.c.outbox_id) < before)
    query = query.order_by(dead.c.died_at.desc(), dead.c.outbox_id.desc())
    return list(connection.execute(query.limit(limit)))


def read_dead(connection: Connection, number: int) -> Any | None:
    """Return one dead letter."""
    return connection.execute(_SHOWN.where(dead.c.outbox_id == number)).first()


def reasons(connection: Connection) -> list[str]:
    """Return why the dead letters that there are died, each reason once. Goes through all of them."""
    return list(connection.scalars(select(dead.c.reason).distinct().order_by(dead.c.reason)))


def read_attempts(connection: Connection, outbox_id: int) -> list[Any]:
    """Return the attempts of an item that did not succeed, in order."""
    query = select(attempt).where(attempt.c.outbox_id == outbox_id).order_by(attempt.c.id)
    return list(connection.execute(query.limit(CHUNK)))


def drop_dead(transaction: Transaction, items: Sequence[DeadDrop]) -> list[int]:
    """Give up dead letters for good; return how many there were. How they died stays told."""
    return [_drop(transaction, item) for item in items]


def put_away(transaction: Transaction, rows: Sequence[Any], end: End, by: str | None) -> None:
    """Delete dead letters by their rows, and note how they ended."""
    note_end(transaction, rows, end, by)
    _DELETE.run(transaction.connection, [{"key": row.outbox_id} for row in rows])


def _drop(transaction: Transaction, wanted: DeadDrop) -> int:
    connection = transaction.connection
    query = select(dead).where(dead.c.outbox_id.in_(bindparam("ids", expanding=True)))
    rows = [
        row
        for some in number_chunks(wanted.ids)
        for row in connection.execute(query, {"ids": some})
    ]
    put_away(transaction, rows, "dropped", wanted.by)
    _fail_rests(transaction, rows)
    return len(rows)


def _fail_rests(transaction: Transaction, rows: Sequence[Any]) -> None:
    """Let messages fail whose first parts were sent after all, and whose rest nothing sends any more."""
    firsts: dict[str, int] = {}
    for some in chunks([row.message_id for row in rows if row.message_id is not None]):
        for part in transaction.connection.execute(_RESTS, {"ids": some}):
            firsts.setdefault(part.message_id, part.number)
    results = [
        PartResult(known, first, "failed", error=_DROPPED) for known, first in firsts.items()
    ]
    if results:
        settle_part(transaction, results)


def _conditions(connection: Connection, wanted: DeadFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.to is not None:
        conditions.append(
            dead.c.destination_id.in_(list(destinations_called(connection, wanted.to)))
        )
    if wanted.reason is not None:
        conditions.append(dead.c.reason == wanted.reason)
    if wanted.since is not None:
        conditions.append(dead.c.died_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(dead.c.died_at <= wanted.until)
    return conditions


_DROPPED: Final = "its other parts were not sent: the dead letter was dropped"
_RESTS: Final = (
    select(message_part.c.message_id, message_part.c.number)
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(
        message_part.c.message_id.in_(bindparam("ids", expanding=True)),
        message_part.c.action == SEND,
        message_part.c.state == "queued",
        message.c.state == "queued",
        ~exists().where(outbox.c.message_id == message.c.id),
        ~exists().where(dead.c.message_id == message.c.id),
    )
    .order_by(message_part.c.message_id, message_part.c.number)
)
_SHOWN: Final = select(
    dead,
    destination.c.direction,
    destination.c.name,
    event.c.id.label("event_id"),
    event.c.type.label("event_type"),
    func.coalesce(event.c.conversation_id, message.c.conversation_id).label("conversation_id"),
    func.coalesce(message_part.c.action, SEND).label("action"),
    event.c.contact_id,
    event.c.sequence,
).select_from(
    dead.join(destination, destination.c.id == dead.c.destination_id)
    .outerjoin(event, event.c.position == dead.c.position)
    .outerjoin(message, message.c.id == dead.c.message_id)
    .outerjoin(message_part, is_first_part(dead))
)
_DELETE: Final = Bulk(dead.delete().where(dead.c.outbox_id == bindparam("key")))
LETTERS: Final = Pick(dead.c.outbox_id, _conditions)
