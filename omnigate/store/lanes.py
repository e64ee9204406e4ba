"""Lanes: claiming what is due.

A claim leases whole lanes, never items: of a destination's due lanes, first a share by age alone, then by
priority. Of one priority those without failures come first, then the retrying ones as far as they may, of
each the longest due. What a lane owes next comes with it. How it ends is `omnigate.store.settling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, select, update
from sqlalchemy.sql.selectable import ScalarSelect

from omnigate.store.owing import Lease, fill
from omnigate.store.prepared import Query
from omnigate.store.schema import DUE_FRESH, DUE_RETRYING, LEASED, lane
from omnigate.store.transaction import Transaction

_BY_PRIORITY: Final = (lane.c.priority, lane.c.run_at)


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
    [due] = _NEXT_DUE.run(connection, keys)
    rows = _lease_elders(connection, wanted, keys, due) if wanted.elders > 0 else []
    if due.retrying is not None and due.retrying <= now:
        _lease_retrying(connection, wanted, keys, rows)
    if len(rows) < wanted.lanes:
        rows += _LEASE_FRESH.run(connection, {**keys, "free": wanted.lanes - len(rows)})
    next_due_at = None
    if len(rows) < wanted.lanes:
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
        fill(transaction, wanted.destination_id, wanted.depth, leases)
    return Claimed(list(leases.values()), next_due_at if len(leases) < wanted.lanes else None)


def _lease_elders(
    connection: Connection, wanted: Claim, keys: dict[str, int], due: Any
) -> list[Any]:
    """Lease lanes by age alone, so that neither a low priority nor a failure makes one starve."""
    elders = min(wanted.elders, wanted.lanes)
    longest = _longest_waiting(connection, wanted.destination_id)
    fresh = longest[0] if longest else due.fresh
    retrying = due.retrying if due.retrying is not None and due.retrying <= keys["now"] else None
    if wanted.retrying > 0 and _is_older(retrying, fresh):
        free = min(elders, wanted.retrying)
        return list(_LEASE_RETRYING.run(connection, {**keys, "free": free}))
    if longest is None:
        return []
    return list(_LEASE_ELDERS.run(connection, {**keys, "of_priority": longest[1], "free": elders}))


def _lease_retrying(
    connection: Connection, wanted: Claim, keys: dict[str, int], rows: list[Any]
) -> None:
    """Lease lanes that failed before, each priority after the first attempts that are as urgent or more.

    One failure does not put an answer behind everything that nobody waits for.
    """
    above = -1
    while len(rows) < wanted.lanes:
        again = sum(bool(row.retrying) for row in rows)
        found = _NEXT_AGAIN.run(connection, {**keys, "above": above})
        if again >= wanted.retrying or not found:
            return
        above = found[0].priority
        if found[0].run_at > keys["now"]:
            continue
        of_it = {**keys, "of_priority": above}
        rows += _LEASE_AS_URGENT.run(connection, {**of_it, "free": wanted.lanes - len(rows)})
        free = min(wanted.retrying - again, wanted.lanes - len(rows))
        rows += _LEASE_AGAIN.run(connection, {**of_it, "free": free})


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


def _next_priority(waiting: Sequence[ColumnElement[bool]]) -> Query:
    """Return what finds the first lane of the next priority ``above`` one."""
    mine = lane.c.destination_id == bindparam("destination")
    return Query(
        select(lane.c.priority, lane.c.run_at)
        .where(mine, *waiting, lane.c.priority > bindparam("above"))
        .order_by(*_BY_PRIORITY)
        .limit(1)
    )


_LEASE_FRESH: Final = _lease(DUE_FRESH, *_BY_PRIORITY)
_LEASE_ELDERS: Final = _lease(
    (*DUE_FRESH, lane.c.priority == bindparam("of_priority")), lane.c.run_at
)
_LEASE_AS_URGENT: Final = _lease(
    (*DUE_FRESH, lane.c.priority <= bindparam("of_priority")), *_BY_PRIORITY
)
_LEASE_RETRYING: Final = _lease(DUE_RETRYING, lane.c.run_at)
_LEASE_AGAIN: Final = _lease(
    (*DUE_RETRYING, lane.c.priority == bindparam("of_priority")), lane.c.run_at
)
_PRIORITIES: Final = Query(
    select(
        _first_due(lane.c.priority, DUE_FRESH, lane.c.priority).label("least"),
        _first_due(lane.c.priority, DUE_FRESH, lane.c.priority.desc()).label("most"),
    )
)
_NEXT_PRIORITY: Final = _next_priority(DUE_FRESH)
_NEXT_AGAIN: Final = _next_priority(DUE_RETRYING)
_NEXT_DUE: Final = Query(
    select(
        _first_due(lane.c.run_at, DUE_FRESH, *_BY_PRIORITY).label("fresh"),
        _first_due(lane.c.run_at, DUE_RETRYING, lane.c.run_at).label("retrying"),
    )
)
