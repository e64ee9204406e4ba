"""Fetching files from where they are: from an address, or through the channel that handed them in.

Theory of operation. One attachment is fetched by one task at a time, at most `PARALLEL` at once when
nobody asked for them. Failures are tried again by `RETRY_SECONDS` and then given up; what became of
each attempt is in the store. Nothing is polled: a commit, the end of a fetch, or the next due time
wakes `Fetching.run`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Final, Protocol

import aiohttp
import structlog

from omnigate.errors import BadPayload, OmnigateError, Refused, RetryLater, StoreError
from omnigate.flow.egress import guarded_session
from omnigate.flow.filetype import OPAQUE, file_type
from omnigate.flow.shelf import Shelf, TooLarge
from omnigate.model.attachment import AttachmentRef
from omnigate.store.attachments import (
    BY_CRM,
    Fetched,
    StoredAttachment,
    brought_in,
    due_attachments,
    next_fetch_at,
    settle_fetched,
)
from omnigate.store.discarding import ForgottenFiles, forget_files
from omnigate.store.store import Store
from omnigate.store.turns import Committed

PARALLEL: Final = 4
RETRY_SECONDS: Final = (5, 30, 120, 600, 3600)
"""Waits between attempts to fetch a file; after the last it is given up."""

STORE_PAUSE_SECONDS: Final = 5.0
"""How long nothing is fetched after the store has failed."""

_IDLE_SECONDS: Final = 3600.0
_DAY_MS: Final = 86_400_000
_CHUNK_BYTES: Final = 64 * 1024
_LONGEST_MEMORY: Final = 10_000

log = structlog.get_logger("media")


class Fetcher(Protocol):
    """Gets the bytes of files that a channel handed in by ``ref``: a `Channel`."""

    def fetch(self, attachment: AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes; raises `Refused` when they are gone for good."""


class Fetching:
    """Fetches files and settles how that went."""

    def __init__(
        self,
        store: Store,
        shelf: Shelf,
        fetchers: Callable[[str], Fetcher | None],
        *,
        max_file_bytes: int,
        eager_channels: Callable[[], Sequence[str]],
        session: Callable[[str | None], aiohttp.ClientSession | None],
        timeout_seconds: float,
        conversation_daily_bytes: int | None,
        allow_private: Sequence[str],
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._fetchers = fetchers
        self._eager_channels = eager_channels
        self._session_of = session
        self._max_file_bytes = max_file_bytes
        self._timeout_seconds = timeout_seconds
        self._conversation_daily_bytes = conversation_daily_bytes
        self._allow_private = allow_private
        self._own_sessions: dict[bool, aiohttp.ClientSession] = {}
        """By whether they are for what a CRM names."""
        self._fetching: dict[str, asyncio.Event] = {}
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._store_has_failed = False

    async def run(self) -> None:
        """Fetch files of eager channels as they come, until cancelled."""
        await asyncio.to_thread(self._shelf.sweep)
        self._store.writer.on_commit.append(self._hear)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._wake.clear()
                    try:
                        await self._start_due(tasks)
                        await self._wait_for_work()
                    except StoreError as error:
                        self._store_failed(error)
                    if self._store_has_failed:
                        # Or files would be fetched over and over with nowhere to note it.
                        self._store_has_failed = False
                        await asyncio.sleep(STORE_PAUSE_SECONDS)
        finally:
            self._store.writer.on_commit.remove(self._hear)
            await self.close()

    async def close(self) -> None:
        """Let go of connections."""
        for session in self._own_sessions.values():
            await session.close()
        self._own_sessions.clear()

    def _hear(self, committed: Committed) -> None:
        if committed.attachments_due:
            self._wake.set()

    async def _start_due(self, tasks: asyncio.TaskGroup) -> None:
        free = PARALLEL - len(self._fetching)
        if free <= 0:
            return
        limit = PARALLEL + len(self._fetching)
        channels = self._eager_channels()
        due = await self._store.read(due_attachments, self._store.now(), channels, limit)
        waiting = [stored for stored in due if stored.attachment.id not in self._fetching]
        for stored in waiting[:free]:
            tasks.create_task(self._fetch_due(stored), name=f"fetch {stored.attachment.id}")
            await asyncio.sleep(0)  # so that it is known as being fetched

    async def _fetch_due(self, stored: StoredAttachment) -> None:
        try:
            await self.fetch(stored, asked_for=False)
        except StoreError as error:
            self._store_failed(error)
        finally:
            self._wake.set()

    def _store_failed(self, error: StoreError) -> None:
        log.error("attachments wait for the store", error=str(error))
        self._store_has_failed = True

    async def _wait_for_work(self) -> None:
        """Wait until something is new, a fetch has ended or the next one is due."""
        seconds = _IDLE_SECONDS
        if not self._fetching:
            next_at = await self._store.read(next_fetch_at, self._eager_channels())
            if next_at is not None:
                seconds = max(0.0, (next_at - self._store.now()) / 1000)
        await self._wait(min(seconds, _IDLE_SECONDS))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def fetch(self, stored: StoredAttachment, *, asked_for: bool) -> None:
        """Fetch one file and settle it; if somebody is at it already, wait for that.

        With ``asked_for`` a file that failed just now is let be. Raises `StoreError`.
        """
        attachment_id = stored.attachment.id
        running = self._fetching.get(attachment_id)
        if running is not None:
            await running.wait()
            return
        # Asking often must not use up the attempts: between them everybody waits.
        if asked_for and self._not_before.get(attachment_id, 0.0) > time.monotonic():
            return
        done = self._fetching[attachment_id] = asyncio.Event()
        try:
            await self._settle(await self._attempt(stored))
        finally:
            del self._fetching[attachment_id]
            done.set()

    async def _settle(self, outcome: Fetched) -> None:
        """Note how it went; what was erased while it was fetched is not kept."""
        if outcome.sha256 is None:
            await self._store.writer.do(settle_fetched, outcome)
            return
        try:
            is_wanted = await self._store.writer.do(settle_fetched, outcome)
        finally:
            self._shelf.claimed(outcome.sha256)
        if not is_wanted:
            unwanted = ForgottenFiles([outcome.sha256], self._shelf.discard)
            await self._store.writer.do(forget_files, unwanted)

    async def _attempt(self, stored: StoredAttachment) -> Fetched:
        """Get the bytes and shelve them; whatever goes wrong becomes an outcome."""
        shown = stored.attachment
        limit_bytes = await self._limit_of(stored)
        try:
            given = _Source(stored)
            async with asyncio.timeout(self._timeout_seconds):
                async with aclosing(self._bytes_of(given, limit_bytes)) as chunks:
                    shelved = await self._shelf.put(chunks, limit_bytes)
        except (Refused, TooLarge) as error:
            return self._failed(stored, str(error), final=True)
        except (OmnigateError, aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            text = str(error) or f"{type(error).__name__} while fetching"
            return self._failed(stored, text, final=False)
        except Exception as error:  # a plugin's fetch is an attempt like any delivery
            log.error("fetch failed", attachment=shown.id, channel=stored.channel, exc_info=error)
            return self._failed(stored, f"fetch raised {type(error).__name__}", final=False)
        self._not_before.pop(shown.id, None)
        claimed = given.mime if shown.mime == OPAQUE else shown.mime
        return Fetched(
            shown.id,
            sha256=shelved.sha256,
            size_bytes=shelved.size_bytes,
            mime=file_type(shelved.head, claimed),
        )

    async def _limit_of(self, stored: StoredAttachment) -> int:
        """Return how large the file may be: what one may be, or what the conversation has left today."""
        quota_bytes = self._conversation_daily_bytes
        if quota_bytes is None or stored.message_id is None:
            return self._max_file_bytes
        since = self._store.now() - _DAY_MS
        used_bytes = await self._store.read(brought_in, stored.message_id, since)
        if used_bytes is None:
            return self._max_file_bytes
        return max(0, min(self._max_file_bytes, quota_bytes - used_bytes))

    def _failed(self, stored: StoredAttachment, error: str, *, final: bool) -> Fetched:
        attachment_id = stored.attachment.id
        error = error[:500]
        if final or stored.failures >= len(RETRY_SECONDS):
            log.warning("attachment given up", attachment=attachment_id, error=error)
            return Fetched(attachment_id, error=error)
        wait_seconds = RETRY_SECONDS[stored.failures]
        if len(self._not_before) >= _LONGEST_MEMORY:
            self._not_before.clear()
        self._not_before[attachment_id] = time.monotonic() + wait_seconds
        retry_at = self._store.now() + wait_seconds * 1000
        return Fetched(attachment_id, error=error, retry_at=retry_at)

    async def _bytes_of(self, given: _Source, limit_bytes: int) -> AsyncGenerator[bytes, None]:
        if given.url is not None:
            async for chunk in self._download(given, limit_bytes):
                yield chunk
            return
        fetcher = self._fetchers(given.channel) if given.channel else None
        if fetcher is None:
            raise RetryLater("its channel is not running")
        async for chunk in fetcher.fetch(given.reference):
            yield chunk

    async def _download(self, given: _Source, limit_bytes: int) -> AsyncIterator[bytes]:
        session = self._session_for(given)
        timeout = aiohttp.ClientTimeout(total=self._timeout_seconds)
        async with session.get(given.url or "", allow_redirects=False, timeout=timeout) as response:
            if response.status in (404, 410):
                raise Refused("gone", f"its address answered {response.status}")
            if response.status != 200:
                raise RetryLater(f"its address answered {response.status}")
            if (response.content_length or 0) > limit_bytes:
                raise TooLarge(limit_bytes)
            given.mime = response.content_type
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                yield chunk

    def _session_for(self, given: _Source) -> aiohttp.ClientSession:
        # The networks that a channel's configuration allows are for what the channel names: whoever may
        # write to its customers must not be able to read what is in there.
        channel = None if given.by_crm else self._session_of(given.channel)
        if channel is not None:
            return channel
        if given.by_crm not in self._own_sessions:
            allowed = self._allow_private if given.by_crm else ()
            self._own_sessions[given.by_crm] = guarded_session(allow_private=allowed)
        return self._own_sessions[given.by_crm]


class _Source:
    """Where the bytes of an attachment are."""

    def __init__(self, stored: StoredAttachment) -> None:
        source = stored.source or {}
        shown = stored.attachment
        self.channel = stored.channel
        self.url: str | None = source.get("url")
        self.by_crm = source.get("named_by") == BY_CRM
        self.mime: str | None = None
        """What the source says that it is, once asked."""
        if self.url is None and "ref" not in source:
            raise BadPayload("nothing says where the file is")
        self.reference = AttachmentRef(
            kind=shown.kind,
            mime=shown.mime,
            size_bytes=shown.size_bytes,
            name=shown.name,
            width=shown.width,
            height=shown.height,
            duration_seconds=shown.duration_seconds,
            id=shown.id,
            url=self.url,
            ref=source.get("ref"),
        )
