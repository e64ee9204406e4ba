"""Recording events: position, sequence, envelope, and what every destination is owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from pydantic_core import to_json

from omnigate import ids
from omnigate.model.event import DATA, EventType
from omnigate.store.owed import Owed, owe
from omnigate.store.prepared import bulk_insert
from omnigate.store.schema import event, event_body
from omnigate.store.threads import ChannelKey, Person, Thread
from omnigate.store.transaction import RecordedEvent, Transaction
from omnigate.store.waits import CLOSED, Step, Waits

MEDIA_URL: Final = "omnigate-media:"
"""Stands for an attachment's URL in stored envelopes: signed only when somebody gets to see it."""

OPERATIONS: Final = "operations"
"""The stream of events that are about the gateway itself."""


@dataclass(slots=True)
class Draft:
    """An event that is about to be recorded."""

    type: EventType
    person: Person | None
    """None: it is about no customer, but about the gateway."""
    thread: Thread | None
    channel: ChannelKey | None
    occurred_at: int
    data: str
    """The JSON of the object under the type's noun."""
    message_id: str | None = None
    media: bool = False
    kept_from: int | None = None
    """The destination that is not to get it: it is about that one."""
    wait: Step | None = None
    """What it means for a customer who waits for an answer."""
    owners: Sequence[str | None] | None = None
    """To whom it goes, by backends that own the conversation; None: as the conversation says."""
    before: str | None = None
    """The identifier of what it comes before, where that was taken beforehand: its own sorts before it."""


class Recorder:
    """Gathers the events of one operation and writes them with a few statements."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._events: list[dict[str, Any]] = []
        self._bodies: list[dict[str, Any]] = []
        self._owed: list[Owed] = []
        self._waits = Waits(transaction)

    def record(self, draft: Draft) -> RecordedEvent:
        """Take the next position and sequence for an event and note where it goes."""
        transaction, thread = self._transaction, draft.thread
        position = transaction.numbers.take("event")
        event_id = ids.event_id() if draft.before is None else ids.just_before("evt", draft.before)
        sequence = thread.next() if thread else None
        body = _envelope(draft, event_id, sequence, transaction.now)
        channel = draft.channel
        self._events.append(
            {
                "position": position,
                "id": event_id,
                "type": draft.type.value,
                "channel": channel.name if channel else None,
                "conversation_id": thread.id if thread else None,
                "contact_id": draft.person.id if draft.person else None,
                "message_id": draft.message_id,
                "sequence": sequence,
                "occurred_at": draft.occurred_at,
                "recorded_at": transaction.now,
            }
        )
        self._bodies.append({"position": position, "body": body, "media": draft.media})
        self._owe(draft, position)
        recorded = RecordedEvent(
            position,
            event_id,
            draft.type,
            channel.name if channel else None,
            thread.external_id if thread else None,
            thread.id if thread else None,
            sequence,
            body,
            draft.media,
        )
        transaction.recorded.append(recorded)
        step = CLOSED if draft.type is EventType.CONVERSATION_CLOSED else draft.wait
        if step is not None and thread is not None and channel is not None:
            self._waits.follow(step, thread, channel, draft.occurred_at, draft.message_id)
        return recorded

    def flush(self) -> None:
        """Write what was recorded: events, bodies, lanes, outbox; after the conversations."""
        if not self._events:
            return
        connection = self._transaction.connection
        _INSERT_EVENT.run(connection, self._events)
        _INSERT_BODY.run(connection, self._bodies)
        owe(self._transaction, self._owed)
        self._waits.flush()
        self._events, self._bodies, self._owed = [], [], []

    def _owe(self, draft: Draft, position: int) -> None:
        thread = draft.thread
        channel = draft.channel.name if draft.channel else None
        owners = draft.owners or (thread.owner if thread else None,)
        targets = {
            target.destination_id: target
            for owner in owners
            for target in self._transaction.routing(channel, draft.type, owner)
        }
        about = thread or draft.person
        stream = about.id if about else OPERATIONS
        priority = draft.channel.priority if draft.channel else 100
        for target in targets.values():
            if target.destination_id == draft.kept_from:
                continue
            own = priority if target.priority is None else target.priority
            self._owed.append(Owed(target, stream, own, position=position))


def _envelope(draft: Draft, event_id: str, sequence: int | None, now: int) -> str:
    """Put the envelope together from texts that are JSON already.

    ``"gap":[]`` stands before anything a customer wrote: the first one is the envelope's own.
    """
    channel, thread = draft.channel, draft.thread
    return (
        f'{{"id":"{event_id}","type":"{draft.type.value}","timestamp":"{time_text(draft.occurred_at)}"'
        f',"recorded_at":"{time_text(now)}","sequence":{"null" if sequence is None else sequence}'
        f',"gap":[],"channel":{_channel_json(channel.name, channel.kind) if channel else "null"}'
        f',"conversation":{thread.as_json() if thread else "null"}'
        f',"contact":{draft.person.as_json() if draft.person else "null"}'
        f',"data":{{"{DATA[draft.type][0]}":{draft.data}}}}}'
    )


@lru_cache(maxsize=256)
def _channel_json(name: str, kind: str) -> str:
    return to_json({"name": name, "kind": kind}).decode()


@lru_cache(maxsize=1024)
def _second_text(second: int) -> str:
    # Not by strftime: it writes early years with fewer than four digits.
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()


def milliseconds_of(moment: datetime) -> int:
    """Return a time as the store keeps it."""
    # Rounded: the product of a time to the millisecond may lie just below the whole number.
    return round(moment.timestamp() * 1000)


@lru_cache(maxsize=256)
def time_text(milliseconds: int) -> str:
    """Return a stored time as RFC 3339, UTC, milliseconds, ``Z``."""
    return f"{_second_text(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


_INSERT_EVENT: Final = bulk_insert(event)
_INSERT_BODY: Final = bulk_insert(event_body)
