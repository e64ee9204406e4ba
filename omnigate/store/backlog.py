"""How much waits, for the operator: counted by what waits, never by what was ever stored.

Every query goes through an index that holds nothing but what it counts. Conditions that are always true
(``run_at``, ``priority``) have the engine choose it: without them it walks the key, idle lanes and all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, func, literal_column, select

from omnigate.store.destinations import Name
from omnigate.store.history import log_end
from omnigate.store.responses import Queue, read_queues
from omnigate.store.schema import (
    DUE_FRESH,
    DUE_RETRYING,
    LEASED,
    dead,
    destination,
    lane,
    outbox,
    quarantine,
)

_LEAST: Final = -(2**31)


@dataclass(slots=True)
class Owed:
    """What waits for one destination."""

    pending: int = 0
    """Items."""
    oldest_pending_at: int | None = None
    """When the first of them was owed, in milliseconds since 1970."""
    due: int = 0
    """Lanes that wait for a first attempt."""
    retrying: int = 0
    """Lanes that wait to be tried again."""
    leased: int = 0
    """Lanes that are being worked on."""
    dead: int = 0
    """Dead letters."""


@dataclass(slots=True)
class Backlog:
    """Everything that waits, and what was set aside."""

    destinations: dict[int, Owed] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    """By channel."""
    queues: dict[str, Queue] = field(default_factory=dict)
    """Customers who wait for an answer, by channel."""
    events: int = 0
    """How many events were ever recorded."""
    names: dict[int, Name] = field(default_factory=dict)
    """Who the destinations are, also those that the configuration does not name any more."""

    def of(self, destination_id: int) -> Owed:
        """Return what waits for a destination."""
        return self.destinations.get(destination_id) or Owed()


def count_backlog(connection: Connection) -> Backlog:
    """Count; takes about half a microsecond for each pending item and for each lane that waits."""
    found: dict[int, Owed] = {}
    names: dict[int, Name] = {}
    for destination_id, direction, name, due, retrying in connection.execute(_LANES):
        found[destination_id] = Owed(due=due, retrying=retrying)
        names[destination_id] = Name(direction, name)
    for destination_id, leased in Counter(connection.scalars(_LEASED)).items():
        found.setdefault(destination_id, Owed()).leased = leased
    oldest: dict[int, Owed] = {}
    for destination_id, pending, first in connection.execute(_PENDING):
        oldest[first] = owed = found.setdefault(destination_id, Owed())
        owed.pending = pending
    for first, created_at in connection.execute(_BORN.where(outbox.c.id.in_(list(oldest)))):
        oldest[first].oldest_pending_at = created_at
    for destination_id, died in connection.execute(_DEAD):
        found.setdefault(destination_id, Owed()).dead = died
    quarantined = {row.channel: row.kept for row in connection.execute(_QUARANTINED)}
    return Backlog(
        found, quarantined, read_queues(connection), events=log_end(connection), names=names
    )


_MINE: Final = lane.c.destination_id == destination.c.id
_LANES: Final = select(
    destination.c.id,
    destination.c.direction,
    destination.c.name,
    select(func.count()).where(_MINE, *DUE_FRESH, lane.c.priority >= _LEAST).scalar_subquery(),
    select(func.count()).where(_MINE, *DUE_RETRYING, lane.c.run_at >= 0).scalar_subquery(),
)
_LEASED: Final = (
    select(lane.c.destination_id)
    .where(lane.c.state == literal_column(str(LEASED)), lane.c.lease_until >= 0)
    .order_by(lane.c.lease_until)
)
# The numbers of items grow with time: the lowest is the oldest, and is found in the same index.
_PENDING: Final = select(outbox.c.destination_id, func.count(), func.min(outbox.c.id)).group_by(
    outbox.c.destination_id
)
_BORN: Final = select(outbox.c.id, outbox.c.created_at)
_DEAD: Final = select(dead.c.destination_id, func.count()).group_by(dead.c.destination_id)
_QUARANTINED: Final = select(quarantine.c.channel, func.count().label("kept")).group_by(
    quarantine.c.channel
)
