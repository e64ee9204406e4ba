"""Destinations: the rows behind configured backends and channels, and their health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, update

from omnigate.store.schema import destination, lane
from omnigate.store.transaction import Transaction

Direction = Literal["backend", "channel"]
BreakerState = Literal["closed", "open", "probing"]
HealthState = Literal["ok", "failing", "open", "paused"]


@dataclass(slots=True)
class Health:
    """The part of a destination's row that the dispatcher keeps: it survives a restart."""

    destination_id: int
    breaker: BreakerState = "closed"
    failures: int = 0
    """Destination-level failures in a row."""
    opened_for_ms: int = 0
    """How long the breaker was opened last."""
    retry_at: int | None = None
    """Until when nothing is claimed."""
    paused: str | None = None
    """Why the operator or the destination stopped it; None: it runs."""
    first_failure_at: int | None = None
    last_success_at: int | None = None
    last_error: str | None = None
    intake_closed: bool = False
    """The operator lets nothing more in; of channels only."""
    alerts: int = 0
    """How many alerts the present failure has raised."""

    @property
    def state(self) -> HealthState:
        """How it is, in one word."""
        if self.paused is not None:
            return "paused"
        if self.breaker != "closed":
            return "open"
        return "failing" if self.failures else "ok"


class Name(NamedTuple):
    """What a destination is called in the configuration."""

    direction: Direction
    name: str


def register(transaction: Transaction, items: Sequence[Name]) -> list[Health]:
    """Return the rows of destinations, made if they are new."""
    found = []
    for item in items:
        query = select(destination).where(
            destination.c.direction == item.direction, destination.c.name == item.name
        )
        row = transaction.connection.execute(query).first()
        if row is None:
            transaction.connection.execute(
                insert(destination).values(
                    direction=item.direction,
                    name=item.name,
                    breaker="closed",
                    failures=0,
                    opened_for_ms=0,
                )
            )
            row = transaction.connection.execute(query).one()
        found.append(health_of(row))
    return found


def health_of(row: Any) -> Health:
    """Return what a destination's row says of its health."""
    return Health(row.id, *(getattr(row, name) for name in _KEPT))


def note(transaction: Transaction, items: Sequence[Health]) -> list[None]:
    """Write down the health of destinations."""
    rows = [
        {"key": item.destination_id, **{name: getattr(item, name) for name in _KEPT}}
        for item in items
    ]
    transaction.connection.execute(_NOTE, rows)
    return [None] * len(items)


def owed_to(connection: Connection, destination_id: int) -> int:
    """Return how many items a destination is owed."""
    query = select(func.coalesce(func.sum(lane.c.pending), 0)).where(
        lane.c.destination_id == destination_id, lane.c.pending > 0
    )
    return connection.scalar(query) or 0


_KEPT: Final = tuple(name for name in Health.__dataclass_fields__ if name != "destination_id")
_NOTE: Final = (
    update(destination)
    .where(destination.c.id == bindparam("key"))
    .values({name: bindparam(name) for name in _KEPT})
)
