"""The rows of lanes that a settlement works on: read at once, changed in memory, written at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, update

from omnigate.store.owing import Lease
from omnigate.store.prepared import Bulk, Lookup
from omnigate.store.schema import APART, IDLE, LEASED, lane
from omnigate.store.transaction import Transaction


@dataclass(slots=True)
class LaneRow:
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


def read_lanes(connection: Connection, leases: Iterable[Lease]) -> dict[tuple[int, str], LaneRow]:
    """Return the lanes that were leased, by destination and stream; those that are gone are left out."""
    streams: dict[int, dict[str, None]] = {}
    for lease in leases:
        streams.setdefault(lease.destination_id, {})[lease.stream] = None
    lanes = {}
    for destination_id, names in streams.items():
        for row in _LANES.run(connection, list(names), {"destination": destination_id}):
            lanes[row.destination_id, row.stream] = known = LaneRow(*row)
            known.retrying = bool(known.retrying)
    return lanes


def is_held(lease: Lease, row: LaneRow | None) -> bool:
    """Tell whether a lease still holds: a lane that was leased anew has another token."""
    return row is not None and row.state == LEASED and row.lease_token == lease.token


def write_lanes(transaction: Transaction, rows: Sequence[LaneRow]) -> None:
    """Write lanes as they are now; drop those that will never be used again."""
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


_LANES: Final = Lookup(
    lambda keys: select(*(getattr(lane.c, name) for name in LaneRow.__dataclass_fields__)).where(
        lane.c.destination_id == bindparam("destination"), lane.c.stream.in_(keys)
    )
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
