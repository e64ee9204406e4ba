"""Files of messages: taking them in, fetching them where they are, handing them out.

A file that somebody uploads is on disk before its row is written (`Media.save`). A file that a channel
or a CRM only names is fetched later, see `omnigate.flow.fetching`: as soon as the message is stored
where the channel says ``eager``, and when somebody asks (`Media.open`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from omnigate import ids
from omnigate.errors import Refused, RetryLater
from omnigate.flow.fetching import Fetcher, Fetching
from omnigate.flow.filetype import file_type, kind_of
from omnigate.flow.shelf import Shelf
from omnigate.flow.signed import AddressBook
from omnigate.flow.sweeping import Sweeper
from omnigate.model.attachment import Attachment
from omnigate.model.facts import Message
from omnigate.store.attachments import (
    StoredAttachment,
    add_uploaded,
    read_attachments,
)
from omnigate.store.record import MEDIA_URL
from omnigate.store.store import Store

ModelT = TypeVar("ModelT", Attachment, Message)


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
        allow_private: Sequence[str] = (),
    ) -> None:
        """``session`` returns the guarded session that a channel's addresses are fetched with.

        Where it returns None, one without any private network is used. What a CRM names is fetched
        from the public internet and from the networks (CIDR) ``allow_private``.
        """
        self._store = store
        self._shelf = Shelf(files_dir)
        self._book = AddressBook(store.key, public_url, url_ttl_seconds)
        self._max_file_bytes = max_file_bytes
        self._fetching = Fetching(
            store,
            self._shelf,
            fetchers,
            max_file_bytes=max_file_bytes,
            eager_channels=eager_channels,
            session=session,
            timeout_seconds=fetch_timeout_seconds,
            conversation_daily_bytes=conversation_daily_bytes,
            allow_private=allow_private,
        )

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
        try:
            return self.present_model(await self._store.writer.do(add_uploaded, row))
        finally:
            self._shelf.claimed(shelved.sha256)

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
            await self._fetching.fetch(stored, asked_for=True)
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

    def discard(self, sha256: str) -> None:
        """Remove the bytes with this hash, which no row names any more; blocks."""
        self._shelf.discard(sha256)

    def sweeper(self) -> Sweeper:
        """Return who removes files that no row names."""
        return Sweeper(self._store, self._shelf)

    async def run(self) -> None:
        """Fetch files of eager channels as they come, until cancelled."""
        await self._fetching.run()

    async def close(self) -> None:
        """Let go of connections."""
        await self._fetching.close()
