"""Changing conversations on request: closing, reopening, handing over to another backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from omnigate.errors import Refused
from omnigate.model.event import EventType
from omnigate.model.facts import StatusData, TransferData
from omnigate.store.ledger import Ledger
from omnigate.store.record import Draft, Recorder
from omnigate.store.threads import Thread
from omnigate.store.transaction import Transaction


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
    """Close or reopen conversations; False where nothing changed. Raises `Refused` if unknown."""
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    ledger.load_ids(item.conversation_id for item in items)
    results = []
    for item in items:
        thread = _known(ledger, item.conversation_id)
        if thread.status == item.status:
            results.append(False)
            continue
        thread.status = item.status
        closed = item.status == "closed"
        event_type = EventType.CONVERSATION_CLOSED if closed else EventType.CONVERSATION_REOPENED
        data = StatusData(status=item.status, by=item.by, note=item.note)
        _record(transaction, recorder, thread, event_type, data.model_dump_json())
        results.append(True)
    ledger.flush()
    recorder.flush()
    return results


def transfer(transaction: Transaction, items: Sequence[Transfer]) -> list[None]:
    """Hand conversations over: the event goes to the new backend. Raises `Refused` if unknown."""
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    ledger.load_ids(item.conversation_id for item in items)
    for item in items:
        thread = _known(ledger, item.conversation_id)
        data = TransferData(to_backend=item.to_backend, from_backend=thread.owner, note=item.note)
        thread.owner = item.to_backend
        event_type = EventType.CONVERSATION_TRANSFERRED
        _record(transaction, recorder, thread, event_type, data.model_dump_json())
    ledger.flush()
    recorder.flush()
    return [None] * len(items)


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
