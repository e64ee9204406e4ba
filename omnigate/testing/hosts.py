"""Hosts for plugins under test: what the daemon gives them, without the daemon."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Mapping,
    MutableMapping,
    Sequence,
)
from typing import Any, Final, Literal, Self

import aiohttp
import structlog
from structlog.typing import FilteringBoundLogger

import omnigate
from omnigate import ids
from omnigate.flow.egress import guarded_session
from omnigate.flow.parsing import parsed
from omnigate.testing.memory import MemoryStore

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")

State = Literal["starting", "up", "degraded", "down", "stopped"]


class _Journal:
    """A structured log that remembers its lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.log: FilteringBoundLogger = structlog.wrap_logger(
            None,
            processors=[structlog.processors.format_exc_info, self._remember],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )

    def _remember(
        self, logger: object, method: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        self.lines.append({"level": method, **line})
        raise structlog.DropEvent


class TokenBucket:
    """A `Limiter` that really waits."""

    def __init__(self, rate: float, per_seconds: float, burst: int) -> None:
        self._interval_seconds = per_seconds / rate
        self._burst = burst
        self._tokens = float(burst)
        self._counted_at = asyncio.get_running_loop().time()

    def try_acquire(self) -> bool:
        """Take one token if there is one."""
        now = asyncio.get_running_loop().time()
        earned = (now - self._counted_at) / self._interval_seconds
        self._tokens, self._counted_at = min(self._tokens + earned, self._burst), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    async def acquire(self) -> None:
        """Take one token, waiting for it if need be."""
        while not self.try_acquire():  # noqa: ASYNC110  # tokens come with time, nobody brings them
            await asyncio.sleep((1 - self._tokens) * self._interval_seconds)


class FakeHost:
    """A `ChannelHost` over a `MemoryStore`, behind the real egress guard.

    Use it as an asynchronous context manager: it owns a client session. Loopback may be reached
    without TLS. A second host over the same store is the daemon after a restart.
    """

    def __init__(
        self, name: str = "test", *, kind: str = "test", store: MemoryStore | None = None
    ) -> None:
        self.name = name
        self.kind = kind
        self.store = store or MemoryStore()
        self.emitted: list[omnigate.Ephemeral] = []
        self.states: list[tuple[State, str]] = []
        self.channel: omnigate.Channel | None = None
        """Set by `serve`: it hears of what is recorded."""
        self._journal = _Journal()
        self.log = self._journal.log
        self._session: aiohttp.ClientSession | None = None

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Everything the plugin logged, oldest first."""
        return self._journal.lines

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        """The one client session."""
        if self._session is None:
            self._session = guarded_session(allow_private=LOOPBACK)
        return self._session

    async def put(
        self, *items: omnigate.Inbound, cursor: str | None = None
    ) -> Sequence[omnigate.Recorded]:
        """Store items, all or none; raises ``store.failure`` if a test has set it."""
        await asyncio.sleep(0)  # so that callers meet the same interleavings as with the real store
        outcome = self.store.put(self.name, self.kind, items, cursor)
        for item, (_, event) in zip(items, outcome, strict=True):
            if event is not None and self.channel is not None:
                self.channel.recorded(item.conversation, [event])
        return [recorded for recorded, _ in outcome]

    async def put_updates(
        self,
        parse: Callable[[omnigate.Request], Sequence[omnigate.Inbound]],
        updates: Sequence[bytes],
        *,
        cursor: str | None = None,
    ) -> Sequence[omnigate.Recorded]:
        """Parse and store; what is not understood goes to ``store.quarantine``."""
        items: list[omnigate.Inbound] = []
        puzzles: list[tuple[bytes, str]] = []
        for update in updates:
            found, reason = parsed(self.name, parse, omnigate.Request.of(update))
            items += found
            if reason is not None:
                puzzles.append((update, reason))
        recorded = await self.put(*items, cursor=cursor)
        self.store.quarantine += puzzles
        return recorded

    async def cursor(self) -> str | None:
        """Return the cursor last stored."""
        return self.store.cursors.get(self.name)

    def emit(self, item: omnigate.Ephemeral) -> None:
        """Remember it in ``emitted``."""
        self.emitted.append(item)

    async def conversation(self, external_id: str) -> omnigate.ConversationInfo | None:
        """Return a conversation by the platform's id."""
        return self.store.conversation(self.name, external_id)

    async def history(
        self, conversation: str, *, after: int = 0, before: int | None = None, limit: int = 100
    ) -> Sequence[omnigate.Event]:
        """Return stored events of a conversation in order of sequence."""
        events = [
            event
            for event in self.store.events(self.name, conversation)
            if (number := event.sequence or 0) > after and (before is None or number < before)
        ]
        return events[:limit] if before is None else events[-limit:]

    async def messages(self, message_ids: Sequence[str]) -> Mapping[str, omnigate.Message]:
        """Return the messages that are known."""
        found = ((one, self.store.message(self.name, one)) for one in message_ids)
        return {message_id: message for message_id, message in found if message is not None}

    async def save_file(
        self, chunks: AsyncIterable[bytes], *, name: str | None, mime: str, limit_bytes: int
    ) -> omnigate.Attachment:
        """Keep a file in memory."""
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > limit_bytes:
                raise omnigate.BadPayload(f"the file is larger than {limit_bytes} bytes")
        file_id = ids.attachment_id()
        self.store.files[file_id] = bytes(content)
        return omnigate.Attachment(
            id=file_id, name=name, mime=mime, size_bytes=len(content), state="ready"
        )

    async def open_file(self, attachment: omnigate.Attachment) -> AsyncIterator[bytes]:
        """Return the bytes of a file that was saved."""
        yield self.store.files[attachment.id]

    def public_url(self, path: str = "") -> str:
        """Return an address that only looks public."""
        base = f"https://omnigate.test/channels/{self.name}"
        return f"{base}/{path.lstrip('/')}" if path else base

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes, stable for the store, the channel and the purpose."""
        return hmac.digest(self.store.secret, f"{self.name}\0{purpose}".encode(), "sha256")

    def limiter(self, rate: float, *, per_seconds: float = 1.0, burst: int = 1) -> omnigate.Limiter:
        """Return a token bucket that really waits."""
        return TokenBucket(rate, per_seconds, burst)

    def status(self, state: State, message: str = "") -> None:
        """Remember it in ``states``."""
        self.states.append((state, message))


class FakeBackendHost:
    """A `BackendHost` behind the real egress guard. Use it as an asynchronous context manager."""

    def __init__(self, name: str = "test") -> None:
        self.name = name
        self._journal = _Journal()
        self.log = self._journal.log
        self._sessions: list[aiohttp.ClientSession] = []

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Everything the plugin logged, oldest first."""
        return self._journal.lines

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        for session in self._sessions:
            await session.close()

    def http(
        self,
        *,
        allow_private: Sequence[str] = (),
        ca_file: str | None = None,
        own_urls_only: bool = False,
    ) -> aiohttp.ClientSession:
        """Return a session that reaches loopback only if the plugin asks for it, as in the daemon."""
        session = guarded_session(
            allow_private=allow_private, ca_file=ca_file, own_urls_only=own_urls_only
        )
        self._sessions.append(session)
        return session
