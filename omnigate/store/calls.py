"""The calls of one operation: loaded together, changed in memory, told, written back together.

A call whose customer was erased says nothing, whatever comes of it later. Only what its platform calls it is
kept while it is under way, so that it can be ended (`omnigate.store.blank`); the change that ends it takes
that out as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, select, update

from omnigate.model.call import ENDED, WAITING, Call
from omnigate.store.blank import blank_call, blank_call_under_way
from omnigate.store.callfacts import Given
from omnigate.store.callstates import Told
from omnigate.store.ledger import Ledger
from omnigate.store.prepared import Bulk, Lookup, bulk_insert
from omnigate.store.record import Draft, Recorder, milliseconds_of
from omnigate.store.schema import call as call_table
from omnigate.store.threads import Thread
from omnigate.store.transaction import CallChanged, RecordedEvent, Transaction


@dataclass(slots=True)
class StoredCall:
    """A call's row in memory."""

    channel: str
    conversation_id: str
    call: Call
    wanted: str = "{}"
    """JSON of what was asked for."""
    given: Given = field(default_factory=Given)
    is_judged: bool = False
    """What an answer proves about the customer has been looked at."""
    due_at: int | None = None
    """Set while it waits to be tried."""
    cancel_asked_at: int | None = None
    begun_at: int | None = None
    """When its latest attempt was begun; None before, and once what it says is gone."""
    cut_at: int | None = None
    """When its latest attempt was to be ended because it lasts too long."""
    created_at: int = 0
    updated_at: int = 0
    ended_at: int | None = None
    new: bool = False
    changed: bool = False
    has_just_ended: bool = False

    @property
    def id(self) -> str:
        """Our identifier."""
        return self.call.id

    @property
    def is_waiting(self) -> bool:
        """Whether nothing of it is under way."""
        return self.call.state in WAITING

    def has_attempt(self, attempt: int) -> bool:
        """Tell whether this attempt has been begun, and nothing is known yet of what became of it."""
        return self.call.state == "dialling" and self.call.attempt == attempt


class Calls:
    """The calls that one operation works on."""

    def __init__(self, transaction: Transaction, ledger: Ledger, recorder: Recorder) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._recorder = recorder
        self._wanted: set[str] = set()
        self._known: dict[str, StoredCall] = {}

    def want(self, call_id: str) -> None:
        """Have a call loaded by `load`."""
        self._wanted.add(call_id)

    def load(self) -> None:
        """Load what was asked for, with the conversations that it belongs to and comes from."""
        missing = sorted(self._wanted - self._known.keys())
        self._wanted.clear()
        rows = list(_BY_ID.run(self._transaction.connection, missing))
        for row in rows:
            self._known[row.id] = stored_call(row)
        self._ledger.load_ids(
            conversation
            for row in rows
            for conversation in (row.conversation_id, self._known[row.id].call.from_conversation)
            if conversation is not None
        )

    def find(self, call_id: str) -> StoredCall | None:
        """Return a call that was loaded or added."""
        return self._known.get(call_id)

    def thread(self, stored: StoredCall) -> Thread:
        """Return the conversation of a call."""
        return self._ledger.by_id[stored.conversation_id]

    def is_erased(self, stored: StoredCall) -> bool:
        """Tell whether a call's customer was erased."""
        return self.thread(stored).is_erased

    def add(self, stored: StoredCall) -> None:
        """Take up a call that is new; its conversation must be in the ledger."""
        stored.new = stored.changed = True
        stored.created_at = self._transaction.now
        self._known[stored.id] = stored

    def change(
        self,
        stored: StoredCall,
        call: Call,
        told: Sequence[Told] = (),
        *,
        occurred_at: int | None = None,
        due_at: int | None = None,
    ) -> list[RecordedEvent]:
        """Replace what is known of a call and record what follows; it waits until ``due_at`` if it waits."""
        stored.call = self._kept(stored, call)
        stored.changed = True
        stored.due_at = due_at if call.state in WAITING else None
        if call.state in ENDED and stored.ended_at is None:
            stored.ended_at = self._transaction.now
            stored.has_just_ended = True
        return [self._record(stored, each, occurred_at) for each in told]

    def touch(self, stored: StoredCall) -> None:
        """Note that something of it is to be written that is not shown."""
        stored.changed = True

    def flush(self) -> None:
        """Write what is new or changed, and have it told; after the conversations."""
        changed = [stored for stored in self._known.values() if stored.changed]
        now, connection = self._transaction.now, self._transaction.connection
        _INSERT.run(connection, [_row(stored, now) for stored in changed if stored.new])
        _UPDATE.run(connection, [_change(stored, now) for stored in changed if not stored.new])
        for stored in changed:
            self._transaction.calls.append(self._as_told(stored))
            stored.new = stored.changed = stored.has_just_ended = False

    def _kept(self, stored: StoredCall, call: Call) -> Call:
        """Return what is to be kept of a call."""
        if not self.is_erased(stored):
            return call
        is_over = call.state in ENDED or call.state in WAITING
        return blank_call(call) if is_over else blank_call_under_way(call)

    def _record(self, stored: StoredCall, told: Told, occurred_at: int | None) -> RecordedEvent:
        thread = self.thread(stored)
        known = blank_call(stored.call) if self.is_erased(stored) else stored.call
        shown = known.model_copy(update={"leg": told.leg})
        return self._recorder.record(
            Draft(
                type=told.type,
                person=thread.person,
                thread=thread,
                channel=thread.channel,
                occurred_at=occurred_at or self._transaction.now,
                data=shown.model_dump_json(),
                media=shown.recording is not None,
            )
        )

    def _as_told(self, stored: StoredCall) -> CallChanged:
        asked_in = self._ledger.by_id.get(stored.call.from_conversation or "")
        return CallChanged(
            stored.channel,
            stored.call,
            has_ended=stored.has_just_ended,
            is_cancelled=stored.cancel_asked_at is not None,
            asked_by=asked_in.channel.name if asked_in else None,
            asked_in=asked_in.external_id if asked_in else None,
        )


def stored_call(row: Any) -> StoredCall:
    """Return a row of the table as what is known of a call."""
    beside = from_json(row.beside) if row.beside else {}
    return StoredCall(
        channel=row.channel,
        conversation_id=row.conversation_id,
        call=Call.model_validate_json(row.body),
        wanted=row.wanted,
        given=Given(beside.get("ring_seconds"), beside.get("talk_seconds")),
        is_judged=beside.get("is_judged", False),
        due_at=row.due_at,
        cancel_asked_at=row.cancel_asked_at,
        begun_at=beside.get("begun_at"),
        cut_at=beside.get("cut_at"),
        created_at=row.created_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
    )


def moment(milliseconds: int) -> datetime:
    """Return a stored time as models have it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _row(stored: StoredCall, now: int) -> dict[str, Any]:
    call = stored.call
    beside = {
        **stored.given._asdict(),
        "is_judged": stored.is_judged,
        "begun_at": stored.begun_at,
        "cut_at": stored.cut_at,
    }
    return {
        "id": call.id,
        "channel": stored.channel,
        "conversation_id": stored.conversation_id,
        "state": call.state,
        "attempt": call.attempt,
        "due_at": stored.due_at,
        "expires_at": milliseconds_of(call.expires_at) if call.expires_at else None,
        "cancel_asked_at": stored.cancel_asked_at,
        "wanted": stored.wanted,
        "body": call.model_dump_json(),
        "beside": to_json(beside).decode(),
        "created_at": stored.created_at,
        "updated_at": now,
        "ended_at": stored.ended_at,
    }


def _change(stored: StoredCall, now: int) -> dict[str, Any]:
    row = _row(stored, now)
    return {"key": stored.id, **{f"{name}_now": row[name] for name in _CHANGING}}


_CHANGING: Final = (
    "state",
    "attempt",
    "due_at",
    "expires_at",
    "cancel_asked_at",
    "body",
    "beside",
    "updated_at",
    "ended_at",
)
_BY_ID: Final = Lookup(lambda keys: select(call_table).where(call_table.c.id.in_(keys)))
_INSERT: Final = bulk_insert(call_table)
_UPDATE: Final = Bulk(
    update(call_table)
    .where(call_table.c.id == bindparam("key"))
    .values({name: bindparam(f"{name}_now") for name in _CHANGING})
)
