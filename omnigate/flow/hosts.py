"""What plugins see of the daemon: the hosts of channels and of backends."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import urlencode

import anyio
import structlog

from omnigate.errors import Refused, Unauthorized
from omnigate.flow.calling import CallDesk
from omnigate.flow.egress import guarded_session
from omnigate.flow.ephemeral import EphemeralRelay
from omnigate.flow.followers import as_event
from omnigate.flow.handing import Handovers
from omnigate.flow.inbox import Inbox
from omnigate.flow.limiter import TokenBucket
from omnigate.flow.media import Media
from omnigate.flow.outbound import Outbound
from omnigate.flow.parsing import Parse, kept_of, parsed
from omnigate.hosting import (
    ConversationInfo,
    Handover,
    HealthState,
    Limiter,
    Note,
    Notes,
    Recorded,
)
from omnigate.model.attachment import Attachment
from omnigate.model.call import Call, CallWanted
from omnigate.model.event import Event
from omnigate.model.facts import Message
from omnigate.model.inbound import Ephemeral, Inbound
from omnigate.model.outbound import Content
from omnigate.model.wish import CallOffer
from omnigate.request import Request
from omnigate.store.conversationreads import conversations_of_messages, find_conversation
from omnigate.store.history import read_history
from omnigate.store.idempotency import IdempotencyKey
from omnigate.store.ingest import read_cursor
from omnigate.store.messages import read_messages
from omnigate.store.notes import read_notes
from omnigate.store.quarantined import Puzzle
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from structlog.typing import FilteringBoundLogger

HISTORY_LIMIT: Final = 500
CHUNK_BYTES: Final = 256 * 1024
LONGEST_REASON: Final = 500
LONGEST_NOTE_KEY: Final = 200
LONGEST_NOTE: Final = 100_000
CHANNEL_CALLS: Final = "channel-call:"
"""Scope of the keys of calls that a channel asks for; the channel's name follows."""


class DaemonChannelHost:
    """`omnigate.ChannelHost`, as the daemon implements it."""

    def __init__(
        self,
        key: ChannelKey,
        *,
        store: Store,
        inbox: Inbox,
        media: Media,
        relay: EphemeralRelay,
        outbound: Outbound,
        handovers: Handovers,
        calls: CallDesk,
        public_url: str,
        report: Callable[[HealthState, str], None],
        allow_private: Sequence[str] = (),
        ca_file: str | None = None,
    ) -> None:
        self.name = key.name
        self.log: FilteringBoundLogger = structlog.get_logger("channel").bind(channel=key.name)
        self._key = key
        self._store = store
        self._inbox = inbox
        self._media = media
        self._relay = relay
        self._outbound = outbound
        self._handovers = handovers
        self._calls = calls
        self._base_url = f"{public_url}/channels/{key.name}"
        self._report = report
        self._allow_private = allow_private
        self._ca_file = ca_file
        self._session: ClientSession | None = None

    @property
    def http(self) -> ClientSession:
        """See `omnigate.ChannelHost`; opened on first use."""
        if self._session is None or self._session.closed:
            self._session = guarded_session(
                allow_private=self._allow_private, ca_file=self._ca_file
            )
        return self._session

    async def put(
        self, *items: Inbound, cursor: str | None = None, notes: Notes | None = None
    ) -> Sequence[Recorded]:
        """See `omnigate.ChannelHost`."""
        for item in items:
            if not isinstance(item, Inbound):
                raise TypeError(f"a channel puts items of the model, not {type(item).__name__}")
        return await self._inbox.put(self._key, items, cursor, notes=checked(notes))

    async def put_updates(
        self,
        parse: Parse,
        updates: Sequence[bytes | Request],
        *,
        cursor: str | None = None,
        notes: Notes | None = None,
    ) -> Sequence[Recorded]:
        """See `omnigate.ChannelHost`."""
        items: list[Inbound] = []
        puzzles: list[Puzzle] = []
        for update in updates:
            request = Request.of(update) if isinstance(update, bytes) else update
            try:
                found, reason = parsed(self.name, parse, request)
            except Unauthorized as error:
                found, reason = (), str(error)
            items += found
            if reason is not None:
                self.log.warning("quarantined", reason=reason)
                said = urlencode(list(request.query.items()), errors="replace")
                puzzles.append(Puzzle(self.name, reason, kept_of(request), request.body, said))
        return await self._inbox.put(self._key, items, cursor, puzzles, checked(notes))

    async def cursor(self) -> str | None:
        """See `omnigate.ChannelHost`."""
        return await self._store.read(read_cursor, self.name)

    async def notes(self, prefix: str = "") -> Mapping[str, str]:
        """See `omnigate.ChannelHost`."""
        return await self._store.read(read_notes, self.name, prefix)

    def emit(self, item: Ephemeral) -> None:
        """See `omnigate.ChannelHost`."""
        if not isinstance(item, Ephemeral):
            raise TypeError(f"a channel emits items of the model, not {type(item).__name__}")
        self._relay.emit(self._key, item)

    async def conversation(self, external_id: str) -> ConversationInfo | None:
        """See `omnigate.ChannelHost`."""
        return await self._store.read(find_conversation, self.name, external_id)

    async def conversations_of(self, external_ids: Sequence[str]) -> Mapping[str, ConversationInfo]:
        """See `omnigate.ChannelHost`."""
        return await self._store.read(conversations_of_messages, self.name, list(external_ids))

    async def answer(
        self, conversation: str, content: Content, *, key: str, force: bool = False
    ) -> str | None:
        """See `omnigate.ChannelHost`."""
        known = await self.conversation(conversation)
        if known is None:
            return None
        return await self._outbound.answer(self.name, known.id, content, key, force=force)

    async def handover(self, conversation: str) -> Handover | None:
        """See `omnigate.ChannelHost`."""
        known = await self.conversation(conversation)
        if known is None:
            return None
        return await self._handovers.make(known.id, offered=True)

    async def handover_is_open(self, handover_id: str) -> bool:
        """See `omnigate.ChannelHost`."""
        return await self._handovers.is_open(handover_id)

    def handover_channels(self) -> Sequence[str]:
        """See `omnigate.ChannelHost`."""
        return self._handovers.channels(but=self.name)

    def call_offer(self, channel: str) -> CallOffer | None:
        """See `omnigate.ChannelHost`."""
        return self._calls.offer(channel)

    async def request_call(self, channel: str, wanted: CallWanted, *, key: str) -> Call:
        """See `omnigate.ChannelHost`."""
        asked_in = wanted.from_conversation
        if asked_in is not None:
            known = await self.conversation(asked_in)
            wanted = wanted.model_copy(update={"from_conversation": known.id if known else None})
        fingerprint = hashlib.sha256(f"{channel}\0{wanted.model_dump_json()}".encode()).hexdigest()
        scope = IdempotencyKey(f"{CHANNEL_CALLS}{self.name}", key, fingerprint)
        return await self._calls.request(channel, wanted, scope)

    async def cancel_call(self, conversation: str, call_id: str) -> Call | None:
        """See `omnigate.ChannelHost`."""
        known = await self.conversation(conversation)
        if known is None:
            return None
        return await self._calls.cancel(call_id, asked_in=known.id)

    async def calls_asked(self) -> Sequence[tuple[str, Call]]:
        """See `omnigate.ChannelHost`."""
        return await self._calls.asked_in(self.name)

    async def calls(self) -> Sequence[Call]:
        """See `omnigate.ChannelHost`."""
        return await self._calls.open_calls(self.name)

    async def history(
        self, conversation: str, *, after: int = 0, before: int | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """See `omnigate.ChannelHost`."""
        known = await self.conversation(conversation)
        if known is None:
            return []
        rows = await self._store.read(
            read_history, known.id, after=after, before=before, limit=min(limit, HISTORY_LIMIT)
        )
        return [as_event(row, self._media.present) for row in rows]

    async def messages(self, message_ids: Sequence[str]) -> Mapping[str, Message]:
        """See `omnigate.ChannelHost`."""
        found = await self._store.read(read_messages, list(message_ids), channel=self.name)
        return {known: self._media.present_model(said) for known, said in found.items()}

    async def save_file(
        self, chunks: AsyncIterable[bytes], *, name: str | None, mime: str, limit_bytes: int
    ) -> Attachment:
        """See `omnigate.ChannelHost`."""
        self._inbox.admit(self.name)
        return await self._media.save(
            chunks, name=name, mime=mime, limit_bytes=limit_bytes, channel=self.name
        )

    async def open_file(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """See `omnigate.ChannelHost`."""
        stored, path = await self._media.open(attachment.id)
        if stored.channel not in (self.name, None):
            raise Refused("not_found", "the file belongs to another channel")
        async with await anyio.open_file(path, "rb") as file:
            while chunk := await file.read(CHUNK_BYTES):
                yield chunk

    def public_url(self, path: str = "") -> str:
        """See `omnigate.ChannelHost`."""
        return f"{self._base_url}/{path.lstrip('/')}" if path else self._base_url

    def secret(self, purpose: str) -> bytes:
        """See `omnigate.ChannelHost`."""
        return derived_key(self._store.key, f"channel:{self.name}:{purpose}")

    def limiter(self, rate: float, *, per_seconds: float = 1.0, burst: int = 1) -> Limiter:
        """See `omnigate.ChannelHost`."""
        return TokenBucket(rate, per_seconds, burst)

    def status(self, state: HealthState, message: str = "") -> None:
        """See `omnigate.ChannelHost`."""
        if state not in get_args(HealthState):
            raise ValueError("a channel's state is one of " + ", ".join(get_args(HealthState)))
        self._report(state, str(message)[:LONGEST_REASON])

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()


class DaemonBackendHost:
    """`omnigate.BackendHost`, as the daemon implements it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: FilteringBoundLogger = structlog.get_logger("backend").bind(backend=name)
        self._sessions: list[ClientSession] = []

    def http(
        self,
        *,
        allow_private: Sequence[str] = (),
        ca_file: str | None = None,
        own_urls_only: bool = False,
    ) -> ClientSession:
        """See `omnigate.BackendHost`."""
        session = guarded_session(
            allow_private=allow_private, ca_file=ca_file, own_urls_only=own_urls_only
        )
        self._sessions.append(session)
        return session

    async def close(self) -> None:
        """Let go of connections."""
        for session in self._sessions:
            await session.close()


def checked(notes: Notes | None) -> Notes:
    """Return notes as they may be kept; raises ``ValueError`` for what is too long."""
    for key, note in (notes or {}).items():
        value = note.value if isinstance(note, Note) else note
        if not 0 < len(key) <= LONGEST_NOTE_KEY or len(value or "") > LONGEST_NOTE:
            raise ValueError(
                f"a note has a key of 1 to {LONGEST_NOTE_KEY} characters"
                f" and a value of at most {LONGEST_NOTE}"
            )
    return notes or {}


def derived_key(key: bytes, purpose: str) -> bytes:
    """Return 32 bytes for one purpose, made of the installation's key."""
    return hmac.digest(key, purpose.encode(), hashlib.sha256)
