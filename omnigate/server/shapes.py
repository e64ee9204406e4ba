"""What the API answers with, beside the model itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from omnigate.model.event import Envelope, EventChannel, EventContact
from omnigate.model.facts import Message
from omnigate.server.auth import Caller
from omnigate.server.limited import context_for
from omnigate.store.conversationreads import ConversationRow


class Queued(BaseModel):
    """A message that is on its way."""

    id: str
    conversation: str
    state: str
    degraded: list[str]
    """What the channel cannot carry and how it will be sent instead."""


class MessageShown(Message):
    """A message, the conversation it belongs to, and the channel that carries it."""

    conversation: str
    channel: EventChannel
    address: str
    """Whom the conversation is with: what is sent goes there."""


class MessagePage(BaseModel):
    """Messages, the newest first."""

    items: list[MessageShown]
    next: str | None


class ConversationShown(BaseModel):
    """A conversation as it is now."""

    id: str
    channel: EventChannel
    external_id: str
    contact: EventContact
    address: str
    subject: str | None
    status: Literal["open", "closed"]
    owner: str | None
    """The backend that it was transferred to; null: the route decides."""
    waiting_since: str | None
    """Since when the customer waits for an answer; null: nobody waits."""
    last_sequence: int
    context: dict[str, Any]
    created_at: str
    updated_at: str


class ConversationPage(BaseModel):
    """Conversations, the latest changed first."""

    items: list[ConversationShown]
    next: str | None


class ContactPage(BaseModel):
    """Contacts, the newest first."""

    items: list[EventContact]
    next: str | None


class EventPage(BaseModel):
    """Events in the order they were recorded."""

    items: list[Envelope]
    next: str | None


def conversation_shown(
    row: ConversationRow, contact: EventContact, caller: Caller
) -> ConversationShown:
    """Return a stored conversation as the API shows it to somebody."""
    fields = row._asdict()
    fields["context"] = context_for(caller, row.context)
    channel = EventChannel(name=fields.pop("channel"), kind=fields.pop("kind"))
    return ConversationShown(channel=channel, contact=contact, **fields)


def message_shown(message: Message, conversation: ConversationRow) -> MessageShown:
    """Return a stored message as the API shows it."""
    return MessageShown.model_construct(
        **dict(message),
        conversation=conversation.id,
        channel=EventChannel(name=conversation.channel, kind=conversation.kind),
        address=conversation.address,
    )
