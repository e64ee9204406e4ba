"""Trying now what waits for its next attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, false, func, or_, select, update

from omnigate.store.prepared import Bulk
from omnigate.store.schema import DUE, DUE_FRESH, DUE_RETRYING, lane
from omnigate.store.selection import CHUNK
from omnigate.store.subjects import is_about
from omnigate.store.transaction import Transaction

_LEAST: Final = -(2**31)


class Haste(NamedTuple):
    """Have waiting lanes of these destinations tried now, up to `CHUNK` of them."""

    destination_ids: Sequence[int]
    begun_at: int
    """Lanes that were tried since are left out: what fails at once must not be tried for ever."""
    subject: str | None = None
    """The conversation or contact that they are about."""


def hasten(transaction: Transaction, items: Sequence[Haste]) -> list[int]:
    """Make waiting lanes due now; return how many were. The breaker still has the last word."""
    return [_hasten(transaction, item) for item in items]


def count_waiting(connection: Connection, destination_id: int, subject: str | None = None) -> int:
    """Return how many lanes of a destination wait for an attempt."""
    mine: list[ColumnElement[bool]] = [lane.c.destination_id == destination_id]
    if subject is not None:
        mine.append(is_about(connection, lane.c.stream, subject))
    # What is always true has the engine choose the index that holds nothing but what is counted.
    fresh = select(func.count()).where(*mine, *DUE_FRESH, lane.c.priority >= _LEAST)
    again = select(func.count()).where(*mine, *DUE_RETRYING, lane.c.run_at >= 0)
    return (connection.scalar(fresh) or 0) + (connection.scalar(again) or 0)


def _hasten(transaction: Transaction, wanted: Haste) -> int:
    waiting: list[ColumnElement[bool]] = [
        lane.c.destination_id.in_(wanted.destination_ids),
        lane.c.state == DUE,
        lane.c.updated_at <= wanted.begun_at,
        or_(lane.c.retrying.is_(True), lane.c.run_at > transaction.now),
    ]
    if wanted.subject is not None:
        waiting.append(is_about(transaction.connection, lane.c.stream, wanted.subject))
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


_HASTEN: Final = Bulk(
    update(lane)
    .where(lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name"))
    .values(run_at=bindparam("now"), retrying=false())
)
