"""Files of messages: taking them in, fetching them where they are, handing them out.

Theory of operation. A file that somebody uploads is on disk before its row is written (`Media.save`).
A file that a channel or a CRM only names is fetched later: by `Media.run` as soon as the message is
stored where the channel says ``eager``, and by `Media.open` when somebody asks. One attachment is
fetched by one task at a time; failures are tried again by `RETRY_SECONDS` and then given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import aiohttp
import structlog

from omnigate import ids
from omnigate.errors import BadPayload, OmnigateError, Refused, RetryLater, StoreError
from omnigate.flow.egress import guarded_session
from omnigate.flow.filetype import OPAQUE, file_type, kind_of
from omnigate.flow.shelf import Shelf, TooLarge
from omnigate.flow.signed import AddressBook
from omnigate.model.attachment import Attachment, AttachmentRef
from omnigate.model.event import Message
from omnigate.store.attachments import (
    Fetched,
    StoredAttachment,
    add_uploaded,
    brought_in,
    due_attachments,
    next_fetch_at,
    read_attachments,
    settle_fetched,
)
from omnigate.store.record import MEDIA_URL
from omnigate.store.store import Store
from omnigate.store.writer import Committed

PARALLEL: Final = 4
RETRY_SECONDS: Final = (5, 30, 120, 600, 3600)
"""Waits between attempts to fetch a file; after the last it is given up."""

_IDLE_SECONDS: Final = 3600.0
_DAY_MS: Final = 86_400_000
_STORE_PAUSE_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 64 * 1024
_LONGEST_MEMORY: Final = 10_000

ModelT = TypeVar("ModelT", Attachment, Message)

log = structlog.get_logger("media")


class Fetcher(Protocol):
    """Gets the bytes of files that a channel handed in by ``ref``: a `Channel`."""

    def fetch(self, attachment: AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes; raises `Refused` when they are gone for good."""


class Media:
    """All files. `run` must be running for files to be fetched without being asked for."""

    def __init__(
        self,
        store: Store,
        files_dir: Path,
        public_url: str,
        fetchers: Callable[[str], Fetcher | None],
        url_ttl_seconds: int,
        max_file_bytes: int,
        *,
        eager_channels: Callable[[], Sequence[str]] = tuple,
        session: Callable[[str | None], aiohttp.ClientSession | None] = lambda channel: None,
        fetch_timeout_seconds: float = 60.0,
        conversation_daily_bytes: int | None = None,
    ) -> None:
        """``session`` returns the guarded session that a channel's addresses are fetched with.

        Where it returns None, one without any private network is used.
        """
        self._store = store
        self._shelf = Shelf(files_dir)
        self._book = AddressBook(store.key, public_url, url_ttl_seconds)
        self._fetchers = fetchers
        self._eager_channels = eager_channels
        self._session_of = session
        self._max_file_bytes = max_file_bytes
        self._fetch_timeout_seconds = fetch_timeout_seconds
        self._conversation_daily_bytes = conversation_daily_bytes
        self._own_session: aiohttp.ClientSession | None = None
        self._fetching: dict[str, asyncio.Event] = {}
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()

    # ---- addresses ------------------------------------------------------------------------------

    def sign(self, attachment_id: str, ttl_seconds: int | None = None) -> str:
        """Return the absolute address of a file, signed and expiring."""
        return self._book.sign(attachment_id, self._store.clock(), ttl_seconds)

    def verify(self, attachment_id: str, exp: str, sig: str) -> bool:
        """Tell whether an address was signed here and has not ended."""
        return self._book.is_good(attachment_id, exp, sig, self._store.clock())

    def present(self, text: str) -> str:
        """Return stored JSON as others may see it, the addresses of files in it signed."""
        return self._book.present(text, self._store.clock())

    def present_model(self, model: ModelT) -> ModelT:
        """Return an attachment, or a message, with signed addresses."""
        if isinstance(model, Message):
            signed = [self.present_model(attachment) for attachment in model.attachments]
            return model.model_copy(update={"attachments": signed})
        if model.url is None or not model.url.startswith(MEDIA_URL):
            return model
        return model.model_copy(update={"url": self.sign(model.id)})

    # ---- bytes ----------------------------------------------------------------------------------

    async def save(
        self,
        chunks: AsyncIterable[bytes],
        *,
        name: str | None,
        mime: str,
        limit_bytes: int,
        channel: str | None = None,
        owner: str | None = None,
    ) -> Attachment:
        """Store a file that is being uploaded; return it once bytes and row are on disk.

        Its type is what the bytes prove; the claimed one counts only for what is never shown inline.
        Raises `TooLarge` or `StoreError`.
        """
        shelved = await self._shelf.put(chunks, min(limit_bytes, self._max_file_bytes))
        kept = file_type(shelved.head, mime)
        row: dict[str, Any] = {
            "id": ids.attachment_id(),
            "kind": kind_of(kept),
            "mime": kept,
            "name": name,
            "size_bytes": shelved.size_bytes,
            "sha256": shelved.sha256,
            "channel": channel,
            "owner": owner,
        }
        return self.present_model(await self._store.writer.do(add_uploaded, row))

    async def find(self, attachment_id: str) -> StoredAttachment:
        """Return what is known of a file; raises `Refused` (``not_found``)."""
        found = await self._store.read(read_attachments, [attachment_id])
        if attachment_id not in found:
            raise Refused("not_found", "there is no such file")
        return found[attachment_id]

    async def open(self, attachment_id: str) -> tuple[StoredAttachment, Path]:
        """Return a file and where its bytes are, fetching them first if need be.

        Raises `Refused` when there is no such file or it was given up, `RetryLater` when it could not
        be fetched just now.
        """
        stored = await self.find(attachment_id)
        if stored.attachment.state == "pending":
            await self._fetch(stored, asked_for=True)
            stored = await self.find(attachment_id)
        shown = stored.attachment
        if shown.state == "failed":
            raise Refused("gone", f"the file could not be fetched: {stored.error}")
        if shown.state == "pending" or shown.sha256 is None:
            raise RetryLater(f"the file could not be fetched yet: {stored.error or 'unknown'}")
        path = self._shelf.path(shown.sha256)
        if not await asyncio.to_thread(path.is_file):
            raise Refused("gone", "the file is no longer kept")
        return stored, path

    # ---- fetching -------------------------------------------------------------------------------

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
                        log.error("attachments wait for the store", error=str(error))
                        await self._wait(_STORE_PAUSE_SECONDS)
        finally:
            self._store.writer.on_commit.remove(self._hear)
            await self.close()

    async def close(self) -> None:
        """Let go of connections."""
        if self._own_session is not None:
            await self._own_session.close()
            self._own_session = None

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
            await self._fetch(stored, asked_for=False)
        except StoreError as error:
            log.error("attachment not settled", attachment=stored.attachment.id, error=str(error))
        finally:
            self._wake.set()

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

    async def _fetch(self, stored: StoredAttachment, *, asked_for: bool) -> None:
        """Fetch one file and settle it; if somebody is at it already, wait for that."""
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
            outcome = await self._attempt(stored)
            await self._store.writer.do(settle_fetched, outcome)
        finally:
            del self._fetching[attachment_id]
            done.set()

    async def _attempt(self, stored: StoredAttachment) -> Fetched:
        """Get the bytes and shelve them; whatever goes wrong becomes an outcome."""
        shown = stored.attachment
        limit_bytes = await self._limit_of(stored)
        given = _Source(stored)
        try:
            async with asyncio.timeout(self._fetch_timeout_seconds):
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
        session = self._session_of(given.channel) or self._default_session()
        timeout = aiohttp.ClientTimeout(total=self._fetch_timeout_seconds)
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

    def _default_session(self) -> aiohttp.ClientSession:
        if self._own_session is None:
            self._own_session = guarded_session()
        return self._own_session


class _Source:
    """Where the bytes of an attachment are."""

    def __init__(self, stored: StoredAttachment) -> None:
        source = stored.source or {}
        shown = stored.attachment
        self.channel = stored.channel
        self.url: str | None = source.get("url")
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
