"""Changing conversations on request: closing, reopening, handing over to another backend.

A conversation is handed over between two of its events. ``conversation.transferred`` is the last that
those get whose it was, unless they observe, and the first that its new owner gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from omnigate.errors import Refused
from omnigate.model.event import EventType
from omnigate.model.facts import Message, StatusData, TransferData
from omnigate.store.ledger import Ledger
from omnigate.store.messages import list_messages
from omnigate.store.record import Draft, Recorder
from omnigate.store.threads import Thread
from omnigate.store.transaction import Transaction

HISTORY_MESSAGES: Final = 20
"""How many of the latest messages a new owner is told."""
HISTORY_BYTES: Final = 262_144
"""What they may come to together: the oldest are left out before that."""


class StatusChange(NamedTuple):
    """Close or reopen a conversation."""

    conversation_id: str
    status: Literal["open", "closed"]
    by: Literal["customer", "api", "system"]
    note: str | None = None


class Transfer(NamedTuple):
    """Hand a conversation to another backend."""

    conversation_id: str
    to_backend: str
    note: str | None = None


def change_status(transaction: Transaction, items: Sequence[StatusChange]) -> list[bool]:
    """Close or reopen conversations; False where nothing changed.

    Raises `Refused`: ``not_found``, or ``gone`` where the customer was erased, if only just now.
    """
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    ledger.load_ids(item.conversation_id for item in items)
    results = []
    for item in items:
        thread = _known(ledger, item.conversation_id)
        if thread.status == item.status:
            results.append(False)
            continue
        _require_living(thread)
        thread.status = item.status
        closed = item.status == "closed"
        event_type = EventType.CONVERSATION_CLOSED if closed else EventType.CONVERSATION_REOPENED
        data = StatusData(status=item.status, by=item.by, note=item.note)
        _record(transaction, recorder, thread, event_type, data.model_dump_json())
        results.append(True)
    ledger.flush()
    recorder.flush()
    return results


def transfer(transaction: Transaction, items: Sequence[Transfer]) -> list[bool]:
    """Hand conversations over; False where the backend owns it already.

    Raises `Refused`: ``not_found``, or ``gone`` where the customer was erased, if only just now.
    """
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    ledger.load_ids(item.conversation_id for item in items)
    results = []
    for item in items:
        thread = _known(ledger, item.conversation_id)
        results.append(thread.owner != item.to_backend)
        if thread.owner != item.to_backend:
            _hand_over(transaction, recorder, thread, item)
    ledger.flush()
    recorder.flush()
    return results


def _hand_over(
    transaction: Transaction, recorder: Recorder, thread: Thread, item: Transfer
) -> None:
    _require_living(thread)
    former, thread.owner = thread.owner, item.to_backend
    thread.changed = True
    said = _history(transaction, thread)
    data = TransferData(
        to_backend=item.to_backend, from_backend=former, note=item.note, history=said
    )
    recorder.record(
        Draft(
            type=EventType.CONVERSATION_TRANSFERRED,
            person=thread.person,
            thread=thread,
            channel=thread.channel,
            occurred_at=transaction.now,
            data=data.model_dump_json(),
            media=any(message.attachments for message in said),
            owners=(former, item.to_backend),
        )
    )


def _history(transaction: Transaction, thread: Thread) -> list[Message]:
    """Return what was said last as it is now, oldest first."""
    latest = list_messages(
        transaction.connection, conversation_id=thread.id, limit=HISTORY_MESSAGES
    )
    left_bytes, chosen = HISTORY_BYTES, []
    for message, _ in latest:
        left_bytes -= len(message.model_dump_json())
        if left_bytes < 0:
            break
        chosen.append(message)
    return chosen[::-1]


def _require_living(thread: Thread) -> None:
    """Raise `Refused` where a note would come to stand beside what an erasure has emptied already."""
    if thread.is_erased:
        raise Refused("gone", "whom the conversation was with has been erased")


def _known(ledger: Ledger, conversation_id: str) -> Thread:
    thread = ledger.by_id.get(conversation_id)
    if thread is None:
        raise Refused("not_found", "there is no such conversation")
    return thread


def _record(
    transaction: Transaction, recorder: Recorder, thread: Thread, event_type: EventType, data: str
) -> None:
    recorder.record(
        Draft(
            type=event_type,
            person=thread.person,
            thread=thread,
            channel=thread.channel,
            occurred_at=transaction.now,
            data=data,
        )
    )
