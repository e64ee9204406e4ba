"""Bringing lanes in line with what they owe after items were taken out of them, whoever works on them.

A lane of a backend that is being worked on is taken from whoever works on it: its token moves on, so the
settlement is thrown away, and it is due again. What a channel sends at this moment stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, update

from omnigate.store.prepared import Bulk
from omnigate.store.schema import APART, DUE, IDLE, LEASED, lane
from omnigate.store.subjects import LaneKey
from omnigate.store.transaction import Transaction


def shorten_lanes(transaction: Transaction, gone: Sequence[Any], heads: dict[LaneKey, int]) -> None:
    """Bring the lanes in line with what they owe now."""
    lanes: dict[LaneKey, list[Any]] = {}
    for row in gone:
        lanes.setdefault((row.destination_id, row.stream), []).append(row)
    changes = []
    for key, rows in sorted(lanes.items()):
        change = _shortened(rows, heads[key] in [row.id for row in rows], transaction.now)
        changes.append({"destination": key[0], "name": key[1], **change})
        if change["state"] == DUE:
            transaction.due.add(key[0])
    _UPDATE_LANE.run(transaction.connection, changes)
    # A lane for separate work has done it. One that somebody still works on stays, with its token: made
    # anew under the same name it would begin to count again, and take his late result for its own.
    over = [
        {"destination": row["destination"], "name": row["name"]}
        for row in changes
        if row["state"] == IDLE
        and APART in row["name"]
        and lanes[row["destination"], row["name"]][0].lane_state != LEASED
    ]
    _DELETE_LANE.run(transaction.connection, over)


def _shortened(rows: Sequence[Any], lost_head: bool, now: int) -> dict[str, Any]:
    """Return the row of a lane that the given items were taken from."""
    known = rows[0]
    pending = known.pending - len(rows)
    # What a channel sends at this moment stays; a backend's lease covers more than its first item.
    taken = known.lane_state == LEASED and known.direction == "backend"
    keeps_lease = known.lane_state == LEASED and not taken
    missing = {int(number) for number in known.gap.split(",")} if known.gap else set()
    missing |= {row.sequence for row in rows if row.sequence is not None and not row.replay}
    return {
        "state": LEASED if keeps_lease else (DUE if pending else IDLE),
        "run_at": now if lost_head or taken else known.run_at,
        "retrying": known.retrying and not lost_head,
        "pending": pending,
        "failures": 0 if lost_head else known.failures,
        "first_failure_at": None if lost_head else known.first_failure_at,
        "lease_until": known.lease_until if keeps_lease else None,
        "lease_token": known.lease_token + taken,
        "gap": ",".join(map(str, sorted(missing))) or None,
        "updated_at": now,
    }


_CHANGED: Final = (
    "state",
    "run_at",
    "retrying",
    "pending",
    "failures",
    "first_failure_at",
    "lease_until",
    "lease_token",
    "gap",
    "updated_at",
)
_UPDATE_LANE: Final = Bulk(
    update(lane)
    .where(lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name"))
    .values({name: bindparam(name) for name in _CHANGED})
)
_DELETE_LANE: Final = Bulk(
    lane.delete().where(
        lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name")
    )
)
