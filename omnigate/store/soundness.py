"""Whether the store is sound: the file, its references, and the counters that must agree."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, func, select

from omnigate.store.dialect import file_problems
from omnigate.store.schema import lane, outbox

_MOST: Final = 50


def find_problems(connection: Connection) -> list[str]:
    """Return what is wrong with the store, in words; empty when it is sound. Reads all of it."""
    found = [*file_problems(connection, _MOST), *_of_lanes(connection)]
    return found[:_MOST]


def _of_lanes(connection: Connection) -> list[str]:
    """Return lanes whose count of pending items is not the number of their outbox rows."""
    owed = (
        select(outbox.c.destination_id, outbox.c.stream, func.count().label("count"))
        .group_by(outbox.c.destination_id, outbox.c.stream)
        .subquery()
    )
    same = (owed.c.destination_id == lane.c.destination_id) & (owed.c.stream == lane.c.stream)
    count = func.coalesce(owed.c.count, 0)
    miscounted = (
        select(lane.c.destination_id, lane.c.stream, lane.c.pending, count.label("count"))
        .select_from(lane.outerjoin(owed, same))
        .where(lane.c.pending != count)
        .limit(_MOST)
    )
    lost = (
        select(owed.c.destination_id, owed.c.stream)
        .select_from(owed.outerjoin(lane, same))
        .where(lane.c.stream.is_(None))
        .limit(_MOST)
    )
    problems = [
        f"lane {destination}/{stream} says {pending} pending, the outbox has {counted}"
        for destination, stream, pending, counted in connection.execute(miscounted)
    ]
    problems += [
        f"the outbox has items for lane {destination}/{stream}, which is not there"
        for destination, stream in connection.execute(lost)
    ]
    return problems
