"""Omnigate's public plugin API: import from here, and from nowhere below.

A channel derives from `Channel` or `WebhookChannel`, a backend from `Backend`; a function marked
with `hookimpl` returns the classes. See docs/plugins.md.
"""

from typing import TYPE_CHECKING, Any

from omnigate.asked import Asked
from omnigate.backend import Backend, BackendConfig, BackendHost
from omnigate.channel import (
    Capabilities,
    Channel,
    ChannelConfig,
    ChannelHost,
    ConversationInfo,
    Health,
    Limiter,
    Recorded,
    WebhookChannel,
)
from omnigate.errors import (
    BadPayload,
    ConfigError,
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    OmnigateError,
    Overloaded,
    Refused,
    RetryLater,
    StoreError,
    Unauthorized,
    Uncertain,
)
from omnigate.hookspecs import hookimpl
from omnigate.model.address import Address, mailto, tel
from omnigate.model.attachment import Attachment, AttachmentRef, Location, SharedContact
from omnigate.model.context import Context, Geo, PageVisit, Utm
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
from omnigate.receiver import (
    ExtraHeaders,
    PrivateNetwork,
    ReceiverConfig,
    ReceiverUrl,
)
from omnigate.request import Request, Response, Route, describe, secrets_match
from omnigate.signing import Signer, SigningSecret, new_secret

if TYPE_CHECKING:
    from omnigate.exchange import Receiver, judge, surely_not_sent, why_no_answer

__all__ = [
    "Address",
    "AgentRead",
    "AgentTyping",
    "Asked",
    "Attachment",
    "AttachmentRef",
    "Author",
    "Backend",
    "BackendConfig",
    "BackendHost",
    "BadPayload",
    "Button",
    "ButtonPressed",
    "Capabilities",
    "ChangeAction",
    "Channel",
    "ChannelConfig",
    "ChannelHost",
    "ConfigError",
    "ContactBlocked",
    "ContactUnblocked",
    "ContactUpdated",
    "Content",
    "Context",
    "ConversationClosed",
    "ConversationInfo",
    "ConversationMoved",
    "CredentialsRejected",
    "DestinationUnavailable",
    "EchoMessage",
    "Envelope",
    "Ephemeral",
    "Event",
    "EventType",
    "ExtraHeaders",
    "Geo",
    "Health",
    "Inbound",
    "InboundMessage",
    "Limiter",
    "Location",
    "Message",
    "MessageDeleted",
    "MessageEdited",
    "Model",
    "NotReady",
    "OmnigateError",
    "OutboundChange",
    "OutboundPart",
    "Overloaded",
    "PageView",
    "PageVisit",
    "Payload",
    "Presence",
    "PrivateNetwork",
    "Profile",
    "Rating",
    "Reaction",
    "Receipt",
    "Receiver",
    "ReceiverConfig",
    "ReceiverUrl",
    "Recorded",
    "Refused",
    "Reply",
    "Request",
    "Response",
    "RetryLater",
    "Route",
    "Sent",
    "SharedContact",
    "Signal",
    "Signer",
    "SigningSecret",
    "StoreError",
    "Timestamp",
    "Typing",
    "Unauthorized",
    "Uncertain",
    "Utm",
    "WebhookChannel",
    "describe",
    "hookimpl",
    "judge",
    "mailto",
    "new_secret",
    "read_json",
    "rfc3339",
    "secrets_match",
    "surely_not_sent",
    "tel",
    "why_no_answer",
]


def __getattr__(name: str) -> Any:
    # The HTTP client doubles the time the command line takes to start, so it comes when asked for.
    if name in ("Receiver", "judge", "surely_not_sent", "why_no_answer"):
        from omnigate import exchange  # noqa: PLC0415

        return getattr(exchange, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
