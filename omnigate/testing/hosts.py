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
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

import aiohttp
import structlog
from structlog.typing import FilteringBoundLogger

import omnigate
from omnigate import ids
from omnigate.flow.egress import guarded_session
from omnigate.flow.hosts import checked
from omnigate.flow.limiter import TokenBucket
from omnigate.flow.parsing import parsed
from omnigate.handovertoken import new_handover_token
from omnigate.testing.callbook import CallBook
from omnigate.testing.memory import MemoryStore

_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
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


class FakeHost(CallBook):
    """A `ChannelHost` over a `MemoryStore`, behind the real egress guard.

    Use it as an asynchronous context manager: it owns a client session. Loopback may be reached
    without TLS. A second host over the same store is the daemon after a restart.
    """

    def __init__(
        self,
        name: str = "test",
        *,
        kind: str = "test",
        store: MemoryStore | None = None,
        public_url: str | None = None,
    ) -> None:
        """``public_url`` is the address of the channel, without a slash at the end; made up by default."""
        self.name = name
        self.kind = kind
        self.store = store or MemoryStore()
        super().__init__(self.store)
        self.address = public_url or f"https://omnigate.test/channels/{name}"
        """What `public_url` gives; a test may set it once it knows where `serve` serves."""
        self.emitted: list[omnigate.Ephemeral] = []
        self.states: list[tuple[State, str]] = []
        self.answers: dict[str, tuple[str, str, omnigate.Content]] = {}
        """What the channel said by itself: key → the message's id, the conversation, what was said."""
        self.handed_over: dict[str, omnigate.Handover] = {}
        """Handovers that the channel asked for, by the conversation."""
        self.open_handovers: set[str] = set()
        """Ids of those that can be used; a test takes away what was."""
        self.ways: Sequence[omnigate.HandoverWay] = ()
        """Where customers can carry on; a test sets it."""
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
        self,
        *items: omnigate.Inbound,
        cursor: str | None = None,
        notes: omnigate.Notes | None = None,
    ) -> Sequence[omnigate.Recorded]:
        """Store items, all or none; raises ``store.failure`` if a test has set it."""
        await asyncio.sleep(0)  # so that callers meet the same interleavings as with the real store
        outcome = self.store.put(self.name, self.kind, items, cursor, checked(notes))
        for item, (_, event) in zip(items, outcome, strict=True):
            if event is not None and self.channel is not None:
                self.channel.recorded(item.conversation, [event])
        return [recorded for recorded, _ in outcome]

    async def put_updates(
        self,
        parse: Callable[[omnigate.Request], Sequence[omnigate.Inbound]],
        updates: Sequence[bytes | omnigate.Request],
        *,
        cursor: str | None = None,
        notes: omnigate.Notes | None = None,
    ) -> Sequence[omnigate.Recorded]:
        """Parse and store; what is not understood goes to ``store.quarantine``."""
        items: list[omnigate.Inbound] = []
        puzzles: list[tuple[bytes, str]] = []
        for update in updates:
            request = omnigate.Request.of(update) if isinstance(update, bytes) else update
            found, reason = parsed(self.name, parse, request)
            items += found
            if reason is not None:
                puzzles.append((request.body, reason))
        recorded = await self.put(*items, cursor=cursor, notes=notes)
        self.store.quarantine += puzzles
        return recorded

    async def cursor(self) -> str | None:
        """Return the cursor last stored."""
        return self.store.cursors.get(self.name)

    async def notes(self, prefix: str = "") -> Mapping[str, str]:
        """Return the notes whose keys begin so."""
        kept = self.store.notes.get(self.name, {})
        return {key: kept[key] for key in sorted(kept) if key.startswith(prefix)}

    async def conversations_of(
        self, external_ids: Sequence[str]
    ) -> Mapping[str, omnigate.ConversationInfo]:
        """Return the conversations of messages that were put, and of those noted with `MemoryStore.sent`."""
        found = ((one, self.store.conversation_of(self.name, one)) for one in external_ids)
        return {called: known for called, known in found if known is not None}

    async def answer(
        self, conversation: str, content: omnigate.Content, *, key: str, force: bool = False
    ) -> str | None:
        """Remember it in ``answers``, once per key; None for whom nobody knows, or who wants none.

        Raises ``store.failure`` if a test has set it.
        """
        if self.store.failure is not None:
            raise self.store.failure
        if self.store.conversation(self.name, conversation) is None:
            return None
        if self.store.is_blocked(self.name, conversation) and not force:
            return None
        message_id, _, _ = self.answers.setdefault(key, (ids.message_id(), conversation, content))
        return message_id

    def emit(self, item: omnigate.Ephemeral) -> None:
        """Remember it in ``emitted``."""
        self.emitted.append(item)

    async def conversation(self, external_id: str) -> omnigate.ConversationInfo | None:
        """Return a conversation by the platform's id."""
        return self.store.conversation(self.name, external_id)

    async def handover(self, conversation: str) -> omnigate.Handover | None:
        """Return a token for a conversation that is known, good for ``ways``."""
        if self.store.conversation(self.name, conversation) is None or not self.ways:
            return None
        made = omnigate.Handover(ids.handover_id(), new_handover_token(), _NEVER, tuple(self.ways))
        self.handed_over[conversation] = made
        self.open_handovers.add(made.id)
        return made

    async def handover_is_open(self, handover_id: str) -> bool:
        """Tell whether a handover is among ``open_handovers``."""
        return handover_id in self.open_handovers

    def handover_channels(self) -> Sequence[str]:
        """Return the channels of ``ways``."""
        return [way.channel for way in self.ways]

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
        """Return the address that the host was given; the one by default only looks public."""
        return f"{self.address}/{path.lstrip('/')}" if path else self.address

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes, stable for the store, the channel and the purpose."""
        return hmac.digest(self.store.secret, f"{self.name}\0{purpose}".encode(), "sha256")

    def limiter(self, rate: float, *, per_seconds: float = 1.0, burst: int = 1) -> omnigate.Limiter:
        """Return the daemon's own token bucket, which really waits."""
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
