"""Recording events: position, sequence, envelope, and what every destination is owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import Integer, bindparam, case, false, literal_column

from omnigate import ids
from omnigate.model.event import DATA, EventType
from omnigate.store.dialect import upsert
from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.schema import APART, DUE, IDLE, event, event_body, lane, outbox
from omnigate.store.threads import ChannelKey, Person, Thread
from omnigate.store.transaction import RecordedEvent, Target, Transaction

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


class Recorder:
    """Gathers the events of one operation and writes them with a few statements."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._events: list[dict[str, Any]] = []
        self._bodies: list[dict[str, Any]] = []
        self._owed: list[Owed] = []

    def record(self, draft: Draft) -> RecordedEvent:
        """Take the next position and sequence for an event and note where it goes."""
        transaction, thread = self._transaction, draft.thread
        position = transaction.numbers.take("event")
        event_id = ids.event_id()
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
        return recorded

    def flush(self) -> None:
        """Write what was recorded: events, bodies, lanes, outbox."""
        if not self._events:
            return
        connection = self._transaction.connection
        _INSERT_EVENT.run(connection, self._events)
        _INSERT_BODY.run(connection, self._bodies)
        owe(self._transaction, self._owed)
        self._events, self._bodies, self._owed = [], [], []

    def _owe(self, draft: Draft, position: int) -> None:
        thread = draft.thread
        targets = self._transaction.routing(
            draft.channel.name if draft.channel else None,
            draft.type,
            thread.owner if thread else None,
        )
        about = thread or draft.person
        stream = about.id if about else OPERATIONS
        priority = draft.channel.priority if draft.channel else 100
        for target in targets:
            if target.destination_id == draft.kept_from:
                continue
            self._owed.append(Owed(target, stream, priority, position=position))


@dataclass(slots=True)
class Owed:
    """One item that a destination is to get: an event by position, or an outbound message."""

    target: Target
    stream: str
    priority: int
    position: int | None = None
    message_id: str | None = None
    expires_at: int | None = None
    replay: bool = False
    first_part: int | None = None
    last_part: int | None = None
    """Of a change to the message; see `omnigate.store.errands`."""


def owe(transaction: Transaction, owed: Sequence[Owed]) -> None:
    """Put items into their lanes, in the given order; lanes first, sorted, then the outbox."""
    if not owed:
        return
    now = transaction.now
    lanes: dict[tuple[int, str], dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for item in owed:
        number = transaction.numbers.take("outbox")
        destination_id = item.target.destination_id
        stream = item.stream if item.target.ordered else f"{item.stream}{APART}{number}"
        known = lanes.get((destination_id, stream))
        if known is None:
            lanes[destination_id, stream] = {
                "destination_id": destination_id,
                "stream": stream,
                "priority": item.priority,
                "added": 1,
                "now": now,
            }
        else:
            known["added"] += 1
        rows.append(
            {
                "id": number,
                "destination_id": destination_id,
                "stream": stream,
                "position": item.position,
                "message_id": item.message_id,
                "attempts": 0,
                "replay": item.replay,
                "created_at": now,
                "expires_at": item.expires_at or now + transaction.delivery_expiry_ms,
                "first_part": item.first_part,
                "last_part": item.last_part,
            }
        )
    _UPSERT_LANE.run(transaction.connection, [lanes[key] for key in sorted(lanes)])
    _INSERT_OUTBOX.run(transaction.connection, rows)
    transaction.due.update(destination_id for destination_id, _ in lanes)


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


_IDLE: Final = literal_column(str(IDLE), Integer())
_DUE: Final = literal_column(str(DUE), Integer())
_NEW_LANE: Final = upsert(lane).values(
    destination_id=bindparam("destination_id"),
    stream=bindparam("stream"),
    state=_DUE,
    run_at=bindparam("now"),
    priority=bindparam("priority"),
    retrying=false(),
    pending=bindparam("added"),
    failures=literal_column("0"),
    lease_token=literal_column("0"),
    updated_at=bindparam("now"),
)
_UPSERT_LANE: Final = Bulk(
    _NEW_LANE.on_conflict_do_update(
        index_elements=[lane.c.destination_id, lane.c.stream],
        set_={
            "pending": lane.c.pending + _NEW_LANE.excluded.pending,
            "state": case((lane.c.state == _IDLE, _DUE), else_=lane.c.state),
            "run_at": case((lane.c.state == _IDLE, _NEW_LANE.excluded.run_at), else_=lane.c.run_at),
            "priority": _NEW_LANE.excluded.priority,
            "updated_at": _NEW_LANE.excluded.updated_at,
        },
    )
)
_INSERT_EVENT: Final = bulk_insert(event)
_INSERT_BODY: Final = bulk_insert(event_body)
_INSERT_OUTBOX: Final = bulk_insert(outbox)
