"""Lanes: claiming what is due.

A claim leases whole lanes, never items: of a destination's due lanes, first a share by age alone, then
those without failures by priority and age, then the retrying ones, the longest due first, as far as they
may. What a lane owes next comes with it. How it ends is `omnigate.store.settling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    select,
    update,
)
from sqlalchemy.sql.selectable import ScalarSelect

from omnigate.store.errands import errand_of
from omnigate.store.parts import PartJob, ended, start_next
from omnigate.store.prepared import Keys, Lookup, Query
from omnigate.store.schema import (
    DUE_FRESH,
    DUE_RETRYING,
    LEASED,
    event,
    event_body,
    lane,
    outbox,
)
from omnigate.store.transaction import Transaction


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
    """How many lanes are taken by age, whatever their priority and their past: nobody starves."""


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
    first_part: int | None = None
    last_part: int | None = None
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


def claim(transaction: Transaction, items: Sequence[Claim]) -> list[Claimed]:
    """Lease due lanes for each claim, with the items they owe next."""
    return [_claim(transaction, item) for item in items]


def _claim(transaction: Transaction, wanted: Claim) -> Claimed:
    connection, now = transaction.connection, transaction.now
    keys = {"destination": wanted.destination_id, "now": now, "until": now + wanted.lease_ms}
    rows = _lease_elders(connection, wanted, keys) if wanted.elders > 0 else []
    again = sum(bool(row.retrying) for row in rows)
    if len(rows) < wanted.lanes:
        rows += _LEASE_FRESH.run(connection, {**keys, "free": wanted.lanes - len(rows)})
    next_due_at = None
    if len(rows) < wanted.lanes:
        [due] = _NEXT_DUE.run(connection, keys)
        free = min(wanted.retrying - again, wanted.lanes - len(rows))
        if free > 0 and due.retrying is not None and due.retrying <= now:
            rows += _LEASE_RETRYING.run(connection, {**keys, "free": free})
            [due] = _NEXT_DUE.run(connection, keys)
        next_due_at = min((at for at in due if at is not None), default=None)
    leases = {
        row.stream: Lease(
            wanted.destination_id,
            row.stream,
            row.lease_token,
            bool(row.retrying),
            row.failures,
            row.first_failure_at,
            [int(number) for number in row.gap.split(",")] if row.gap else [],
            row.pending,
        )
        for row in rows
    }
    if leases:
        _fill(transaction, wanted, leases)
    return Claimed(list(leases.values()), next_due_at if len(leases) < wanted.lanes else None)


def _lease_elders(connection: Connection, wanted: Claim, keys: dict[str, int]) -> list[Any]:
    """Lease lanes by age alone, so that neither a low priority nor a failure makes one starve."""
    elders = min(wanted.elders, wanted.lanes)
    longest = _longest_waiting(connection, wanted.destination_id)
    [due] = _NEXT_DUE.run(connection, keys)
    fresh = longest[0] if longest else due.fresh
    retrying = due.retrying if due.retrying is not None and due.retrying <= keys["now"] else None
    if wanted.retrying > 0 and _is_older(retrying, fresh):
        free = min(elders, wanted.retrying)
        return list(_LEASE_RETRYING.run(connection, {**keys, "free": free}))
    if longest is None:
        return []
    return list(_LEASE_ELDERS.run(connection, {**keys, "of_priority": longest[1], "free": elders}))


def _is_older(retrying: int | None, fresh: int | None) -> bool:
    return retrying is not None and fresh is not None and retrying < fresh


def _longest_waiting(connection: Connection, destination_id: int) -> tuple[int, int] | None:
    """Return since when, and with which priority, the first attempt that waits longest is due.

    None when all have the same priority: the first of them is the one.
    """
    keys = {"destination": destination_id}
    [span] = _PRIORITIES.run(connection, keys)
    if span.least == span.most:
        return None
    heads: list[tuple[int, int]] = []
    above = -1
    while found := _NEXT_PRIORITY.run(connection, {**keys, "above": above}):
        above = found[0].priority
        heads.append((found[0].run_at, above))
    return min(heads)


def _fill(transaction: Transaction, wanted: Claim, leases: dict[str, Lease]) -> None:
    connection = transaction.connection
    values = {"destination": wanted.destination_id, "depth": wanted.depth}
    for row in _HEADS.run(connection, list(leases), values):
        leases[row.stream].items.append(_item(row))
    heads = [lease.items[0] for lease in leases.values() if lease.items]
    if errands := {errand_of(item): item for item in heads if item.message_id is not None}:
        for errand, why in ended(connection, list(errands)).items():
            errands.pop(errand).ended = why
        for errand, job in start_next(transaction, list(errands)).items():
            errands[errand].job = job


def _item(row: Any) -> Item:
    item = Item(*row[1:])
    item.replay, item.media = bool(item.replay), bool(item.media)
    return item


def _lease(waiting: Sequence[ColumnElement[bool]], *order: ColumnElement[int]) -> Query:
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
    return Query(
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
    column: ColumnElement[int],
    waiting: Sequence[ColumnElement[bool]],
    *order: ColumnElement[int],
) -> ScalarSelect[int]:
    # Ordered and cut, not min(): that would go through all lanes, idle ones too.
    mine = lane.c.destination_id == bindparam("destination")
    return select(column).where(mine, *waiting).order_by(*order).limit(1).scalar_subquery()


def _heads(keys: Keys) -> Select[Any]:
    """Return the query for the first items of lanes, ``depth`` of each."""
    owed = outbox.alias("owed")
    first = (
        select(owed.c.id)
        .where(
            owed.c.destination_id == lane.c.destination_id,
            owed.c.stream == lane.c.stream,
        )
        .order_by(owed.c.id)
        .limit(bindparam("depth"))
        .correlate(lane)
    )
    return (
        select(
            lane.c.stream,
            outbox.c.id,
            outbox.c.attempts,
            outbox.c.created_at,
            outbox.c.expires_at,
            outbox.c.replay,
            outbox.c.message_id,
            outbox.c.first_part,
            outbox.c.last_part,
            outbox.c.position,
            event.c.id,
            event.c.type,
            event.c.sequence,
            event_body.c.body,
            event_body.c.media,
        )
        .select_from(
            # By their ids and nothing else: a planner that knew more would go through all that a
            # lane owes, and one that is stuck owes a hundred thousand.
            lane.join(outbox, outbox.c.id.in_(first))
            .outerjoin(event, event.c.position == outbox.c.position)
            .outerjoin(event_body, event_body.c.position == outbox.c.position)
        )
        .where(lane.c.destination_id == bindparam("destination"), lane.c.stream.in_(keys))
        .order_by(outbox.c.id)
    )


_BY_PRIORITY: Final = (lane.c.priority, lane.c.run_at)
_LEASE_FRESH: Final = _lease(DUE_FRESH, *_BY_PRIORITY)
_LEASE_ELDERS: Final = _lease(
    (*DUE_FRESH, lane.c.priority == bindparam("of_priority")), lane.c.run_at
)
_PRIORITIES: Final = Query(
    select(
        _first_due(lane.c.priority, DUE_FRESH, lane.c.priority).label("least"),
        _first_due(lane.c.priority, DUE_FRESH, lane.c.priority.desc()).label("most"),
    )
)
_NEXT_PRIORITY: Final = Query(
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
_HEADS: Final = Lookup(_heads)
_NEXT_DUE: Final = Query(
    select(
        _first_due(lane.c.run_at, DUE_FRESH, *_BY_PRIORITY).label("fresh"),
        _first_due(lane.c.run_at, DUE_RETRYING, lane.c.run_at).label("retrying"),
    )
)
