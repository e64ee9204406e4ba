"""What plugins see of the daemon: the hosts of channels and of backends."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, get_args

import anyio
import structlog

from omnigate.channel import ConversationInfo, HealthState, Limiter, Recorded
from omnigate.errors import Refused, Unauthorized
from omnigate.flow.egress import guarded_session
from omnigate.flow.ephemeral import EphemeralRelay
from omnigate.flow.inbox import Inbox
from omnigate.flow.limiter import TokenBucket
from omnigate.flow.media import Media
from omnigate.flow.parsing import POLLED, Parse, parsed
from omnigate.flow.supervisor import as_event
from omnigate.model.attachment import Attachment
from omnigate.model.event import Event
from omnigate.model.facts import Message
from omnigate.model.inbound import Ephemeral, Inbound
from omnigate.request import Request
from omnigate.store.history import find_conversation, read_history
from omnigate.store.ingest import read_cursor
from omnigate.store.messages import read_messages
from omnigate.store.quarantined import Puzzle
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from structlog.typing import FilteringBoundLogger

HISTORY_LIMIT: Final = 500
CHUNK_BYTES: Final = 256 * 1024
LONGEST_REASON: Final = 500


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

    async def put(self, *items: Inbound, cursor: str | None = None) -> Sequence[Recorded]:
        """See `omnigate.ChannelHost`."""
        for item in items:
            if not isinstance(item, Inbound):
                raise TypeError(f"a channel puts items of the model, not {type(item).__name__}")
        return await self._inbox.put(self._key, items, cursor)

    async def put_updates(
        self, parse: Parse, updates: Sequence[bytes], *, cursor: str | None = None
    ) -> Sequence[Recorded]:
        """See `omnigate.ChannelHost`."""
        items: list[Inbound] = []
        puzzles: list[Puzzle] = []
        for update in updates:
            try:
                found, reason = parsed(self.name, parse, Request.of(update))
            except Unauthorized as error:
                found, reason = (), str(error)
            items += found
            if reason is not None:
                self.log.warning("quarantined", reason=reason)
                puzzles.append(Puzzle(self.name, reason, POLLED, update))
        return await self._inbox.put(self._key, items, cursor, puzzles)

    async def cursor(self) -> str | None:
        """See `omnigate.ChannelHost`."""
        return await self._store.read(read_cursor, self.name)

    def emit(self, item: Ephemeral) -> None:
        """See `omnigate.ChannelHost`."""
        if not isinstance(item, Ephemeral):
            raise TypeError(f"a channel emits items of the model, not {type(item).__name__}")
        self._relay.emit(self._key, item)

    async def conversation(self, external_id: str) -> ConversationInfo | None:
        """See `omnigate.ChannelHost`."""
        return await self._store.read(find_conversation, self.name, external_id)

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


def derived_key(key: bytes, purpose: str) -> bytes:
    """Return 32 bytes for one purpose, made of the installation's key."""
    return hmac.digest(key, purpose.encode(), hashlib.sha256)
