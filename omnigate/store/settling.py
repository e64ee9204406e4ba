"""Settling what was tried: what becomes of an item and its lane.

A settlement is fenced by the lease's token: if the lane was leased anew meanwhile, the result is thrown
away and reported as lost. What came of the part that was tried is stored with what becomes of its message:
whoever hears that a message failed finds its dead letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, delete, select, update

from omnigate import failpoints
from omnigate.model.event import OPERATIONAL, EventType
from omnigate.model.facts import DeadDelivery
from omnigate.store.lanerows import LaneRow, is_held, read_lanes, write_lanes
from omnigate.store.owing import Item, Lease
from omnigate.store.parts import settle_part
from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.reports import Report, report
from omnigate.store.schema import (
    DUE,
    IDLE,
    attempt,
    dead,
    delivery_done,
    destination,
    exchange,
    outbox,
)
from omnigate.store.transaction import Transaction
from omnigate.transcript import Exchange

Outcome = Literal["delivered", "retry", "dead"]


@dataclass(slots=True)
class Settlement:
    """How an attempt ended, and what becomes of the item and its lane."""

    lease: Lease
    item: Item
    outcome: Outcome
    last: bool
    """Nothing more will be done under this lease."""
    run_at: int | None = None
    """When to try again; for ``retry``."""
    error: str = ""
    status: int | None = None
    reason: str = ""
    """Why it is dead."""
    counts: bool = True
    """It was an attempt (False: something of ours failed)."""
    blames_item: bool = False
    """The item failed by itself: only that uses up the patience of a bounded lane."""
    duration_ms: int | None = None
    """How long the attempt took."""
    exchanges: Sequence[Exchange] = ()
    """What it said over HTTP, to be kept."""


def settle(transaction: Transaction, items: Sequence[Settlement]) -> list[bool]:
    """Apply outcomes; False for those whose lease was lost, which change nothing."""
    lanes = read_lanes(transaction.connection, [item.lease for item in items])
    valid = [is_held(item.lease, lanes.get(_key(item))) for item in items]
    rows = _Rows()
    for item, held in zip(items, valid, strict=True):
        if held:
            _apply(transaction, item, lanes[_key(item)], rows)
    rows.write(transaction.connection)
    changed = {_key(item) for item, held in zip(items, valid, strict=True) if held}
    write_lanes(transaction, [lanes[key] for key in changed])
    # Only now: events may be owed in lanes that were just written from what was read before.
    ended = [item for item, held in zip(items, valid, strict=True) if held]
    if tried := [one.item.tried for one in ended if one.item.tried is not None]:
        settle_part(transaction, tried)
    _report_dead(transaction, ended)
    failpoints.reached("finish")
    return valid


@dataclass(slots=True)
class _Rows:
    """What settlements add and remove, gathered for few statements."""

    done: list[dict[str, Any]] = field(default_factory=list)
    dead: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    gone: list[dict[str, Any]] = field(default_factory=list)
    counted: list[dict[str, Any]] = field(default_factory=list)
    exchanges: list[dict[str, Any]] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        for statement, rows in (
            (_DELETE_OUTBOX, self.gone),
            (_INSERT_DONE, self.done),
            (_INSERT_DEAD, self.dead),
            (_INSERT_ATTEMPT, self.attempts),
            (_COUNT_ATTEMPT, self.counted),
            (_INSERT_EXCHANGE, self.exchanges),
        ):
            statement.run(connection, rows)


def _apply(transaction: Transaction, item: Settlement, row: LaneRow, rows: _Rows) -> None:
    now, owed = transaction.now, item.item
    attempts = owed.attempts + item.counts
    if item.error and (item.counts or item.outcome != "dead"):
        rows.attempts.append(_attempt_row(transaction, item, attempts))
    rows.exchanges += (
        {"outbox_id": owed.id, "number": attempts, **known.as_row()} for known in item.exchanges
    )
    if item.outcome == "delivered":
        _finish(row, rows, owed)
        row.gap, row.failures, row.first_failure_at, row.retrying = None, 0, None, False
        rows.done.append(
            {
                **_ended_row(item, attempts),
                "outcome": "delivered",
                "status": item.status,
                "duration_ms": item.duration_ms,
                "finished_at": now,
                "replay": owed.replay,
            }
        )
    elif item.outcome == "dead":
        _finish(row, rows, owed)
        row.failures, row.first_failure_at, row.retrying = 0, None, False
        if owed.sequence is not None and not owed.replay:
            row.gap = f"{row.gap},{owed.sequence}" if row.gap else str(owed.sequence)
        rows.dead.append(_dead_row(item, attempts, now))
    elif item.outcome == "retry":
        row.run_at = item.run_at or now
        row.retrying = True
        if item.blames_item:
            row.failures += 1
            row.first_failure_at = row.first_failure_at or now
        elif item.counts:
            row.first_failure_at = None  # the destination's failing is not held against the item
        rows.counted.append({"key": owed.id, "attempts": attempts})
    if item.last:
        row.state = DUE if row.pending > 0 else IDLE
        if item.outcome in ("delivered", "dead"):
            row.run_at = now
        if row.state == DUE:
            transaction.due.add(row.destination_id)


def _report_dead(transaction: Transaction, items: Sequence[Settlement]) -> None:
    """Record ``delivery.dead`` for what died, but not for a report that did: that would never end."""
    died = [item for item in items if item.outcome == "dead" and not _is_report(item.item)]
    if not died:
        return
    names = {
        row.id: row for row in transaction.connection.execute(_NAMES, {"ids": _destinations(died)})
    }
    report(
        transaction,
        [
            Report(
                EventType.DELIVERY_DEAD,
                DeadDelivery(
                    id=item.item.id,
                    direction=names[item.lease.destination_id].direction,
                    destination=names[item.lease.destination_id].name,
                    event=item.item.event_id or None,
                    message=item.item.message_id,
                    reason=item.reason,
                    error=item.error,
                    attempts=item.item.attempts + item.counts,
                ),
                kept_from=item.lease.destination_id,
            )
            for item in died
        ],
    )


def _is_report(item: Item) -> bool:
    return item.event_type in OPERATIONAL


def _destinations(items: Sequence[Settlement]) -> list[int]:
    return list({item.lease.destination_id for item in items})


def _finish(row: LaneRow, rows: _Rows, owed: Item) -> None:
    row.pending -= 1
    rows.gone.append({"key": owed.id})


def _key(item: Settlement) -> tuple[int, str]:
    return item.lease.destination_id, item.lease.stream


def _ended_row(item: Settlement, attempts: int) -> dict[str, Any]:
    owed = item.item
    return {
        "outbox_id": owed.id,
        "destination_id": item.lease.destination_id,
        "position": owed.position,
        "message_id": owed.message_id,
        "attempts": attempts,
        "created_at": owed.created_at,
    }


def _dead_row(item: Settlement, attempts: int, now: int) -> dict[str, Any]:
    return {
        **_ended_row(item, attempts),
        "stream": item.lease.stream,
        "reason": item.reason,
        "error": item.error,
        "died_at": now,
        "first_part": item.item.first_part,
        "last_part": item.item.last_part,
    }


def _attempt_row(transaction: Transaction, item: Settlement, number: int) -> dict[str, Any]:
    return {
        "id": transaction.numbers.take("attempt"),
        "outbox_id": item.item.id,
        "destination_id": item.lease.destination_id,
        "number": number,
        "at": transaction.now,
        "outcome": item.outcome,
        "status": item.status,
        "duration_ms": item.duration_ms,
        "error": item.error[:2048],
    }


_NAMES: Final = select(destination.c.id, destination.c.direction, destination.c.name).where(
    destination.c.id.in_(bindparam("ids", expanding=True))
)
_DELETE_OUTBOX: Final = Bulk(delete(outbox).where(outbox.c.id == bindparam("key")))
_INSERT_DONE: Final = bulk_insert(delivery_done)
_INSERT_DEAD: Final = bulk_insert(dead)
_INSERT_ATTEMPT: Final = bulk_insert(attempt)
_INSERT_EXCHANGE: Final = bulk_insert(exchange)
_COUNT_ATTEMPT: Final = Bulk(
    update(outbox).where(outbox.c.id == bindparam("key")).values(attempts=bindparam("attempts"))
)
