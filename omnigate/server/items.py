"""One thing that is owed, or was given up, as it is shown: whose it is, what it says, how it was tried."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic_core import from_json
from sqlalchemy import Connection

from omnigate.store.dead import read_attempts
from omnigate.store.emptying import NO_CONTENT
from omnigate.store.errands import errand_of, read_steps
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
    action: Literal["send", "edit", "delete", "react"] | None
    """What is to be done about the message; null for events."""
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
        "action": row.action if row.message_id is not None else None,
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
    """Return what an item says: the event's envelope, the message, or what is to be changed about it.

    None when it was erased.
    """
    if row.first_part is not None:
        return _change(connection, row)
    if row.message_id is not None:
        said = read_messages(connection, [row.message_id]).get(row.message_id)
        return said.model_dump(mode="json") if said is not None else None
    event = event_at(connection, row.position)
    return dict(from_json(event.body)) if event is not None else None


def _change(connection: Connection, row: Any) -> dict[str, Any] | None:
    steps = read_steps(connection, errand_of(row))
    if any(step.body == NO_CONTENT for step in steps):
        return None
    return {
        "message": row.message_id,
        "action": row.action,
        "steps": [_step(step) for step in steps],
    }


def _step(part: Any) -> dict[str, Any]:
    """Return what is changed in one go about a part of a message."""
    wanted = from_json(part.body)
    said = {name: wanted.get(name) for name in _SAID[part.action]}
    return {
        "external_id": wanted["external_id"],
        "state": part.state,
        "error": part.error,
        **said,
    }


_SAID: Final = {"edit": ("text", "attachments", "buttons"), "delete": (), "react": ("emoji",)}
"""What each change says, beside which part it is about."""
