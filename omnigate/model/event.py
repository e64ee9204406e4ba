"""Events: the closed list of types, the envelope a backend receives, and its JSON Schemas.

Consumers must ignore unknown fields. Within ``/v1`` a field is never removed or retyped, and a field
with no value is ``null`` or ``[]``, never missing.
"""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, create_model

from omnigate.model.address import Address
from omnigate.model.call import Call
from omnigate.model.context import Context
from omnigate.model.facts import (
    ButtonData,
    ChangeFailed,
    ChannelHealth,
    Consent,
    ContactChange,
    ContactConflict,
    DeadDelivery,
    DestinationHealth,
    Fact,
    Message,
    PageData,
    PresenceData,
    RatingData,
    ReactionChanged,
    StatusData,
    TransferData,
    TypingData,
    WaitData,
)
from omnigate.model.text import Timestamp


class EventType(StrEnum):
    """Every type of event this version emits."""

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_EDITED = "message.edited"
    MESSAGE_DELETED = "message.deleted"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_READ = "message.read"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_UNKNOWN = "message.unknown"
    MESSAGE_CHANGE_FAILED = "message.change_failed"
    REACTION_CHANGED = "reaction.changed"
    BUTTON_PRESSED = "button.pressed"
    CONVERSATION_STARTED = "conversation.started"
    CONVERSATION_TRANSFERRED = "conversation.transferred"
    CONVERSATION_CLOSED = "conversation.closed"
    CONVERSATION_REOPENED = "conversation.reopened"
    CONVERSATION_RATED = "conversation.rated"
    CONVERSATION_OVERDUE = "conversation.overdue"
    CONTACT_UPDATED = "contact.updated"
    CONTACT_MERGED = "contact.merged"
    CONTACT_UNMERGED = "contact.unmerged"
    CONTACT_CONFLICT = "contact.conflict"
    CONTACT_BLOCKED = "contact.blocked"
    CONTACT_UNBLOCKED = "contact.unblocked"
    CONTACT_ERASED = "contact.erased"
    CALL_REQUESTED = "call.requested"
    CALL_QUEUED = "call.queued"
    CALL_RINGING = "call.ringing"
    CALL_ANSWERED = "call.answered"
    CALL_ENDED = "call.ended"
    CALL_MISSED = "call.missed"
    CALL_UNKNOWN = "call.unknown"
    CALL_RECORDED = "call.recorded"
    TYPING = "typing"
    PRESENCE = "presence"
    PAGE_VIEWED = "page.viewed"
    CHANNEL_DOWN = "channel.down"
    CHANNEL_UP = "channel.up"
    DESTINATION_FAILING = "destination.failing"
    DESTINATION_RECOVERED = "destination.recovered"
    DELIVERY_DEAD = "delivery.dead"


EPHEMERAL: Final = frozenset({EventType.TYPING, EventType.PRESENCE, EventType.PAGE_VIEWED})
"""Never stored, delivered at most once, ``sequence`` is null."""

OPERATIONAL: Final = frozenset(
    {
        EventType.CHANNEL_DOWN,
        EventType.CHANNEL_UP,
        EventType.DESTINATION_FAILING,
        EventType.DESTINATION_RECOVERED,
        EventType.DELIVERY_DEAD,
    }
)
"""About the gateway, for operators: only for who asks for them by name, never for who they are about."""


def types_matching(pattern: str) -> frozenset[EventType]:
    """Return the types that a pattern such as ``message.*`` names; empty if none.

    Operational types are meant only where the word before the dot is spelt out: ``*`` is not enough.
    """
    found = {known for known in EventType if fnmatchcase(known, pattern)}
    if not pattern.partition(".")[0].isalpha():
        found -= OPERATIONAL
    return frozenset(found)


class EventChannel(Fact):
    """The channel it happened on."""

    name: str
    kind: str


class EventConversation(Fact):
    """The conversation it belongs to, as it was then."""

    id: str
    external_id: str
    subject: str | None = None
    status: Literal["open", "closed"] = "open"
    context: Context = Context()


class EventAddress(Fact):
    """One identity of the contact."""

    address: Address
    username: str | None = None
    verified: bool = False
    consent: Consent | None = None
    """Whether the customer has agreed to be written to first here; null: nobody has said."""


class EventContact(Fact):
    """The customer, as known then."""

    id: str
    display_name: str | None = None
    locale: str | None = None
    phone: str | None = None
    email: str | None = None
    avatar_url: str | None = None
    addresses: list[EventAddress] = Field(default_factory=list)
    """Of each scheme the latest 50, in the order in which they became known."""
    addresses_left_out: int = Field(0, ge=0)
    """How many more there are: every browser of a customer of the web chat has one."""


class Envelope(Fact):
    """What a backend receives, whatever the channel."""

    id: str
    type: EventType
    timestamp: Timestamp
    """When it happened, by the provider's clock."""
    recorded_at: Timestamp
    sequence: int | None
    """Per conversation, from 1, without gaps; null for events that belong to no conversation."""
    gap: list[int] = Field(default_factory=list)
    """Sequence numbers before this one that this destination will not get: they are dead letters."""
    channel: EventChannel | None
    conversation: EventConversation | None
    contact: EventContact | None
    data: dict[str, Any]
    """Exactly one object, named after the type's noun."""


DATA: Final[dict[EventType, tuple[str, type[BaseModel]]]] = {
    EventType.MESSAGE_RECEIVED: ("message", Message),
    EventType.MESSAGE_EDITED: ("message", Message),
    EventType.MESSAGE_DELETED: ("message", Message),
    EventType.MESSAGE_SENT: ("message", Message),
    EventType.MESSAGE_DELIVERED: ("message", Message),
    EventType.MESSAGE_READ: ("message", Message),
    EventType.MESSAGE_FAILED: ("message", Message),
    EventType.MESSAGE_UNKNOWN: ("message", Message),
    EventType.MESSAGE_CHANGE_FAILED: ("change", ChangeFailed),
    EventType.REACTION_CHANGED: ("reaction", ReactionChanged),
    EventType.BUTTON_PRESSED: ("button", ButtonData),
    EventType.CONVERSATION_STARTED: ("status", StatusData),
    EventType.CONVERSATION_CLOSED: ("status", StatusData),
    EventType.CONVERSATION_REOPENED: ("status", StatusData),
    EventType.CONVERSATION_TRANSFERRED: ("transfer", TransferData),
    EventType.CONVERSATION_RATED: ("rating", RatingData),
    EventType.CONVERSATION_OVERDUE: ("wait", WaitData),
    EventType.CONTACT_UPDATED: ("contact", ContactChange),
    EventType.CONTACT_MERGED: ("contact", ContactChange),
    EventType.CONTACT_UNMERGED: ("contact", ContactChange),
    EventType.CONTACT_CONFLICT: ("conflict", ContactConflict),
    EventType.CONTACT_BLOCKED: ("contact", ContactChange),
    EventType.CONTACT_UNBLOCKED: ("contact", ContactChange),
    EventType.CONTACT_ERASED: ("contact", ContactChange),
    EventType.CALL_REQUESTED: ("call", Call),
    EventType.CALL_QUEUED: ("call", Call),
    EventType.CALL_RINGING: ("call", Call),
    EventType.CALL_ANSWERED: ("call", Call),
    EventType.CALL_ENDED: ("call", Call),
    EventType.CALL_MISSED: ("call", Call),
    EventType.CALL_UNKNOWN: ("call", Call),
    EventType.CALL_RECORDED: ("call", Call),
    EventType.TYPING: ("typing", TypingData),
    EventType.PRESENCE: ("presence", PresenceData),
    EventType.PAGE_VIEWED: ("page", PageData),
    EventType.CHANNEL_DOWN: ("channel", ChannelHealth),
    EventType.CHANNEL_UP: ("channel", ChannelHealth),
    EventType.DESTINATION_FAILING: ("destination", DestinationHealth),
    EventType.DESTINATION_RECOVERED: ("destination", DestinationHealth),
    EventType.DELIVERY_DEAD: ("delivery", DeadDelivery),
}
"""Type of event → the noun under ``data`` and the shape of what stands there."""


def envelope_model(event_type: EventType) -> type[Envelope]:
    """Return the envelope narrowed to one type of event: the source of its JSON Schema."""
    noun, data = DATA[event_type]
    name = "".join(word.capitalize() for word in event_type.replace(".", "_").split("_"))
    holder = create_model(f"{name}Data", __base__=Fact, **{noun: (data, ...)})  # type: ignore[call-overload]  # the noun is known only at run time
    kind: Any = Literal[event_type]
    fields: dict[str, Any] = {"type": (kind, ...), "data": (holder, ...)}
    doc = f"The envelope of {event_type}."
    model: type[Envelope] = create_model(name, __base__=Envelope, __doc__=doc, **fields)
    return model


def json_schema(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one type of event."""
    schema = envelope_model(event_type).model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


class Event:
    """An event on its way to a backend: the envelope as bytes, and what the attempt adds.

    The bytes are the same on every attempt. `envelope` parses them when a backend wants the model.
    """

    def __init__(
        self,
        *,
        id: str,  # noqa: A002  # the envelope's own word
        type: EventType,  # noqa: A002  # the envelope's own word
        body: bytes,
        sequence: int | None = None,
        attempt: int = 1,
        replay: bool = False,
    ) -> None:
        self.id = id
        self.type = type
        self.body = body
        """The envelope as UTF-8 JSON."""
        self.sequence = sequence
        self.attempt = attempt
        """1 on the first try; 0 for ephemeral events, which have one."""
        self.replay = replay
        """Sent again on an operator's request."""

    @cached_property
    def envelope(self) -> Envelope:
        """The envelope as a frozen model."""
        return Envelope.model_validate_json(self.body)
