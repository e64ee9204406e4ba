"""Files of a store, and a channel that they are fetched from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import omnigate
from omnigate.flow.media import Media
from omnigate.store.ingest import Intake, ingest
from omnigate.store.messages import list_messages
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
ATT = "att_" + "0" * 26


class Source:
    """A channel that fetches files by ref."""

    def __init__(self) -> None:
        self.content: bytes | Exception = b"from the platform"
        self.asked: list[Any] = []
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.most_at_once = 0

    async def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        self.asked.append(attachment.ref)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if isinstance(self.content, Exception):
                raise self.content
            yield self.content
        finally:
            self.at_once -= 1


@asynccontextmanager
async def opened(
    store: Store, source: Source | None = None, *, run: bool = False, **more: Any
) -> AsyncIterator[Media]:
    """Have files in a store; with ``run`` they are fetched by themselves."""
    given: dict[str, Any] = {"eager_channels": lambda: ["app"], "max_file_bytes": 1000, **more}
    files = Media(
        store,
        store.path.parent / "files",
        "https://omnigate.test/",
        lambda name: source,
        url_ttl_seconds=3600,
        **given,
    )
    running = asyncio.create_task(files.run()) if run else None
    try:
        yield files
    finally:
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        await files.close()


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    """Bring content piece by piece."""
    for piece in content:
        yield piece


async def receive(
    store: Store, *files: omnigate.AttachmentRef, external_id: str = "1"
) -> list[str]:
    """Have a customer send files; return their ids."""
    said = omnigate.InboundMessage(
        external_id=external_id,
        conversation="1",
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address("user:1")),
        attachments=list(files),
    )
    await store.writer.do(ingest, Intake(ChannelKey("app", "test"), [said]))
    ((message, _), *_) = await store.read(list_messages)
    return [file.id for file in message.attachments]


async def until(holds: Callable[[], Any]) -> None:
    """Wait until a condition holds, for half a minute at most."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110  # what changes tells nobody
            await asyncio.sleep(0.01)


def kept(store: Store) -> list[Path]:
    """Return the files that are on disk, half-written ones too."""
    return sorted(path for path in (store.path.parent / "files").rglob("*") if path.is_file())
