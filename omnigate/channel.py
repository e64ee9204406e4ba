"""The channel contract: what a plugin implements, and what the host gives it.

A channel authenticates and parses what customers write, sends what the company answers, and knows
nothing of storage, order or retries: those are the host's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from omnigate.capabilities import Capabilities, Estimate
from omnigate.errors import BadPayload, Refused, Uncertain
from omnigate.hosting import ChannelHost, HealthState
from omnigate.model.address import Address
from omnigate.model.attachment import AttachmentRef
from omnigate.model.call import Call
from omnigate.model.event import Event
from omnigate.model.inbound import Inbound
from omnigate.model.outbound import Notices, OutboundChange, OutboundPart, Sent, Signal
from omnigate.request import Request, Response, Route


class PluginConfig(BaseModel):
    """The base of every channel's and backend's configuration: frozen, unknown keys are errors.

    Describe every field: documentation, the example file and the schema are made of it. Units stand
    in the names (``_seconds``, ``_bytes``). Secrets are ``SecretStr``.
    """

    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    enabled: bool = Field(True, description="Set to false to keep the section without starting it.")
    labels: list[str] = Field([], description="Free words for your own use in listings and routes.")


Priority = Annotated[
    int,
    Field(
        ge=0,
        le=1000,
        description="Lower is served first when a destination cannot keep up (chat before mail).",
    ),
]
"""Which channels are served first; give your kind's ``Config`` a default of its own."""
ResponseTarget = Annotated[
    float,
    Field(
        ge=0,
        description="A customer who waits longer for an answer is reported as overdue. 0: nobody is.",
    ),
]
"""How long a customer may wait for an answer; give your kind's ``Config`` a default of its own."""


@dataclass(frozen=True, slots=True)
class NamesChannel:
    """Marks the fields of a configuration that hold the name of a channel."""

    calls: bool = False
    """Of one that calls people: see `omnigate.CallChannel`."""
    links: bool = False
    """Of one that customers can carry on in: see `Channel.handover_link`."""


ChannelName = Annotated[str, NamesChannel()]
"""The name of another channel: ``omnigate check`` warns where there is none of that name."""
LinkedChannelName = Annotated[str, NamesChannel(links=True)]
"""The name of a channel to carry on in: ``omnigate check`` warns too where it has no links."""
CallChannelName = Annotated[str, NamesChannel(calls=True)]
"""The name of a channel that calls people: ``omnigate check`` warns too where it calls nobody."""


class ChannelConfig(PluginConfig):
    """What every channel can be told."""

    priority: Priority = 100
    response_target_seconds: ResponseTarget = 0.0
    notices: Notices = Field(
        "known",
        description="Who gets messages of purpose notice, which nobody has asked for: every contact that "
        "is known and has not refused, or only those that gave their consent.",
    )
    fetch_attachments: Literal["eager", "lazy"] = Field(
        "eager",
        description="Fetch files as soon as the message is stored, or when somebody asks for them.",
    )


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel or backend is, for the operator."""

    state: HealthState
    message: str = ""
    remedy: str = ""
    """What to do about it, where you know better than the operator would."""


class Channel(ABC):
    """A way to reach customers. One instance serves one configured section."""

    kind: ClassVar[str]
    """The entry-point name, for example ``telegram``."""
    summary: ClassVar[str] = ""
    """One line for listings."""
    capabilities: ClassVar[Capabilities]

    class Config(ChannelConfig):
        """What this kind can be told; derive your own."""

    def __init__(self, config: ChannelConfig, host: ChannelHost) -> None:
        self.config = config
        self.host = host

    async def run(self) -> None:
        """Do long-lived work (poll, hold a socket) until cancelled.

        Returning means there is none. Raising means: start again with back-off (`NotReady`: said
        once; `CredentialsRejected`: not again until reload).
        """

    def routes(self) -> Iterable[Route]:
        """Return the endpoints below ``/channels/{name}``; asked once, before ``run``."""
        return ()

    @abstractmethod
    async def send(self, part: OutboundPart) -> Sent:
        """Send exactly one part.

        Called in order within a conversation, one at a time; conversations run in parallel. Raise
        what happened: `Refused`, `RetryLater`, `DestinationUnavailable`, `Uncertain`. May be called
        again for the same ``part.id``.
        """

    async def change(self, change: OutboundChange) -> None:
        """Edit or delete a message that was sent, or react to one; only what `Capabilities` names.

        Called in order with the sends of the conversation. Raise as from `send`. May be called again
        for the same ``change.id``: what is so already is a success.
        """
        raise Refused("not_supported", f"{self.kind} does not change what was sent")

    def handover_link(self, token: str) -> str | None:
        """Return an address that brings a customer here, and the token back as ``handover``.

        None when the platform has no such thing. The token has at most 64 characters of
        ``A-Za-z0-9_-``.
        """
        return None

    async def lookup(self, part: OutboundPart) -> Sent | None:
        """Ask the platform what became of a part that may have been sent, or not.

        Only called where `Capabilities.on_uncertain` is ``lookup``. Return what `send` would have, or
        None when the platform surely does not have it: it is sent again then. Raise `Uncertain` when
        the platform cannot tell for good: the part is held as ``unknown``; otherwise raise as `send`.
        """
        raise Uncertain(f"{self.kind} cannot ask what became of a message")

    def estimate(self, part: OutboundPart) -> Estimate | None:
        """Return what sending a part would come to; None where nothing is counted. No I/O, and quick.

        Asked before a message is queued, and for one that is not to be sent. Raise `Refused` when the part
        would be refused anyway: the CRM is told at once.
        """
        return None

    async def setup(self) -> Sequence[str]:
        """Arrange on the platform what the channel needs there, such as its webhook; safe to repeat.

        Return what was done, a line each, for the operator. Raise as from `send`.
        """
        return ()

    def fetch(self, attachment: AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a file that was handed in with ``ref``.

        Called after the message is stored, perhaps much later, perhaps again. Raise `Refused` when
        the platform no longer has it.
        """
        raise NotImplementedError(f"{self.kind} hands in no files by ref")

    async def take_again(self, request: Request) -> None:
        """Take in what was put in quarantine by `ChannelHost.put_updates`; the operator asks for it.

        Raise `BadPayload` when it still cannot be understood. A `WebhookChannel` is asked to parse it
        instead.
        """
        raise BadPayload(f"{self.kind} cannot take it in again")

    async def check(self) -> Health:
        """Ask the platform whether our credentials are good; no side effects."""
        return Health("up", "nothing to check")

    def talks_to(self) -> str | None:
        """Return what this channel connects to or listens on itself, as ``imap.example.com:993``, no secret.

        For listings, in place of the address under ``public_url``, which is shown where this is None:
        there the platform, browsers or applications call us. No I/O.
        """
        return None

    async def signal(self, conversation: str, signal: Signal) -> None:
        """Show something fleeting (an agent is typing, has read) to the customer; at most once."""

    def recorded(self, conversation: str, events: Sequence[Event]) -> None:
        """Hear that events of a conversation of this channel are on disk.

        Only called for classes that override it. At most once, in order, from the event loop; must
        not block. What was missed (a restart) is in `ChannelHost.history`.
        """

    def call_changed(self, conversation: str, call: Call) -> None:
        """Hear that a call asked for in a conversation of this channel has changed.

        At most once, from the event loop; must not block.
        """

    def conversation_of(self, address: Address) -> str:
        """Return the platform's id of the conversation that begins when we write to an address first.

        Raise `Refused` for an address that this channel cannot write to; with ``no_address`` for one that it
        can write to only where there is a conversation already: then that one is taken.
        """
        return address.path


class WebhookChannel(Channel):
    """A channel whose platform calls us: three pure methods, no I/O in any of them.

    The host serves ``POST /channels/{name}/hook`` (GET too, for platforms that verify so):
    ``authenticate`` → ``parse`` → store → ``reply``. The success answer goes out only after the
    items are on disk. A platform that makes sure of us first is answered by ``handshake``.
    """

    max_body_bytes: ClassVar[int] = 1024 * 1024

    @abstractmethod
    def authenticate(self, request: Request) -> None:
        """Raise `Unauthorized` unless the request is proven to come from the platform."""

    @abstractmethod
    def parse(self, request: Request) -> Sequence[Inbound]:
        """Return what the request says; raise `BadPayload` when it cannot be understood."""

    async def handshake(self, request: Request) -> Response | None:
        """Return the answer to a request by which the platform only makes sure of us; None for others.

        Called for what is authentic, and only for classes that override it. May ask the platform, for
        a string that it wants to read, say. What is answered here is neither parsed nor stored.
        """
        return None

    def stored(self, request: Request) -> None:
        """Hear that what a request said is on disk: the moment to answer on the platform, say.

        Must not block nor raise; what takes time is for `run`. Not called for what was quarantined.
        """

    def reply(self, request: Request) -> Response:
        """Return the answer that the platform wants on success."""
        return Response()
