"""Omnigate's public plugin API: import from here, and from nowhere below.

A channel derives from `Channel` or `WebhookChannel`, a backend from `Backend`; a function marked
with `hookimpl` returns the classes. See docs/plugins.md.
"""

from typing import TYPE_CHECKING, Any

from omnigate.asked import Asked
from omnigate.backend import Backend, BackendConfig, BackendHost
from omnigate.calling import CallChannel
from omnigate.capabilities import Capabilities, Estimate
from omnigate.channel import (
    CallChannelName,
    Channel,
    ChannelConfig,
    ChannelName,
    Health,
    LinkedChannelName,
    Priority,
    ResponseTarget,
    WebhookChannel,
)
from omnigate.errors import (
    BadPayload,
    ConfigError,
    CredentialsRejected,
    DestinationUnavailable,
    NoAnswer,
    NotReady,
    OmnigateError,
    Overloaded,
    Refused,
    RetryLater,
    StoreError,
    Unauthorized,
    Uncertain,
)
from omnigate.handovertoken import find_handover_token
from omnigate.hookspecs import hookimpl
from omnigate.hosting import (
    ChannelHost,
    ConversationInfo,
    Handover,
    HandoverWay,
    Limiter,
    Note,
    Notes,
    Recorded,
)
from omnigate.hours import Hours
from omnigate.meaning import Meaning
from omnigate.model.address import Address, mailto, tel
from omnigate.model.attachment import Attachment, AttachmentRef, Location, SharedContact
from omnigate.model.call import Call, CallLeg, CallState, CallUpdate, CallWanted, Leg
from omnigate.model.context import Context, Geo, HandedOver, PageVisit, SaidBefore, Utm
from omnigate.model.event import Envelope, Event, EventType
from omnigate.model.facts import Message
from omnigate.model.inbound import (
    ButtonPressed,
    ContactBlocked,
    ContactUnblocked,
    ContactUpdated,
    ConversationClosed,
    ConversationMoved,
    EchoMessage,
    Ephemeral,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    PageView,
    Presence,
    Profile,
    Rating,
    Reaction,
    Receipt,
    Typing,
)
from omnigate.model.outbound import (
    AgentRead,
    AgentTyping,
    Author,
    Button,
    ChangeAction,
    Content,
    OutboundChange,
    OutboundPart,
    Reply,
    Sent,
    Signal,
)
from omnigate.model.text import Model, Payload, Timestamp, read_json, rfc3339
from omnigate.model.wish import Admission, CallOffer
from omnigate.numbers import (
    COSTLY_PREFIXES,
    Country,
    NumberPrefix,
    NumberRules,
    NumberType,
    Region,
    number_of,
    read_number,
    require_phonenumbers,
)
from omnigate.receiver import (
    AuthoritiesFile,
    ExtraHeaders,
    PrivateNetwork,
    ReceiverConfig,
    ReceiverUrl,
)
from omnigate.request import (
    Request,
    Response,
    Route,
    describe,
    read_form,
    read_object,
    secrets_match,
)
from omnigate.signing import Signer, SigningSecret, new_secret
from omnigate.tally import Tally

if TYPE_CHECKING:
    from omnigate.atmostonce import Answer, ask_once, one_line
    from omnigate.exchange import Receiver, judge
    from omnigate.providerhook import ProviderHook
    from omnigate.qr import QrPath, qr_path
    from omnigate.unanswered import answer_to, read_body, surely_not_sent, why_no_answer

__all__ = [
    "COSTLY_PREFIXES",
    "Address",
    "Admission",
    "AgentRead",
    "AgentTyping",
    "Answer",
    "Asked",
    "Attachment",
    "AttachmentRef",
    "Author",
    "AuthoritiesFile",
    "Backend",
    "BackendConfig",
    "BackendHost",
    "BadPayload",
    "Button",
    "ButtonPressed",
    "Call",
    "CallChannel",
    "CallChannelName",
    "CallLeg",
    "CallOffer",
    "CallState",
    "CallUpdate",
    "CallWanted",
    "Capabilities",
    "ChangeAction",
    "Channel",
    "ChannelConfig",
    "ChannelHost",
    "ChannelName",
    "ConfigError",
    "ContactBlocked",
    "ContactUnblocked",
    "ContactUpdated",
    "Content",
    "Context",
    "ConversationClosed",
    "ConversationInfo",
    "ConversationMoved",
    "Country",
    "CredentialsRejected",
    "DestinationUnavailable",
    "EchoMessage",
    "Envelope",
    "Ephemeral",
    "Estimate",
    "Event",
    "EventType",
    "ExtraHeaders",
    "Geo",
    "HandedOver",
    "Handover",
    "HandoverWay",
    "Health",
    "Hours",
    "Inbound",
    "InboundMessage",
    "Leg",
    "Limiter",
    "LinkedChannelName",
    "Location",
    "Meaning",
    "Message",
    "MessageDeleted",
    "MessageEdited",
    "Model",
    "NoAnswer",
    "NotReady",
    "Note",
    "Notes",
    "NumberPrefix",
    "NumberRules",
    "NumberType",
    "OmnigateError",
    "OutboundChange",
    "OutboundPart",
    "Overloaded",
    "PageView",
    "PageVisit",
    "Payload",
    "Presence",
    "Priority",
    "PrivateNetwork",
    "Profile",
    "ProviderHook",
    "QrPath",
    "Rating",
    "Reaction",
    "Receipt",
    "Receiver",
    "ReceiverConfig",
    "ReceiverUrl",
    "Recorded",
    "Refused",
    "Region",
    "Reply",
    "Request",
    "Response",
    "ResponseTarget",
    "RetryLater",
    "Route",
    "SaidBefore",
    "Sent",
    "SharedContact",
    "Signal",
    "Signer",
    "SigningSecret",
    "StoreError",
    "Tally",
    "Timestamp",
    "Typing",
    "Unauthorized",
    "Uncertain",
    "Utm",
    "WebhookChannel",
    "answer_to",
    "ask_once",
    "describe",
    "find_handover_token",
    "hookimpl",
    "judge",
    "mailto",
    "new_secret",
    "number_of",
    "one_line",
    "qr_path",
    "read_body",
    "read_form",
    "read_json",
    "read_number",
    "read_object",
    "require_phonenumbers",
    "rfc3339",
    "secrets_match",
    "surely_not_sent",
    "tel",
    "why_no_answer",
]


def __getattr__(name: str) -> Any:
    # The HTTP client doubles the time the command line takes to start, so it comes when asked for.
    if name in ("Receiver", "judge"):
        from omnigate import exchange  # noqa: PLC0415

        return getattr(exchange, name)
    if name in ("answer_to", "read_body", "surely_not_sent", "why_no_answer"):
        from omnigate import unanswered  # noqa: PLC0415  # likewise

        return getattr(unanswered, name)
    if name in ("Answer", "ask_once", "one_line"):
        from omnigate import atmostonce  # noqa: PLC0415  # likewise

        return getattr(atmostonce, name)
    if name == "ProviderHook":
        from omnigate import providerhook  # noqa: PLC0415  # likewise

        return providerhook.ProviderHook
    if name in ("QrPath", "qr_path"):
        from omnigate import qr  # noqa: PLC0415  # likewise: what draws codes

        return getattr(qr, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
