"""One thing that is owed, or was given up, as it is shown: whose it is, what it says, how it was tried."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json
from sqlalchemy import Connection

from omnigate.store.dead import read_attempts
from omnigate.store.history import event_at
from omnigate.store.messages import read_messages
from omnigate.store.record import time_text


class AttemptShown(BaseModel):
    """One try that did not succeed."""

    number: int
    at: str
    outcome: str
    status: int | None
    duration_ms: int | None
    error: str


class ItemShown(BaseModel):
    """An event or a message for a destination."""

    id: int
    direction: str
    destination: str
    event: str | None
    type: str | None
    message: str | None
    conversation: str | None
    contact: str | None
    """Whom an event is about; null for messages and the gateway's own events."""
    sequence: int | None
    attempts: int
    created_at: str


def item_fields(row: Any, number: int) -> dict[str, Any]:
    """Return what is shown of every item, by a row of the store's."""
    return {
        "id": number,
        "direction": row.direction,
        "destination": row.name,
        "event": row.event_id,
        "type": row.event_type,
        "message": row.message_id,
        "conversation": row.conversation_id,
        "contact": row.contact_id,
        "sequence": row.sequence,
        "attempts": row.attempts,
        "created_at": time_text(row.created_at),
    }


def attempts_of(connection: Connection, number: int) -> list[AttemptShown]:
    """Return the tries of an item that did not succeed, in order."""
    return [
        AttemptShown(
            number=row.number,
            at=time_text(row.at),
            outcome=row.outcome,
            status=row.status,
            duration_ms=row.duration_ms,
            error=row.error,
        )
        for row in read_attempts(connection, number)
    ]


def content_of(connection: Connection, row: Any) -> dict[str, Any] | None:
    """Return what an item says: the event's envelope, or the message; None when it was erased."""
    if row.message_id is not None:
        said = read_messages(connection, [row.message_id]).get(row.message_id)
        return said.model_dump(mode="json") if said is not None else None
    event = event_at(connection, row.position)
    return dict(from_json(event.body)) if event is not None else None
