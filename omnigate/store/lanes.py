"""Lanes: claiming what is due, settling what was tried.

A claim leases whole lanes, never items: of a destination's due lanes, first those without failures by
priority and age, then the retrying ones, the longest due first, as far as they may. What a lane owes
next comes with it. A settlement is fenced by the lease's token: if the lane was leased anew meanwhile,
the result is thrown away and reported as lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.selectable import ScalarSelect

from omnigate.store.parts import PartJob, ended, start_next
from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.schema import (
    APART,
    DUE,
    DUE_FRESH,
    DUE_RETRYING,
    IDLE,
    LEASED,
    attempt,
    dead,
    delivery_done,
    event,
    event_body,
    lane,
    outbox,
)
from omnigate.store.transaction import Transaction, chunks


@dataclass(frozen=True, slots=True)
class Claim:
    """How many lanes of a destination somebody is ready to work on."""

    destination_id: int
    lanes: int
    retrying: int
    """How many of them may be lanes that failed before."""
    depth: int
    """How many items of each lane come along at most."""
    lease_ms: int
    elders: int = 0
    """How many lanes are taken by age whatever their priority, so that nobody starves."""


@dataclass(slots=True)
class Item:
    """One thing a lane owes: an event with its text, or an outbound message by id."""

    id: int
    attempts: int
    """How many attempts were made already."""
    created_at: int
    expires_at: int
    replay: bool
    message_id: str | None = None
    position: int | None = None
    event_id: str = ""
    event_type: str = ""
    sequence: int | None = None
    body: str = ""
    media: bool = False
    job: PartJob | None = None
    """The part of the message that is to be sent; None when all are."""
    ended: str = ""
    """Why no part of the message is sent any more; empty while it has not failed."""


@dataclass(slots=True)
class Lease:
    """A lane that is being worked on."""

    destination_id: int
    stream: str
    token: int
    retrying: bool
    failures: int
    """How often in a row its first item failed by itself, while the destination worked."""
    first_failure_at: int | None
    gap: list[int]
    pending: int
    items: list[Item] = field(default_factory=list)


class Claimed(NamedTuple):
    """What a claim brought."""

    leases: list[Lease]
    next_due_at: int | None
    """When the destination's next lane is due, if there are more."""


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


def claim(transaction: Transaction, items: Sequence[Claim]) -> list[Claimed]:
    """Lease due lanes for each claim, with the items they owe next."""
    return [_claim(transaction, item) for item in items]


def _claim(transaction: Transaction, wanted: Claim) -> Claimed:
    connection, now = transaction.connection, transaction.now
    keys = {"destination": wanted.destination_id, "now": now, "until": now + wanted.lease_ms}
    kinds = [(_LEASE_FRESH, wanted.lanes, keys), (_LEASE_RETRYING, wanted.retrying, keys)]
    if wanted.elders > 0:
        longest = _longest_waiting(connection, wanted.destination_id)
        if longest is not None:
            kinds.insert(0, (_LEASE_ELDERS, wanted.elders, {**keys, "of_priority": longest}))
    rows: list[Any] = []
    for lease, limit, values in kinds:
        free = min(limit, wanted.lanes - len(rows))
        if free > 0:
            rows += connection.execute(lease, {**values, "free": free}).all()
    leases = {
        row.stream: Lease(
            wanted.destination_id,
            row.stream,
            row.lease_token,
            row.retrying,
            row.failures,
            row.first_failure_at,
            [int(number) for number in row.gap.split(",")] if row.gap else [],
            row.pending,
        )
        for row in rows
    }
    if leases:
        _fill(transaction, wanted, leases)
    next_due_at = None
    if len(leases) < wanted.lanes:
        due = connection.execute(_NEXT_DUE, {"destination": wanted.destination_id}).one()
        next_due_at = min((at for at in due if at is not None), default=None)
    return Claimed(list(leases.values()), next_due_at)


def _longest_waiting(connection: Connection, destination_id: int) -> int | None:
    """Return the priority whose first lane waits longest; None when all lanes have the same."""
    heads: list[tuple[int, int]] = []
    keys = {"destination": destination_id, "above": -1}
    while (row := connection.execute(_NEXT_PRIORITY, keys).first()) is not None:
        heads.append((row.run_at, row.priority))
        keys["above"] = row.priority
    return min(heads)[1] if len(heads) > 1 else None


def _fill(transaction: Transaction, wanted: Claim, leases: dict[str, Lease]) -> None:
    connection = transaction.connection
    for some in chunks(list(leases)):
        rows = connection.execute(
            _HEADS, {"destination": wanted.destination_id, "streams": some, "depth": wanted.depth}
        )
        for row in rows:
            leases[row.stream].items.append(Item(*row[1:]))
    heads = [lease.items[0] for lease in leases.values() if lease.items]
    if messages := {item.message_id: item for item in heads if item.message_id is not None}:
        for message_id, why in ended(connection, list(messages)).items():
            messages.pop(message_id).ended = why
        for message_id, job in start_next(transaction, list(messages)).items():
            messages[message_id].job = job


def settle(transaction: Transaction, items: Sequence[Settlement]) -> list[bool]:
    """Apply outcomes; False for those whose lease was lost, which change nothing."""
    lanes = _read_lanes(transaction.connection, items)
    valid = [_is_held(item.lease, lanes.get(_key(item))) for item in items]
    rows = _Rows()
    for item, held in zip(items, valid, strict=True):
        if held:
            _apply(transaction, item, lanes[_key(item)], rows)
    rows.write(transaction.connection)
    changed = {_key(item) for item, held in zip(items, valid, strict=True) if held}
    _write_lanes(transaction, [lanes[key] for key in changed])
    return valid


@dataclass(slots=True)
class _Lane:
    """A lane's row while settlements are applied to it."""

    destination_id: int
    stream: str
    state: int
    run_at: int
    retrying: bool
    pending: int
    failures: int
    first_failure_at: int | None
    lease_token: int
    gap: str | None


@dataclass(slots=True)
class _Rows:
    """What settlements add and remove, gathered for few statements."""

    done: list[dict[str, Any]] = field(default_factory=list)
    dead: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    gone: list[dict[str, Any]] = field(default_factory=list)
    counted: list[dict[str, Any]] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        for statement, rows in (
            (_DELETE_OUTBOX, self.gone),
            (_INSERT_DONE, self.done),
            (_INSERT_DEAD, self.dead),
            (_INSERT_ATTEMPT, self.attempts),
            (_COUNT_ATTEMPT, self.counted),
        ):
            statement.run(connection, rows)


def _apply(transaction: Transaction, item: Settlement, row: _Lane, rows: _Rows) -> None:
    now, owed = transaction.now, item.item
    attempts = owed.attempts + item.counts
    if item.error:
        rows.attempts.append(_attempt_row(transaction, item, attempts))
    if item.outcome == "delivered":
        _finish(row, rows, owed)
        row.gap, row.failures, row.first_failure_at, row.retrying = None, 0, None, False
        rows.done.append({**_done_row(item, attempts), "finished_at": now, "outcome": "delivered"})
    elif item.outcome == "dead":
        _finish(row, rows, owed)
        row.failures, row.first_failure_at, row.retrying = 0, None, False
        if owed.sequence is not None:
            row.gap = f"{row.gap},{owed.sequence}" if row.gap else str(owed.sequence)
        rows.dead.append(_dead_row(item, attempts, now))
    elif item.outcome == "retry":
        row.run_at = item.run_at or now
        row.retrying = True
        if item.blames_item:
            row.failures += 1
            row.first_failure_at = row.first_failure_at or now
        rows.counted.append({"key": owed.id, "attempts": attempts})
    if item.last:
        row.state = DUE if row.pending > 0 else IDLE
        if item.outcome in ("delivered", "dead"):
            row.run_at = now
        if row.state == DUE:
            transaction.due.add(row.destination_id)


def _is_held(lease: Lease, row: _Lane | None) -> bool:
    return row is not None and row.lease_token == lease.token


def _finish(row: _Lane, rows: _Rows, owed: Item) -> None:
    row.pending -= 1
    rows.gone.append({"key": owed.id})


def _read_lanes(
    connection: Connection, items: Sequence[Settlement]
) -> dict[tuple[int, str], _Lane]:
    streams: dict[int, dict[str, None]] = {}
    for item in items:
        streams.setdefault(item.lease.destination_id, {})[item.lease.stream] = None
    lanes = {}
    for destination_id, names in streams.items():
        for some in chunks(list(names)):
            rows = connection.execute(_LANES, {"destination": destination_id, "streams": some})
            for row in rows:
                lanes[row.destination_id, row.stream] = _Lane(*row)
    return lanes


def _write_lanes(transaction: Transaction, rows: Sequence[_Lane]) -> None:
    changes = [
        {
            "destination": row.destination_id,
            "name": row.stream,
            "state": row.state,
            "run_at": row.run_at,
            "retrying": row.retrying,
            "pending": row.pending,
            "failures": row.failures,
            "first_failure_at": row.first_failure_at,
            "gap": row.gap,
            "updated_at": transaction.now,
        }
        for row in rows
    ]
    _UPDATE_LANE.run(transaction.connection, changes)
    # A lane for one item alone has done its work: nothing will ever use it again.
    over = [
        {"destination": row.destination_id, "name": row.stream}
        for row in rows
        if row.state == IDLE and APART in row.stream
    ]
    _DELETE_LANE.run(transaction.connection, over)


def _key(item: Settlement) -> tuple[int, str]:
    return item.lease.destination_id, item.lease.stream


def _done_row(item: Settlement, attempts: int) -> dict[str, Any]:
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
        **_done_row(item, attempts),
        "stream": item.lease.stream,
        "reason": item.reason,
        "error": item.error,
        "died_at": now,
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
        "error": item.error[:2048],
    }


def _lease(
    waiting: Sequence[ColumnElement[bool]], *order: ColumnElement[int]
) -> ReturningUpdate[Any]:
    due = (
        select(lane.c.stream)
        .where(
            lane.c.destination_id == bindparam("destination"),
            *waiting,
            lane.c.run_at <= bindparam("now"),
        )
        .order_by(*order)
        .limit(bindparam("free"))
    )
    return (
        update(lane)
        .where(lane.c.destination_id == bindparam("destination"), lane.c.stream.in_(due))
        .values(
            state=LEASED,
            lease_until=bindparam("until"),
            lease_token=lane.c.lease_token + 1,
        )
        .returning(
            lane.c.stream,
            lane.c.lease_token,
            lane.c.retrying,
            lane.c.failures,
            lane.c.first_failure_at,
            lane.c.gap,
            lane.c.pending,
        )
    )


def _first_due(
    waiting: Sequence[ColumnElement[bool]], *order: ColumnElement[int]
) -> ScalarSelect[int]:
    # Ordered and cut, not min(): that would go through all lanes, idle ones too.
    mine = lane.c.destination_id == bindparam("destination")
    return select(lane.c.run_at).where(mine, *waiting).order_by(*order).limit(1).scalar_subquery()


_BY_PRIORITY: Final = (lane.c.priority, lane.c.run_at)
_LEASE_FRESH: Final = _lease(DUE_FRESH, *_BY_PRIORITY)
_LEASE_ELDERS: Final = _lease(
    (*DUE_FRESH, lane.c.priority == bindparam("of_priority")), lane.c.run_at
)
_NEXT_PRIORITY: Final = (
    select(lane.c.priority, lane.c.run_at)
    .where(
        lane.c.destination_id == bindparam("destination"),
        *DUE_FRESH,
        lane.c.priority > bindparam("above"),
    )
    .order_by(*_BY_PRIORITY)
    .limit(1)
)
_LEASE_RETRYING: Final = _lease(DUE_RETRYING, lane.c.run_at)
_OWED = outbox.alias("owed")
_HEADS: Final = (
    select(
        lane.c.stream,
        outbox.c.id,
        outbox.c.attempts,
        outbox.c.created_at,
        outbox.c.expires_at,
        outbox.c.replay,
        outbox.c.message_id,
        outbox.c.position,
        event.c.id,
        event.c.type,
        event.c.sequence,
        event_body.c.body,
        event_body.c.media,
    )
    .select_from(
        lane.join(
            outbox,
            and_(
                outbox.c.destination_id == lane.c.destination_id,
                outbox.c.stream == lane.c.stream,
            ),
        )
        .outerjoin(event, event.c.position == outbox.c.position)
        .outerjoin(event_body, event_body.c.position == outbox.c.position)
    )
    .where(
        lane.c.destination_id == bindparam("destination"),
        lane.c.stream.in_(bindparam("streams", expanding=True)),
        outbox.c.id.in_(
            select(_OWED.c.id)
            .where(
                _OWED.c.destination_id == lane.c.destination_id,
                _OWED.c.stream == lane.c.stream,
            )
            .order_by(_OWED.c.id)
            .limit(bindparam("depth"))
            .correlate(lane)
        ),
    )
    .order_by(outbox.c.id)
)
_NEXT_DUE: Final = select(
    _first_due(DUE_FRESH, *_BY_PRIORITY), _first_due(DUE_RETRYING, lane.c.run_at)
)
_LANES: Final = select(*(getattr(lane.c, name) for name in _Lane.__dataclass_fields__)).where(
    lane.c.destination_id == bindparam("destination"),
    lane.c.stream.in_(bindparam("streams", expanding=True)),
)
_UPDATE_LANE: Final = Bulk(
    update(lane)
    .where(lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "state",
                "run_at",
                "retrying",
                "pending",
                "failures",
                "first_failure_at",
                "gap",
                "updated_at",
            )
        }
    )
)
_DELETE_LANE: Final = Bulk(
    delete(lane).where(
        lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name")
    )
)
_DELETE_OUTBOX: Final = Bulk(delete(outbox).where(outbox.c.id == bindparam("key")))
_INSERT_DONE: Final = bulk_insert(delivery_done)
_INSERT_DEAD: Final = bulk_insert(dead)
_INSERT_ATTEMPT: Final = bulk_insert(attempt)
_COUNT_ATTEMPT: Final = Bulk(
    update(outbox).where(outbox.c.id == bindparam("key")).values(attempts=bindparam("attempts"))
)
