"""Forgetting what is done with, in pieces small enough not to hold up a turn.

No piece looks at more than some thousand rows of a table: the oldest rows are found by an index on their
time, or at the front of a key that grows with time; lanes, which have neither, and attempts, of which some
stay, are walked in order of key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Select, Table, bindparam, delete, select, tuple_

from omnigate.store.dialect import give_back_pages
from omnigate.store.handovers import forget_unused
from omnigate.store.schema import (
    IDLE,
    attempt,
    dead,
    dedup,
    delivery_done,
    early_receipt,
    exchange,
    handover,
    idempotency,
    lane,
    quarantine,
    wait,
)
from omnigate.store.transaction import Transaction

CHUNK: Final = 500
DEEPER: Final = 10
LAST_ATTEMPTS: Final = 10
"""So many are kept of a dead letter as long as it is there itself."""


class Ages(NamedTuple):
    """How old, in milliseconds, each kind of row may become."""

    dedup: int
    idempotency: int
    early_receipts: int
    attempts: int
    exchanges: int
    dead: int
    quarantine: int
    waits: int


class AttemptWalk(NamedTuple):
    """Forget attempts of such an age, from the number ``after`` on; the last ones of dead letters stay."""

    age_ms: int
    after: int = 0


class AttemptsGone(NamedTuple):
    """What a step of the walk came to."""

    gone: int
    after: int | None
    """Where to go on; None at the end."""


class LaneWalk(NamedTuple):
    """Forget lanes that have been idle for so long, from the key ``after`` on."""

    idle_ms: int
    after: tuple[int, str] = (0, "")


def prune(transaction: Transaction, items: Sequence[Ages]) -> list[dict[str, int]]:
    """Delete up to `CHUNK` rows of each table that are too old; return how many, by table.

    Where it was `CHUNK` there may be more.
    """
    return [_prune(transaction, ages) for ages in items]


def prune_attempts(transaction: Transaction, items: Sequence[AttemptWalk]) -> list[AttemptsGone]:
    """Look at the next `CHUNK` attempts, and delete those that are too old and that no dead letter needs."""
    return [_prune_attempts(transaction, item) for item in items]


def prune_lanes(
    transaction: Transaction, items: Sequence[LaneWalk]
) -> list[tuple[int, str] | None]:
    """Look at the next `CHUNK` lanes; return where to go on, None at the end. An upsert recreates them."""
    return [_prune_lanes(transaction, item) for item in items]


def shrink(transaction: Transaction, items: Sequence[int]) -> list[int]:
    """Give pages that nothing uses back to the file system, so many at most; return how many are left."""
    return [give_back_pages(transaction.connection, pages) for pages in items]


def _prune(transaction: Transaction, ages: Ages) -> dict[str, int]:
    fronts: Sequence[tuple[Table, Column[int], int, Column[int] | None]] = (
        (dedup, dedup.c.recorded_at, ages.dedup, None),
        (idempotency, idempotency.c.created_at, ages.idempotency, None),
        (early_receipt, early_receipt.c.recorded_at, ages.early_receipts, None),
        (exchange, exchange.c.at, ages.exchanges, exchange.c.id),
        (
            delivery_done,
            delivery_done.c.finished_at,
            ages.attempts,
            delivery_done.c.outbox_id,
        ),
        (dead, dead.c.died_at, ages.dead, None),
        (wait, wait.c.since, ages.waits, None),
        (quarantine, quarantine.c.received_at, ages.quarantine, quarantine.c.id),
    )
    counts = {
        table.name: _forget(transaction, table, moment, transaction.now - age, order)
        for table, moment, age, order in fronts
    }
    counts[handover.name] = forget_unused(transaction, transaction.now - ages.idempotency, CHUNK)
    return {name: count for name, count in counts.items() if count}


def _forget(
    transaction: Transaction,
    table: Table,
    moment: Column[int],
    before: int,
    order: Column[int] | None,
) -> int:
    """Delete the oldest rows; ``order`` is a key that grows with time, where the time has no index."""
    keys = list(table.primary_key.columns)
    front = select(*keys, moment.label("moment")).order_by(moment if order is None else order)
    old = _older(transaction, front.limit(CHUNK), before)
    if order is not None and 0 < len(old) < CHUNK:
        # Some got an early key and a late time (after an outage): they must not hold up the others.
        old = _older(transaction, front.limit(DEEPER * CHUNK), before)[:CHUNK]
    if old:
        transaction.connection.execute(delete(table).where(tuple_(*keys).in_(old)))
    return len(old)


def _older(transaction: Transaction, front: Select[Any], before: int) -> list[Any]:
    rows = transaction.connection.execute(front).all()
    return [tuple(row[:-1]) for row in rows if row.moment < before]


def _prune_attempts(transaction: Transaction, walk: AttemptWalk) -> AttemptsGone:
    connection = transaction.connection
    rows = connection.execute(_ATTEMPTS, {"after": walk.after}).all()
    horizon = transaction.now - walk.age_ms
    old = [row for row in rows if row.at < horizon]
    gone = [row.id for row in old if row.died_after is None or not _is_last(row)]
    if gone:
        connection.execute(delete(attempt).where(attempt.c.id.in_(gone)))
    # Numbers grow with time: behind a page without an old one there is none.
    goes_on = len(rows) == CHUNK and old
    return AttemptsGone(len(gone), rows[-1].id if goes_on else None)


def _is_last(row: Any) -> bool:
    """Tell whether an attempt is one of the last of a dead letter."""
    return bool(row.number > row.died_after - LAST_ATTEMPTS)


def _prune_lanes(transaction: Transaction, walk: LaneWalk) -> tuple[int, str] | None:
    key = tuple_(lane.c.destination_id, lane.c.stream)
    rows = transaction.connection.execute(
        select(
            lane.c.destination_id, lane.c.stream, lane.c.state, lane.c.pending, lane.c.updated_at
        )
        .where(key > walk.after)
        .order_by(lane.c.destination_id, lane.c.stream)
        .limit(CHUNK)
    ).all()
    horizon = transaction.now - walk.idle_ms
    old: list[Any] = [
        (row.destination_id, row.stream)
        for row in rows
        if row.state == IDLE and row.pending == 0 and row.updated_at < horizon
    ]
    if old:
        transaction.connection.execute(delete(lane).where(key.in_(old)))
    return (rows[-1].destination_id, rows[-1].stream) if len(rows) == CHUNK else None


_ATTEMPTS: Final = (
    select(attempt.c.id, attempt.c.at, attempt.c.number, dead.c.attempts.label("died_after"))
    .select_from(attempt.outerjoin(dead, dead.c.outbox_id == attempt.c.outbox_id))
    .where(attempt.c.id > bindparam("after"))
    .order_by(attempt.c.id)
    .limit(CHUNK)
)
