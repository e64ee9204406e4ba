"""What a channel hands in. Frozen data; nothing here waits or does I/O.

Durable kinds derive from `Inbound` and go through ``host.put``; the ephemeral ones (`Typing`,
`Presence`, `PageView`) go through ``host.emit``, are never stored and reach a backend at most once.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from omnigate.model.address import Address
from omnigate.model.attachment import AttachmentRef, Location, SharedContact
from omnigate.model.context import Context
from omnigate.model.text import ExternalId, JsonObject, Model, ShortText, Text, Timestamp


class Profile(Model):
    """Who is writing, as far as the platform tells."""

    address: Address
    display_name: ShortText | None = None
    username: ShortText | None = None
    locale: ShortText | None = None
    phone: ShortText | None = None
    email: ShortText | None = None
    avatar_url: ShortText | None = None
    verified: bool = False
    """The channel has proof that the address belongs to the person (a signature, a login)."""
    also: list[Address] = Field(default_factory=list, max_length=10)
    """Further addresses that the channel has *proven* to be the same person. They count only where the
    address itself is ``verified``."""


class Inbound(Model):
    """Anything durable that happened on a platform.

    ``external_id`` is the deduplication key within the channel: the same key is stored once.
    """

    external_id: ExternalId
    conversation: ExternalId
    """The platform's own id of the chat, dialogue or thread."""
    occurred_at: Timestamp
    """By the provider's clock."""


class InboundMessage(Inbound):
    """Something a customer said."""

    sender: Profile
    text: Text | None = None
    html: Text | None = None
    """Sanitised HTML; e-mail only. A picture that came along is shown as ``cid:`` and the id of its file."""
    full_text: Text | None = None
    """All of it, quoted history and signature too, where ``text`` is what was newly written."""
    subject: ShortText | None = None
    attachments: list[AttachmentRef] = Field(default_factory=list, max_length=100)
    location: Location | None = None
    shared_contact: SharedContact | None = None
    message_id: ExternalId | None = None
    """The platform's id of the message, where ``external_id`` names the update that carried it."""
    reply_to: ExternalId | None = None
    """The platform's id of the message this one answers."""
    forwarded_from: ShortText | None = None
    album: ExternalId | None = None
    button: ShortText | None = None
    """Payload of a pressed reply button."""
    handover: ShortText | None = None
    """The token of a link that brought the customer here: see `Channel.handover_link`."""
    context: Context | None = None
    automatic: bool = False
    """Written by a machine: an out-of-office answer, a bounce."""
    extensions: JsonObject = Field(default_factory=dict)
    """What the platform has and the model has not; backends get it as it is."""


class MessageEdited(Inbound):
    """The customer changed what they had said."""

    message_id: ExternalId
    text: Text | None = None
    html: Text | None = None
    attachments: list[AttachmentRef] = Field(default_factory=list)
    location: Location | None = None
    """Where it is now: a place that is shared live."""


class MessageDeleted(Inbound):
    """The customer took back what they had said."""

    message_id: ExternalId


class Reaction(Inbound):
    """The customer reacted to a message; an empty ``emoji`` list takes reactions back."""

    sender: Profile
    message_id: ExternalId
    emoji: list[ShortText] = Field(default_factory=list)


class ButtonPressed(Inbound):
    """The customer pressed a button under a message."""

    sender: Profile
    message_id: ExternalId | None = None
    payload: ShortText
    label: ShortText | None = None


class ContactBlocked(Inbound):
    """The customer no longer wants to be written to."""

    sender: Profile
    reason: ShortText | None = None


class ContactUnblocked(Inbound):
    """The customer may be written to again."""

    sender: Profile


class ContactUpdated(Inbound):
    """The customer's profile or context changed without a message."""

    sender: Profile
    context: Context | None = None


class ConversationClosed(Inbound):
    """The customer ended the conversation; their next message reopens it."""


class ConversationMoved(Inbound):
    """The platform calls the conversation otherwise from now on: a group that became a larger one."""

    to: ExternalId
    """The platform's new id of it."""


class Rating(Inbound):
    """The customer judged the conversation."""

    sender: Profile
    score: int = Field(ge=1, le=5)
    comment: Text | None = None


ReceiptState = Literal["sent", "delivered", "read", "failed"]


class Receipt(Inbound):
    """What became of an outbound part, named by the id that ``send`` returned for it."""

    message_id: ExternalId
    """Or of one of the segments that it returned."""
    part: str | None = Field(None, max_length=100)
    """The part's own id, where the platform gives it back: it is known even when the answer to the send
    was lost."""
    state: ReceiptState
    error: ShortText | None = None
    any_conversation: bool = False
    """The platform itself says so and names no conversation: ``conversation`` is then not compared.
    Leave it off where a customer can send receipts, or they could be about other people's messages."""


class EchoMessage(Inbound):
    """An outbound message that did not go through Omnigate: somebody answered on the platform."""

    recipient: Profile
    """The customer the message went to."""
    author: ShortText | None = None
    text: Text | None = None
    subject: ShortText | None = None
    attachments: list[AttachmentRef] = Field(default_factory=list)
    message_id: ExternalId | None = None


class Ephemeral(Model):
    """Anything fleeting in a conversation: never stored, forwarded at most once."""

    conversation: ExternalId


class Typing(Ephemeral):
    """The customer is typing; ``draft`` is the unsent text where the channel has it."""

    draft: Text | None = Field(None, max_length=4000)


class Presence(Ephemeral):
    """The customer came or went."""

    online: bool


class PageView(Ephemeral):
    """The customer looks at another page."""

    url: str = Field(max_length=2000)
    title: ShortText | None = None
