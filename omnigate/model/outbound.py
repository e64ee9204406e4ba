"""What a CRM wants sent, and the parts that a channel is asked to send."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from omnigate.model.address import Address
from omnigate.model.attachment import Attachment, AttachmentKind, Location
from omnigate.model.text import JsonObject, Model, ShortText, Text, Timestamp

ChangeAction = Literal["edit", "delete", "react"]
"""What may become of a message that is there already."""

Purpose = Literal["answer", "notice"]
"""Whether a message belongs to a talk with the customer, or comes unasked."""
Notices = Literal["known", "consent"]
"""Whom messages go to that nobody has asked for: to every contact that is known and has not refused, or to
those only that have agreed."""

MessageState = Literal["queued", "sending", "sent", "delivered", "read", "failed", "unknown"]

_WEB_ADDRESS: Final = re.compile(r"https?://[^\s\x00-\x1f]+")
HttpsUrl = Annotated[str, StringConstraints(max_length=2048, pattern=rf"^{_WEB_ADDRESS.pattern}$")]


class ToConversation(Model):
    """Answer in a conversation that exists."""

    conversation: Annotated[str, StringConstraints(pattern=r"^cnv_[0-9a-v]{26}$")]


class ToAddress(Model):
    """Write to an address; the conversation is found or begun."""

    channel: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    address: Address


class ToContact(Model):
    """Write to a contact, at the address that the channel reaches it at: proven ones first, then the
    latest used."""

    channel: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    contact: Annotated[str, StringConstraints(pattern=r"^ctc_[0-9a-v]{26}$")]


class Button(Model):
    """One button under a message; ``value`` is the reply's payload, the link or the number."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    kind: Literal["reply", "url", "phone", "contact", "location"] = "reply"
    value: Annotated[str, StringConstraints(max_length=2048)] | None = None

    @model_validator(mode="after")
    def _needs_value(self) -> Self:
        if self.kind in ("url", "phone") and not self.value:
            raise ValueError(f"a button of kind {self.kind} needs a value")
        if self.kind == "url" and not _WEB_ADDRESS.fullmatch(self.value or ""):
            raise ValueError("a url button's value is an http or https address")
        return self


ButtonRow = Annotated[list[Button], Field(min_length=1, max_length=20)]
"""Buttons side by side."""


class Author(Model):
    """The agent or bot that the customer sees as the writer."""

    name: ShortText | None = None
    avatar_url: HttpsUrl | None = None
    kind: Literal["agent", "bot", "system"] = "agent"


class OutboundAttachment(Model):
    """A file to send: an uploaded one by ``id``, or one to be fetched from ``url``."""

    id: Annotated[str, StringConstraints(pattern=r"^att_[0-9a-v]{26}$")] | None = None
    url: HttpsUrl | None = None
    kind: AttachmentKind | None = None
    name: ShortText | None = None
    mime: ShortText | None = None
    caption: Text | None = Field(None, max_length=4096)

    @model_validator(mode="after")
    def _id_or_url(self) -> Self:
        if (self.id is None) == (self.url is None):
            raise ValueError("give either the id of an uploaded file or a url")
        return self


class Content(Model):
    """What is to be said, wherever it goes."""

    text: Text | None = Field(None, max_length=100_000)
    subject: ShortText | None = None
    attachments: list[OutboundAttachment] = Field(default_factory=list, max_length=10)
    location: Location | None = None
    buttons: list[ButtonRow] = Field(default_factory=list, max_length=20)
    author: Author | None = None
    reply_to: Annotated[str, StringConstraints(pattern=r"^msg_[0-9a-v]{26}$")] | None = None
    client_ref: Annotated[str, StringConstraints(max_length=100)] | None = None
    """The CRM's own reference; comes back in every event about the message."""
    expires_at: Timestamp | None = None
    """Not sent after this moment; the message then fails with the reason ``expired``."""
    automatic: bool = False
    """Written by a machine: mail says so, and machines do not answer it."""
    extensions: JsonObject = Field(default_factory=dict)
    """What only this channel understands."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text and self.text.strip()) and not self.attachments and not self.location:
            raise ValueError("a message needs text, attachments or a location")
        return self


class OutboundMessage(Content):
    """The body of ``POST /v1/messages``."""

    to: ToConversation | ToAddress | ToContact
    purpose: Purpose = "answer"
    """``notice``: nobody has asked for it. It goes to whom the channel's ``notices`` allow."""
    force: bool = False
    """Send it even to a contact that has asked not to be written to, or refused notices."""


class Reply(Model):
    """What a backend may answer to an event: messages to send back to its conversation."""

    messages: list[Content] = Field(default_factory=list, max_length=10)


class OutboundPart(Model):
    """Exactly what a channel is asked to send in one go.

    ``id`` is the same on every attempt: hand it to the platform where it knows idempotency keys.
    """

    id: str
    """``<message id>.<index>``, stable over retries."""
    message: str
    index: int
    """From 0."""
    parts: int
    conversation: str
    """The platform's id of the conversation, as the channel handed it in."""
    address: Address
    """Whom it goes to."""
    text: str | None = None
    subject: str | None = None
    attachments: list[Attachment] = Field(default_factory=list)
    location: Location | None = None
    """A part of its own: there is neither text nor a file beside it."""
    buttons: list[list[Button]] = Field(default_factory=list)
    author: Author | None = None
    reply_to: str | None = None
    """The platform's id of the message this one answers."""
    automatic: bool = False
    """Written by a machine."""
    extensions: dict[str, Any] = Field(default_factory=dict)
    attempt: int = 1
    possible_duplicate: bool = False
    """An earlier attempt may have gone through."""


class Edit(Model):
    """The body of ``PATCH /v1/messages/{id}``: what the message is to say instead."""

    text: Text | None = Field(None, max_length=100_000)
    buttons: list[ButtonRow] = Field(default_factory=list, max_length=20)


class Reacting(Model):
    """The body of ``PUT /v1/messages/{id}/reaction``: the company's reactions, none to take them back."""

    emoji: list[Annotated[str, StringConstraints(min_length=1, max_length=64)]] = Field(
        max_length=10
    )


class OutboundChange(Model):
    """Exactly what a channel is asked to change in one go about a message that is there."""

    id: str
    """``<message id>.<index>``, stable over retries."""
    message: str
    index: int
    action: ChangeAction
    external_id: str
    """The platform's id of what is to be changed: the message, or one part of it."""
    conversation: str
    """The platform's id of the conversation, as the channel handed it in."""
    address: Address
    """Whom the conversation is with."""
    text: str | None = None
    """For an edit: what it says from now on."""
    attachments: list[Attachment] = Field(default_factory=list)
    """For an edit: the files that stand there and stay."""
    buttons: list[list[Button]] = Field(default_factory=list)
    """For an edit: all buttons that stand there from now on."""
    emoji: list[str] = Field(default_factory=list)
    """For a reaction: all that stand there from now on."""
    attempt: int = 1


class Sent(Model):
    """The platform took the part and calls it ``external_id`` (receipts name it so)."""

    external_id: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    segments: list[Annotated[str, StringConstraints(min_length=1, max_length=500)]] = Field(
        default_factory=list, max_length=255
    )
    """The platform's ids of what the part was sent in, where it is several and receipts name each: the
    part is delivered when all are, and failed when one is. Empty: there is one, ``external_id``."""


class AgentTyping(Model):
    """The company's side is typing; ephemeral."""

    author: Author | None = None
    active: bool = True


class AgentRead(Model):
    """The company's side has read the conversation up to ``message_id`` (all, when it is None)."""

    message_id: str | None = None


Signal = AgentTyping | AgentRead


def plain_text(rows: Sequence[Sequence[Button]]) -> str:
    """Return buttons as numbered lines, for channels that have none."""
    numbered = enumerate((button for row in rows for button in row), start=1)
    return "\n".join(
        f"{number}. {button.label}"
        + (f": {button.value}" if button.kind in ("url", "phone") else "")
        for number, button in numbered
    )
