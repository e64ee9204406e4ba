"""What an operation gets to work with: one open transaction and what the turn has brought about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from omnigate.model.event import EventType
from omnigate.store.dialect import numbers_given
from omnigate.store.recent import Recent
from omnigate.store.schema import attempt, event, outbox, quarantine


class Target(NamedTuple):
    """A destination that an event is owed to."""

    destination_id: int
    ordered: bool
    """False: the event goes in a lane of its own and waits for no other."""


Routing = Callable[[str | None, EventType, str | None], Sequence[Target]]
"""(channel, type of event, backend that owns the conversation) → where the event goes."""


class RecordedEvent(NamedTuple):
    """An event that was just committed, for those who follow the log."""

    position: int
    id: str
    type: EventType
    channel: str | None
    conversation: str | None
    """The platform's id."""
    conversation_id: str | None
    sequence: int | None
    body: str
    media: bool


class RowNumbers:
    """Hands out the numbers of new rows, so that a batch knows them before it is written.

    One writer owns them on SQLite; on an engine with several writers they come from a sequence.
    """

    def __init__(self, connection: Connection) -> None:
        self._last = {
            table.name: connection.scalar(select(func.coalesce(func.max(column), 0))) or 0
            for table, column in (
                (event, event.c.position),
                (attempt, attempt.c.id),
                (quarantine, quarantine.c.id),
            )
        }
        # Outbox rows are deleted when done: their numbers are remembered apart and never reused.
        for name, last in numbers_given(connection).items():
            self._last[name] = max(last, self._last.get(name, 0))
        self._last.setdefault(outbox.name, 0)

    def take(self, table: str) -> int:
        """Return the next number for a row of the table."""
        self._last[table] += 1
        return self._last[table]


@dataclass(slots=True)
class Transaction:
    """One open write transaction. Operations share it and add to what it has brought about."""

    connection: Connection
    now: int
    """Milliseconds since 1970."""
    numbers: RowNumbers
    routing: Routing
    delivery_expiry_ms: int
    recorded: list[RecordedEvent] = field(default_factory=list)
    due: set[int] = field(default_factory=set)
    """Destinations that have lanes due because of this turn."""
    attachments_due: bool = False
    recent: Recent = field(default_factory=Recent)
    """Conversations and contacts that need not be read."""


def chunks(keys: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Cut keys for an IN list into pieces that every engine takes."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
