"""Leases once they are taken: renewing them, giving them back, what becomes of those that ran out.

Taking a lease is `omnigate.store.lanes.claim`, its ordinary end is `omnigate.store.settling.settle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, literal_column, select, update

from omnigate.store.owing import Lease
from omnigate.store.prepared import Bulk
from omnigate.store.schema import DUE, DUE_RETRYING, LEASED, lane
from omnigate.store.starting import put_back
from omnigate.store.transaction import Transaction


def void_leases(transaction: Transaction, items: Sequence[None]) -> list[int]:
    """Make every leased lane due at once: nobody else can hold a lease when the daemon starts."""
    count = transaction.connection.execute(
        update(lane)
        .where(lane.c.state == LEASED)
        .values(state=DUE, lease_token=lane.c.lease_token + 1, lease_until=None)
    ).rowcount
    return [count] * len(items)


def give_back(transaction: Transaction, items: Sequence[Lease]) -> list[None]:
    """Make leased lanes due as they were: nothing was tried. What was lost is for who has it now."""
    connection = transaction.connection
    held = [lease for lease in items if _GIVE_BACK.run(connection, [_held(lease)]) == 1]
    put_back(connection, [item.job for lease in held for item in lease.items if item.job])
    transaction.due.update(lease.destination_id for lease in items)
    return [None] * len(items)


def renew(
    transaction: Transaction, items: Sequence[Sequence[tuple[Lease, int]]]
) -> list[list[bool]]:
    """Extend leases to the given time; False for those that were lost."""
    return [
        [
            _RENEW.run(transaction.connection, [{**_held(lease), "until": until}]) == 1
            for lease, until in some
        ]
        for some in items
    ]


def _held(lease: Lease) -> dict[str, Any]:
    return {"destination": lease.destination_id, "name": lease.stream, "token": lease.token}


def expire_leases(transaction: Transaction, items: Sequence[None]) -> list[int]:
    """Make lanes due again whose lease ran out."""
    rows = transaction.connection.execute(
        update(lane)
        .where(lane.c.state == LEASED, lane.c.lease_until < transaction.now)
        .values(state=DUE, lease_until=None, lease_token=lane.c.lease_token + 1)
        .returning(lane.c.destination_id)
    ).all()
    transaction.due.update(row.destination_id for row in rows)
    return [len(rows)] * len(items)


class Waken(NamedTuple):
    """Make up to ``limit`` waiting lanes of a destination due now: it works again."""

    destination_id: int
    limit: int


def waken(transaction: Transaction, items: Sequence[Waken]) -> list[int]:
    """Make waiting lanes due; return how many were."""
    counts = []
    for item in items:
        chosen = (
            select(lane.c.stream)
            .where(lane.c.destination_id == item.destination_id, *DUE_RETRYING)
            .order_by(lane.c.run_at)
            .limit(item.limit)
        )
        changed = transaction.connection.execute(
            update(lane)
            .where(lane.c.destination_id == item.destination_id, lane.c.stream.in_(chosen))
            # The wait was the destination's doing: it is not held against the items.
            .values(run_at=transaction.now, retrying=False, first_failure_at=None)
        ).rowcount
        if changed:
            transaction.due.add(item.destination_id)
        counts.append(changed)
    return counts


_HELD = (
    lane.c.destination_id == bindparam("destination"),
    lane.c.stream == bindparam("name"),
    lane.c.lease_token == bindparam("token"),
    lane.c.state == literal_column(str(LEASED)),
)
_RENEW: Final = Bulk(update(lane).where(*_HELD).values(lease_until=bindparam("until")))
_GIVE_BACK: Final = Bulk(update(lane).where(*_HELD).values(state=literal_column(str(DUE))))
