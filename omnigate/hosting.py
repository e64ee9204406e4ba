"""What the daemon gives a channel: the host, and what it tells of what is stored."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from omnigate.model.address import Address
from omnigate.model.attachment import Attachment
from omnigate.model.call import Call, CallWanted
from omnigate.model.event import Event
from omnigate.model.facts import Message
from omnigate.model.inbound import Ephemeral, Inbound
from omnigate.model.outbound import Content
from omnigate.model.wish import CallOffer
from omnigate.request import Request

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from structlog.typing import FilteringBoundLogger

HealthState = Literal["starting", "up", "degraded", "down", "stopped"]


@dataclass(frozen=True, slots=True)
class Note:
    """What a channel wants kept about somebody: it goes when that contact is erased."""

    value: str
    about: Address
    """Whom it is about: the address that their messages come from."""


Notes = Mapping[str, str | Note | None]
"""What a channel wants kept for itself: keys of at most 200 characters and values of at most 100 000; None
takes a note away. Whatever says something about a person is a `Note`."""


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
    address: Address
    """Whom it is with: what is sent there goes to this address."""


@dataclass(frozen=True, slots=True)
class HandoverWay:
    """One channel where a customer can carry on."""

    channel: str
    kind: str
    url: str
    """Brings the customer there, and the token with them."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A token that carries a customer to another channel, once."""

    id: str
    token: str
    expires_at: datetime
    ways: Sequence[HandoverWay]
    """Where it can be used; in the order of the configuration."""


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

    async def put(
        self, *items: Inbound, cursor: str | None = None, notes: Notes | None = None
    ) -> Sequence[Recorded]:
        """Store items, all or none, and return once they are on disk.

        Order is kept. What was stored before is reported as duplicate. The cursor and the notes, if
        given, are committed in the same transaction. A `Note` is gone once whom it is about has been
        erased; a channel gives up then what it has of it in memory. Raises `Overloaded` or `StoreError`
        when nothing was stored.
        """

    async def put_updates(
        self,
        parse: Callable[[Request], Sequence[Inbound]],
        updates: Sequence[bytes | Request],
        *,
        cursor: str | None = None,
        notes: Notes | None = None,
    ) -> Sequence[Recorded]:
        """Parse and store what came in, all or none, and return once it is on disk.

        Each update is a request, or what a poll brought: that is parsed as the body of one. One that
        cannot be, whatever ``parse`` raises, is kept in quarantine in the same transaction and does not
        hold up the others. Returns what became of the items, in order; raises as `put` does.
        """

    async def cursor(self) -> str | None:
        """Return the cursor last committed, or None."""

    async def notes(self, prefix: str = "") -> Mapping[str, str]:
        """Return what the channel has noted under keys that begin so, in order of the keys."""

    def emit(self, item: Ephemeral) -> None:
        """Forward something fleeting, at most once, never stored; drops it under load."""

    async def conversation(self, external_id: str) -> ConversationInfo | None:
        """Return what is known of a conversation of this channel, or None."""

    async def conversations_of(self, external_ids: Sequence[str]) -> Mapping[str, ConversationInfo]:
        """Return the conversations that messages of this channel are in, by the platform's id of the message.

        Ids of what was received and of what was sent; those that are not known are left out.
        """

    async def answer(
        self, conversation: str, content: Content, *, key: str, force: bool = False
    ) -> str | None:
        """Queue a message of the channel's own, such as an automatic acknowledgement; durable on return.

        Once per key and channel, for 48 hours. Returns the message's id; None when it cannot be sent:
        the conversation is not known, say, or the contact wants none. With ``force`` it goes to such a
        contact too: it is for the one message by which that very wish is confirmed.
        """

    async def handover(self, conversation: str) -> Handover | None:
        """Make a token that carries the customer of a conversation to another channel; durable.

        Those made before stay good until they expire: one may be on its way. Of one conversation the
        latest three are; once one of them is used the others are good for nothing. None when there is no
        such conversation, or no channel where it could be used.
        """

    async def handover_is_open(self, handover_id: str) -> bool:
        """Tell whether a token can still be used; ask before it is shown again."""

    def handover_channels(self) -> Sequence[str]:
        """Return the names of the channels that `handover` would make links for just now. No I/O."""

    def call_offer(self, channel: str) -> CallOffer | None:
        """Return what a channel that calls people offers now; None where there is no such channel."""

    async def request_call(self, channel: str, wanted: CallWanted, *, key: str) -> Call:
        """Ask a channel that calls people to call somebody; durable on return, once per key.

        ``wanted.from_conversation`` is the platform's id of a conversation of this channel, which hears
        of the call by `Channel.call_changed`. Raises `Refused` where a rule is against it, `Overloaded`
        or `StoreError` as `put` does.
        """

    async def cancel_call(self, conversation: str, call_id: str) -> Call | None:
        """Take back a call that was asked for in a conversation of this channel; None if there is none."""

    async def calls_asked(self) -> Sequence[tuple[str, Call]]:
        """Return the calls asked for in conversations of this channel that have not ended.

        Each with the platform's id of the conversation: what to pick up after a restart, since
        `Channel.call_changed` tells what changes from then on.
        """

    async def calls(self) -> Sequence[Call]:
        """Return the calls of this channel that have not ended: what to pick up after a restart.

        Those that wait (``requested``, ``queued``) and those held as ``unknown`` are among them.
        """

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

        Hand its id to an `AttachmentRef`. Raises `BadPayload` when it is larger than the limit, and
        `Overloaded` or `StoreError` as `put` does.
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
