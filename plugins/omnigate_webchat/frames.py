"""Frames of ``omni.v1`` that a client may send, each with its strict limits.

A frame is ``{"t": type, "cid"?: client id, "seq"?: sequence, "d": {…}}``. Unknown fields are
ignored, so that a newer widget may talk to an older daemon; everything known is checked.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

import omnigate
from omnigate_webchat.answers import Frame, error
from omnigate_webchat.visitor import VisitorContext, web_link

MAX_FRAME_BYTES: Final = 64 * 1024
MAX_TEXT_BYTES: Final = 16 * 1024

ClientId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{8,64}$")]
MessageId = Annotated[str, StringConstraints(pattern=r"^msg_[0-9a-v]{26}$")]


class _Data(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )


class Nothing(_Data):
    """A frame that says all by its type."""


class HelloData(_Data):
    """Proof of who connects, and the last event it has seen."""

    connection_token: str = Field(max_length=8192)
    after: int = Field(0, ge=0, le=2**53)


class MessageData(_Data):
    """Something said: text, tickets of uploaded files, or a pressed button's payload."""

    text: str | None = None
    attachments: list[Annotated[str, Field(max_length=8192)]] = Field(default=[], max_length=10)
    button: Annotated[str, Field(max_length=1000)] | None = None


class TypingData(_Data):
    """The visitor is typing; the draft is cut, not refused."""

    draft: Annotated[str, BeforeValidator(lambda draft: _cut(draft, 1000))] | None = None


class IdsData(_Data):
    """Messages of the company that arrived, or were read."""

    ids: list[MessageId] = Field(min_length=1, max_length=100)


class PageData(_Data):
    """The page the visitor looks at now."""

    url: Annotated[str, Field(max_length=2000)] | None
    title: Annotated[str, BeforeValidator(lambda title: _cut(title, 1000))] | None = None

    def link(self) -> str | None:
        """Return the address if it is one of the web."""
        return web_link(self.url)


class FormData(_Data):
    """A filled-in form; which fields exist is the configuration's to say."""

    form: Literal["prechat", "offline"]
    fields: dict[
        Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=8000)] | None
    ] = Field(max_length=20)
    consent: bool = False


class RatingData(_Data):
    """The visitor's judgement."""

    score: int = Field(ge=1, le=5)
    comment: Annotated[str, Field(max_length=2000)] | None = None


class ContextData(_Data):
    """New facts around the visit."""

    context: VisitorContext


class LocationData(_Data):
    """Where the visitor says to be, WGS 84 degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    accuracy_metres: float | None = Field(None, ge=0)


class InviteData(_Data):
    """What became of an invitation."""

    rule: str = Field(max_length=40)
    action: Literal["shown", "accepted", "closed"]


class LinksData(_Data):
    """Links to carry on elsewhere."""

    renew: bool = False
    """The ones handed out before were used, or are to be worth nothing here."""


class CallData(_Data):
    """A call that the visitor wants."""

    number: str = Field(min_length=1, max_length=40)
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    consent: bool = False
    again: bool = False
    """The visitor has confirmed that it is to be one more."""


class CallIdData(_Data):
    """A call of the visitor's."""

    id: Annotated[str, StringConstraints(pattern=r"^cal_[0-9a-v]{26}$")]


class _Command(_Data):
    cid: ClientId | None = None


class Hello(_Command):
    t: Literal["hello"]
    d: HelloData


class SendMessage(_Command):
    t: Literal["msg.send"]
    cid: ClientId
    d: MessageData


class ShowTyping(_Command):
    t: Literal["typing"]
    d: TypingData = TypingData()


class MarkRead(_Command):
    t: Literal["read"]
    d: IdsData


class MarkDelivered(_Command):
    t: Literal["delivered"]
    d: IdsData


class ShowPage(_Command):
    t: Literal["page"]
    d: PageData


class SubmitForm(_Command):
    t: Literal["form.submit"]
    cid: ClientId
    d: FormData


class Rate(_Command):
    t: Literal["rating"]
    cid: ClientId
    d: RatingData


class UpdateContext(_Command):
    t: Literal["context.update"]
    d: ContextData


class ShareLocation(_Command):
    t: Literal["location"]
    d: LocationData


class Close(_Command):
    t: Literal["close"]
    d: Nothing = Nothing()


class Invite(_Command):
    t: Literal["invite"]
    d: InviteData


class AskForLinks(_Command):
    t: Literal["handover"]
    cid: ClientId
    d: LinksData = LinksData()


class AskForOffer(_Command):
    t: Literal["call.offer"]
    cid: ClientId
    d: Nothing = Nothing()


class AskForCall(_Command):
    t: Literal["call.request"]
    cid: ClientId
    d: CallData


class CancelCall(_Command):
    t: Literal["call.cancel"]
    cid: ClientId
    d: CallIdData


class Ping(_Command):
    t: Literal["ping"]
    d: Nothing = Nothing()


Command = Annotated[
    SendMessage
    | ShowTyping
    | MarkRead
    | MarkDelivered
    | ShowPage
    | SubmitForm
    | Rate
    | UpdateContext
    | ShareLocation
    | Close
    | Invite
    | AskForLinks
    | AskForOffer
    | AskForCall
    | CancelCall
    | Ping,
    Field(discriminator="t"),
]

_COMMAND: Final[TypeAdapter[Command]] = TypeAdapter(Command)
_HELLO: Final = TypeAdapter(Hello)


class _Answerable(_Data):
    """What is read of a frame that is not understood, so that the error names it."""

    cid: ClientId


class BadFrame(Exception):
    """A frame is not understood; ``answer`` says so to the client."""

    def __init__(self, answer: Frame) -> None:
        super().__init__(answer["d"]["message"])
        self.answer = answer


def parse_command(text: str | bytes) -> Command:
    """Return the command in a frame's text; raises `BadFrame`."""
    try:
        return _COMMAND.validate_json(text)
    except ValidationError as mistakes:
        raise BadFrame(error("bad_frame", _what(mistakes), cid=_cid_of(text))) from None


def check_command(frame: Frame) -> Command:
    """Return the command in a parsed frame (one of a batch); raises `BadFrame`."""
    try:
        return _COMMAND.validate_python(frame)
    except ValidationError as mistakes:
        cid = frame.get("cid")
        known = cid if isinstance(cid, str) and len(cid) <= 64 else None
        raise BadFrame(error("bad_frame", _what(mistakes), cid=known)) from None


def parse_hello(text: str | bytes) -> HelloData | None:
    """Return what the first frame of a socket says, or None when it is not a hello."""
    try:
        return _HELLO.validate_json(text).d
    except ValidationError:
        return None


def _what(mistakes: ValidationError) -> str:
    return omnigate.describe(mistakes)[:500]


def _cid_of(text: str | bytes) -> str | None:
    try:
        return _Answerable.model_validate_json(text).cid
    except ValidationError:
        return None


def _cut(value: Any, longest: int) -> Any:
    return value[:longest] if isinstance(value, str) else value
