"""What events tell, by the noun that stands under ``data``; messages as the API shows them too."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from omnigate.model.address import Address
from omnigate.model.attachment import Attachment, Location, SharedContact
from omnigate.model.outbound import Author, Button, ChangeAction, MessageState
from omnigate.model.text import Timestamp

Consent = Literal["granted", "refused"]
"""Whether a customer has agreed to be written to first at an address; nobody having said is None."""


class Fact(BaseModel):
    """Frozen data as events and the API show it; readers ignore what they do not know."""

    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class Part(Fact):
    """One send that an outbound message needed."""

    index: int
    state: MessageState
    external_id: str | None = None
    error: str | None = None


class Sender(Fact):
    """Who said it: in a group, not always the conversation's contact."""

    address: Address
    display_name: str | None = None
    username: str | None = None


class Message(Fact):
    """A message as events and the API show it."""

    id: str
    direction: Literal["inbound", "outbound"]
    state: Literal["received", "edited", "deleted"] | MessageState
    created_at: Timestamp
    sender: Sender | None = None
    """Null for outbound messages: see ``author``."""
    text: str | None = None
    html: str | None = None
    """Sanitised; pictures in it are ``cid:`` and the id of one of the ``attachments``."""
    full_text: str | None = None
    """All that was written, with quoted history and signature, where ``text`` is only what is new."""
    subject: str | None = None
    attachments: list[Attachment] = Field(default_factory=list)
    buttons: list[list[Button]] = Field(default_factory=list)
    location: Location | None = None
    shared_contact: SharedContact | None = None
    reply_to: str | None = None
    """The id of the message this one answers, as far as it is known here."""
    forwarded_from: str | None = None
    album: str | None = None
    button: str | None = None
    handover: str | None = None
    """What the link bore that brought the customer here: the id of a handover for its token."""
    author: Author | None = None
    automatic: bool = False
    """Written by a machine."""
    external_ids: list[str] = Field(default_factory=list)
    """The platform's ids: one for an inbound message, one a part for an outbound one."""
    client_ref: str | None = None
    degraded: list[str] = Field(default_factory=list)
    """What the channel could not carry and how it was sent instead."""
    parts: list[Part] = Field(default_factory=list)
    error: str | None = None
    """Why it failed, or what is unknown about it."""
    extensions: dict[str, Any] = Field(default_factory=dict)


class ReactionChanged(Fact):
    """Somebody's reactions to one message, all of them; empty when taken back."""

    message: str | None
    external_id: str
    emoji: list[str] = Field(default_factory=list)
    by: Literal["customer", "company"] = "customer"


class ChangeFailed(Fact):
    """A change to a message that the platform did not take; the message is as it was."""

    message: str
    action: ChangeAction
    state: Literal["failed", "unknown"]
    error: str | None = None


class ButtonData(Fact):
    """A button that the customer pressed."""

    payload: str
    label: str | None = None
    message: str | None = None
    external_id: str | None = None


class RatingData(Fact):
    """The customer's judgement, 1 (bad) to 5 (good)."""

    score: int
    comment: str | None = None


class StatusData(Fact):
    """A change of the conversation's status."""

    status: Literal["open", "closed"]
    by: Literal["customer", "api", "system"]
    note: str | None = None


class TransferData(Fact):
    """The conversation was handed to another backend."""

    to_backend: str
    from_backend: str | None = None
    note: str | None = None
    history: list[Message] = Field(default_factory=list)
    """What was said last, oldest first: the new owner may know nothing of it."""


class WaitData(Fact):
    """A customer waits longer for an answer than the channel's target allows."""

    since: Timestamp
    """When the first message came that nobody has answered."""
    target_seconds: float
    message: str | None = None
    """That message."""
    first: bool = False
    """Nobody has answered in this conversation yet."""


ProofKind = Literal["verified", "call", "handover"]
"""What may make contacts one unasked: a channel vouches for it, a call was answered, a link was used."""


class ContactChange(Fact):
    """What happened to a contact."""

    id: str
    changed: list[str] = Field(default_factory=list)
    """Names of the fields that changed."""
    merged: str | None = None
    """The contact that was taken up into this one, or parted from it again."""
    merge: int | None = None
    """What ``omnigate contact unmerge`` calls the merge."""
    reason: str | None = None
    """Of a merge: the proof (``verified``, ``call``, ``handover``), or the note of who asked for it."""


class ContactConflict(Fact):
    """Two contacts that a proof says are one, and other proofs say are not: nothing was merged."""

    id: str
    other: str
    """The other contact."""
    address: str | None = None
    """What both have a claim to."""
    reason: str
    conflict: int
    """What ``omnigate contact conflicts`` calls it."""


class TypingData(Fact):
    """The customer is typing."""

    draft: str | None = None


class PresenceData(Fact):
    """The customer came or went."""

    online: bool


class PageData(Fact):
    """The page the customer looks at."""

    url: str
    title: str | None = None


class ChannelHealth(Fact):
    """How a channel is."""

    name: str
    kind: str
    state: str
    message: str | None = None


class DestinationHealth(Fact):
    """How deliveries to a backend, or the messages of a channel, go."""

    direction: Literal["backend", "channel"]
    name: str
    state: Literal["failing", "open", "paused", "ok"]
    error: str | None = None
    failures: int = 0
    """Attempts in a row that failed because of it."""
    failing_since: Timestamp | None = None


class DeadDelivery(Fact):
    """A delivery that will not be tried again unless the operator replays it."""

    id: int
    """What ``omnigate dead show`` calls it."""
    direction: Literal["backend", "channel"]
    destination: str
    event: str | None = None
    """The event that was not delivered."""
    message: str | None = None
    """The message that was not sent, or that the event is about."""
    reason: str
    error: str
    attempts: int
