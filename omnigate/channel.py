"""The channel contract: what a plugin implements, and what the host gives it.

A channel authenticates and parses what customers write, sends what the company answers, and knows
nothing of storage, order or retries: those are the host's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.attachment import Attachment, AttachmentRef
from omnigate.model.event import Event
from omnigate.model.facts import Message
from omnigate.model.inbound import Ephemeral, Inbound
from omnigate.model.outbound import ChangeAction, OutboundChange, OutboundPart, Sent, Signal
from omnigate.request import Request, Response, Route

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from structlog.typing import FilteringBoundLogger

HealthState = Literal["starting", "up", "degraded", "down", "stopped"]


class PluginConfig(BaseModel):
    """The base of every channel's and backend's configuration: frozen, unknown keys are errors.

    Describe every field: documentation, the example file and the schema are made of it. Units stand
    in the names (``_seconds``, ``_bytes``). Secrets are ``SecretStr``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = Field(True, description="Set to false to keep the section without starting it.")
    labels: list[str] = Field([], description="Free words for your own use in listings and routes.")


class ChannelConfig(PluginConfig):
    """What every channel can be told."""

    priority: int = Field(
        100,
        ge=0,
        le=1000,
        description="Lower is served first when a destination cannot keep up (chat before mail).",
    )
    fetch_attachments: Literal["eager", "lazy"] = Field(
        "eager",
        description="Fetch files as soon as the message is stored, or when somebody asks for them.",
    )


TextUnits = Literal["characters", "utf16", "bytes"]

OnUncertain = Literal["resend", "native", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one outbound part may carry; the host renders messages to fit and records every loss."""

    text_limit: int | None = None
    """Longest text of one part, in ``text_units``; None: no limit."""
    text_units: TextUnits = "characters"
    buttons: frozenset[str] = frozenset()
    """Kinds of buttons it shows (``reply``, ``url`` …); others become numbered lines of text."""
    attachments: int = 0
    """How many files one part may carry; 0: files become signed links in the text."""
    attachment_kinds: frozenset[str] = frozenset(
        {"image", "video", "audio", "voice", "file", "sticker"}
    )
    attachment_limit_bytes: int | None = None
    """Largest file it takes; larger ones become signed links."""
    caption_limit: int | None = None
    """Longest text beside files, in ``text_units``; None: as ``text_limit``."""
    albums: tuple[frozenset[str], ...] | None = None
    """Which kinds of files may stand together in one part; a kind in none of the sets stands alone.
    None: all may stand together. Buttons never stand under several files then."""
    location: bool = False
    """It can show a point on a map; without, a point becomes a link."""
    subject: bool = False
    author: bool = False
    """It can show who answers (name, picture)."""
    typing: bool = False
    """It can show that an agent is typing."""
    changes: frozenset[ChangeAction] = frozenset()
    """What it can do to a message that is there: ``edit``, ``delete``, ``react``. See `Channel.change`."""
    on_uncertain: OnUncertain = "resend"
    """What to do when a send may have happened: ``native`` send again with the same id, which the
    platform recognises; ``resend`` send once more after 30 s, flagged ``possible_duplicate``;
    ``hold`` keep as ``unknown`` because a duplicate costs money."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel or backend is, for the operator."""

    state: HealthState
    message: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one item that was put: stored now, or known before (``duplicate``)."""

    event_id: str | None
    """None for what changed nothing, such as a late receipt."""
    sequence: int | None
    message_id: str | None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """What the store knows of a conversation of this channel."""

    id: str
    external_id: str
    status: Literal["open", "closed"]
    last_sequence: int
    contact_id: str


class Limiter(Protocol):
    """A token bucket: waits until one more call is within the platform's rate."""

    async def acquire(self) -> None:
        """Take one token, waiting for it if need be."""

    def try_acquire(self) -> bool:
        """Take one token if there is one; never waits."""


class ChannelHost(Protocol):
    """All that a channel ever sees of the daemon."""

    name: str
    """The channel's configured name."""
    log: FilteringBoundLogger

    @property
    def http(self) -> ClientSession:
        """One client session with the egress guard, time-outs and no redirects.

        Where the channel's configuration has ``allow_private`` or ``ca_file`` (see `ReceiverConfig`),
        they hold for this session.
        """

    async def put(self, *items: Inbound, cursor: str | None = None) -> Sequence[Recorded]:
        """Store items, all or none, and return once they are on disk.

        Order is kept. What was stored before is reported as duplicate. The cursor, if given, is
        committed in the same transaction. Raises `Overloaded` or `StoreError` when nothing was stored.
        """

    async def put_updates(
        self,
        parse: Callable[[Request], Sequence[Inbound]],
        updates: Sequence[bytes],
        *,
        cursor: str | None = None,
    ) -> Sequence[Recorded]:
        """Parse and store what a poll brought, all or none, and return once it is on disk.

        Each update is parsed as the body of a request. One that cannot be, whatever ``parse`` raises,
        is kept in quarantine in the same transaction and does not hold up the others. Returns what
        became of the items, in order; raises as `put` does.
        """

    async def cursor(self) -> str | None:
        """Return the cursor last committed, or None."""

    def emit(self, item: Ephemeral) -> None:
        """Forward something fleeting, at most once, never stored; drops it under load."""

    async def conversation(self, external_id: str) -> ConversationInfo | None:
        """Return what is known of a conversation of this channel, or None."""

    async def history(
        self, conversation: str, *, after: int = 0, before: int | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """Return stored events of a conversation in order of sequence.

        ``after`` and ``before`` are sequence numbers, exclusive; with ``before`` the latest ``limit``
        events are meant, without it the earliest. Attachment URLs in them are fresh.
        """

    async def messages(self, message_ids: Sequence[str]) -> Mapping[str, Message]:
        """Return messages of this channel as they are now, by id; unknown ids are left out."""

    async def save_file(
        self, chunks: AsyncIterable[bytes], *, name: str | None, mime: str, limit_bytes: int
    ) -> Attachment:
        """Store a file durably (its bytes are synced to disk) and return it, state ``ready``.

        Hand its id to an `AttachmentRef`. Raises `BadPayload` when it is larger than the limit.
        """

    def open_file(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Return the bytes of an attachment of an outbound part, fetching it first if need be."""

    def public_url(self, path: str = "") -> str:
        """Return the address under which the world reaches ``path`` of this channel."""

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes that only this installation knows, stable for a purpose and channel."""

    def limiter(self, rate: float, *, per_seconds: float = 1.0, burst: int = 1) -> Limiter:
        """Return a token bucket of ``rate`` calls per ``per_seconds``."""

    def status(self, state: HealthState, message: str = "") -> None:
        """Tell the operator how the channel is; said once per change."""


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

    async def check(self) -> Health:
        """Ask the platform whether our credentials are good; no side effects."""
        return Health("up", "nothing to check")

    async def signal(self, conversation: str, signal: Signal) -> None:
        """Show something fleeting (an agent is typing, has read) to the customer; at most once."""

    def recorded(self, conversation: str, events: Sequence[Event]) -> None:
        """Hear that events of a conversation of this channel are on disk.

        Only called for classes that override it. At most once, in order, from the event loop; must
        not block. What was missed (a restart) is in `ChannelHost.history`.
        """

    def conversation_of(self, address: Address) -> str:
        """Return the platform's id of the conversation that begins when we write to an address first.

        Raise `Refused` for an address that this channel cannot write to.
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
