"""Whose a conversation is, and whose it was a moment ago."""

from __future__ import annotations

from typing import Final, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, select

from omnigate.model.event import EventType
from omnigate.store.schema import conversation, event, event_body


class Holding(NamedTuple):
    """Whose a conversation is."""

    channel: str
    owner: str | None
    """The backend that it was handed to last."""


def held_now(connection: Connection, event_id: str) -> Holding | None:
    """Return whose the conversation of an event is; None where the event belongs to none."""
    row = connection.execute(_NOW, {"id": event_id}).one_or_none()
    return Holding(row.channel, row.owner) if row is not None else None


def held_at(connection: Connection, event_id: str, moment: int) -> Holding | None:
    """Return whose the conversation of an event was at a moment after it, in milliseconds since 1970."""
    row = connection.execute(_THEN, {"id": event_id, "moment": moment}).first()
    if row is None:
        return held_now(connection, event_id)
    return Holding(row.channel, from_json(row.body)["data"]["transfer"]["from_backend"])


_LATER: Final = event.alias("later")
_NOW: Final = (
    select(conversation.c.channel, conversation.c.owner)
    .join_from(event, conversation, conversation.c.id == event.c.conversation_id)
    .where(event.c.id == bindparam("id"))
)
_THEN: Final = (
    select(event.c.channel, event_body.c.body)
    .join_from(event, _LATER, _LATER.c.conversation_id == event.c.conversation_id)
    .join(event_body, event_body.c.position == _LATER.c.position)
    .where(
        event.c.id == bindparam("id"),
        _LATER.c.sequence > event.c.sequence,
        _LATER.c.type == EventType.CONVERSATION_TRANSFERRED.value,
        _LATER.c.recorded_at >= bindparam("moment"),
    )
    .order_by(_LATER.c.sequence)
    .limit(1)
)
