"""A channel at work, and waiting for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, TypeVar

import omnigate
from omnigate.testing import FakeHost

T = TypeVar("T")
SECONDS = 60.0


async def until(
    holds: Callable[[], T],
    what: str = "what is waited for",
    shown: Callable[[], object] = lambda: "",
) -> T:
    """Return what a condition gives once it is true; ``shown`` is told where it never is."""
    try:
        async with asyncio.timeout(SECONDS):
            while not (given := holds()):  # noqa: ASYNC110  # what changes tells nobody
                await asyncio.sleep(0.01)
            return given
    except TimeoutError:
        raise AssertionError(f"{what}: {shown()}") from None


@asynccontextmanager
async def at_work(channel: omnigate.Channel) -> AsyncIterator[asyncio.Task[None]]:
    """Run a channel until the block ends."""
    work = asyncio.create_task(channel.run())
    try:
        yield work
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


class ShopAtWork:
    """A channel at work on an emulated platform, where Anna is its customer."""

    scheme: ClassVar[str]
    """Of addresses on this platform."""
    host: FakeHost
    anna: Any
    """Whoever the emulator lets write: with an id, and all that people can do there."""

    @property
    def items(self) -> list[Any]:
        return self.host.store.items

    async def until(self, holds: Callable[[], T], what: str = "what is waited for") -> T:
        """Return what a condition gives once it is true."""
        return await until(holds, what, lambda: f"{self.items!r} {self.host.states!r}")

    def of(self, kind: type[T]) -> list[T]:
        """Return the items of a kind that are stored."""
        return [one for one in self.items if isinstance(one, kind)]

    async def item(self, kind: type[T], number: int = 0) -> T:
        """Return an item of a kind once it is stored."""
        await self.until(lambda: len(self.of(kind)) > number, kind.__name__)
        return self.of(kind)[number]

    async def said(self, number: int = 0) -> omnigate.InboundMessage:
        """Return a message of a customer once it is stored."""
        return await self.item(omnigate.InboundMessage, number)

    def part(self, text: str | None = "Здравствуйте", **more: Any) -> omnigate.OutboundPart:
        """Return something to be sent to the customer."""
        fields: dict[str, Any] = {
            "id": "msg_00000000000000000000000001.0",
            "message": "msg_00000000000000000000000001",
            "index": 0,
            "parts": 1,
            "conversation": str(self.anna.id),
            "address": f"{self.scheme}:{self.anna.id}",
            "text": text,
        }
        return omnigate.OutboundPart.model_validate({**fields, **more})

    def change(self, action: str, external_id: str, **more: Any) -> omnigate.OutboundChange:
        """Return a change to a message that was sent."""
        fields: dict[str, Any] = {
            "id": "msg_00000000000000000000000001.1",
            "message": "msg_00000000000000000000000001",
            "index": 1,
            "action": action,
            "external_id": external_id,
            "conversation": str(self.anna.id),
            "address": f"{self.scheme}:{self.anna.id}",
        }
        return omnigate.OutboundChange.model_validate({**fields, **more})

    async def file(
        self, content: bytes, kind: str, mime: str, name: str | None = None
    ) -> omnigate.Attachment:
        """Return a file of the company's, as the host hands it to a send."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        saved = await self.host.save_file(chunks(), name=name, mime=mime, limit_bytes=10**8)
        return saved.model_copy(update={"kind": kind})


def texts(items: Sequence[Any]) -> list[str | None]:
    """Return what customers wrote, in the order in which it was stored."""
    return [one.text for one in items if isinstance(one, omnigate.InboundMessage)]
