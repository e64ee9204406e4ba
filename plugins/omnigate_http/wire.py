"""What the application and the channel say to each other. Pure: no I/O.

Every function takes a whole body and raises ``ValidationError``, which the host answers as 400 where the
body is no JSON and else as 422 with the path of each mistake, or `BadPayload`; nothing of a body with a
mistake is used.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter

import omnigate

BATCH_LIMIT: Final = 1000
VALUES_LIMIT: Final = 100_000
"""A hundred a message; the parser holds all of them in memory and the event loop meanwhile."""

_SMALL_BYTES: Final = 64 * 1024
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)

ItemT = TypeVar("ItemT", bound=omnigate.Model)

WebAddress = Annotated[
    str, StringConstraints(max_length=4096, pattern=r"^https?://[^\s\x00-\x1f]+$")
]


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class File(omnigate.AttachmentRef):
    """A file that Omnigate fetches from the application; ids and refs are not its to give."""

    url: WebAddress
    id: None = None
    ref: None = None


def _reachable(address: omnigate.Address) -> omnigate.Address:
    """Return an address in its one spelling; raises ``ValueError`` for a number or mailbox that is none."""
    if address.scheme == "tel":
        return omnigate.tel(address.path)
    return omnigate.mailto(address.path) if address.scheme == "mailto" else address


Reachable = Annotated[omnigate.Address, AfterValidator(_reachable)]


class Sender(omnigate.Profile):
    """Who wrote: what the application calls a number or a mailbox can be called or written to."""

    address: Reachable
    also: list[Reachable] = Field(default_factory=list, max_length=10)


class Message(omnigate.InboundMessage):
    """One message of a customer; without a time it was said now."""

    sender: Sender
    occurred_at: omnigate.Timestamp = Field(default_factory=_now)
    attachments: list[File] = Field(default_factory=list, max_length=100)  # type: ignore[assignment]  # narrower, and frozen


class Receipt(omnigate.Model):
    """What became of an answer, named by the external id that the application gave it."""

    external_id: Annotated[str, StringConstraints(min_length=1, max_length=400)]
    state: Literal["sent", "delivered", "read", "failed"]
    error: str | None = Field(None, max_length=1000)
    conversation: str | None = Field(None, min_length=1, max_length=500)
    occurred_at: omnigate.Timestamp = Field(default_factory=_now)

    def inbound(self) -> omnigate.Receipt:
        """Return it in the host's terms; the same state of the same answer counts once."""
        return omnigate.Receipt(
            external_id=f"receipt:{self.state}:{self.external_id}",
            conversation=self.conversation or self.external_id,
            any_conversation=self.conversation is None,
            occurred_at=self.occurred_at,
            message_id=self.external_id,
            state=self.state,
            error=self.error,
        )


class Answer(omnigate.Model):
    """One part of a message to a customer, as the application receives it."""

    id: str
    message: str
    part: int
    """From 1 to ``parts``."""
    parts: int
    conversation: str
    address: omnigate.Address
    text: str | None
    subject: str | None
    attachments: list[omnigate.Attachment]
    buttons: list[list[omnigate.Button]]
    author: omnigate.Author | None
    reply_to: str | None
    extensions: dict[str, Any]

    @classmethod
    def of(cls, part: omnigate.OutboundPart) -> Answer:
        """Return the part in the application's terms."""
        return cls(
            id=part.id,
            message=part.message,
            part=part.index + 1,
            parts=part.parts,
            conversation=part.conversation,
            address=part.address,
            text=part.text,
            subject=part.subject,
            attachments=part.attachments,
            buttons=part.buttons,
            author=part.author,
            reply_to=part.reply_to,
            extensions=part.extensions,
        )


class Taken(omnigate.Payload):
    """The application's 2xx answer: what it calls the part, if it calls it anything."""

    external_id: str | None = Field(None, min_length=1, max_length=400)


_MESSAGES: Final = TypeAdapter(
    Annotated[list[Message], Field(min_length=1, max_length=BATCH_LIMIT)]
)
_RECEIPTS: Final = TypeAdapter(
    Annotated[list[Receipt], Field(min_length=1, max_length=BATCH_LIMIT)]
)


def messages(body: bytes) -> list[Message]:
    """Return the messages of a body: one object, or a list of up to a thousand."""
    return _one_or_many(body, Message, _MESSAGES)


def receipts(body: bytes) -> list[Receipt]:
    """Return the receipts of a body: one object, or a list of up to a thousand."""
    return _one_or_many(body, Receipt, _RECEIPTS)


def _refuse_rubble(body: bytes) -> None:
    """Raise `BadPayload` for a body of far more values than a full batch has."""
    if len(body) <= _SMALL_BYTES:
        return
    # A value and its name have four quotation marks; only where that fits are the texts worth removing.
    rubble = body.count(b'"') - body.count(b'\\"') > 4 * VALUES_LIMIT
    if not rubble:
        bare = _STRING.sub(b"", body)
        rubble = bare.count(b",") + bare.count(b"[") + bare.count(b"{") > VALUES_LIMIT
    if rubble:
        raise omnigate.BadPayload(
            f"the body has more than {VALUES_LIMIT} values; send it in smaller batches"
        )


def typing(body: bytes) -> omnigate.Typing:
    """Return who is typing, and what, if the application tells."""
    return omnigate.Typing.model_validate_json(body)


def _one_or_many(body: bytes, one: type[ItemT], many: TypeAdapter[list[ItemT]]) -> list[ItemT]:
    _refuse_rubble(body)
    # Told apart by hand, so that the path of a mistake does not name both possibilities.
    if body.lstrip().startswith(b"["):
        return many.validate_json(body)
    return [one.model_validate_json(body)]
