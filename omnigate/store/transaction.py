"""What an operation gets to work with: one open transaction and what the turn has brought about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, get_args

from sqlalchemy import Connection, func, select

from omnigate.model.call import Call
from omnigate.model.event import EventType
from omnigate.model.facts import ProofKind
from omnigate.store.dialect import numbers_given
from omnigate.store.recent import Recent
from omnigate.store.schema import attempt, event, outbox, quarantine

ONE_EACH: Final = frozenset({"user"})
"""Schemes of which a person has one, whatever channels there are: the company's own customer ids."""


class Trust(NamedTuple):
    """What makes contacts one unasked, as the operator has it."""

    merge_on: frozenset[ProofKind] = frozenset(get_args(ProofKind))
    """Proofs that do; the others do nothing."""
    call_proof_seconds: float = 10.0
    """Talk that proves a number: who hangs up sooner may have picked up somebody else's phone."""


TRUST: Final = Trust()


class Target(NamedTuple):
    """A destination that an event is owed to."""

    destination_id: int
    ordered: bool
    """False: the event goes in a lane of its own and waits for no other."""
    priority: int | None = None
    """Of the lane; None: as the channel has it that the event is recorded for."""


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


class CallChanged(NamedTuple):
    """A call that was just committed as it is now, for those who follow it."""

    channel: str
    call: Call
    has_ended: bool
    """It has ended by this."""
    is_cancelled: bool
    """Somebody has taken it back while it was under way."""
    asked_by: str | None
    """The channel in which it was asked for."""
    asked_in: str | None
    """The platform's id of the conversation in which it was asked for."""


class Waited(NamedTuple):
    """A wait for an answer that has just ended with one, for those who count."""

    channel: str
    milliseconds: int
    first: bool
    """Nobody had answered in the conversation before."""


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
    calls: list[CallChanged] = field(default_factory=list)
    waited: list[Waited] = field(default_factory=list)
    overdue_at: int | None = None
    """When the first of the waits that began in this turn becomes overdue."""
    recent: Recent = field(default_factory=Recent)
    """Conversations and contacts that need not be read."""
    one_each: frozenset[str] = ONE_EACH
    """Schemes of addresses of which a person has one."""
    trust: Trust = TRUST


def chunks(keys: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Cut keys for an IN list into pieces that every engine takes."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
