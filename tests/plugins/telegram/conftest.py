"""A bot of Omnigate's, the emulated platform it talks to, and a customer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from omnigate_telegram import Telegram

import omnigate
from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from omnigate.testing import FakeHost, MemoryStore, serve
from omnigate.testing.hosts import LOOPBACK

T = TypeVar("T")
SECONDS = 15.0


@dataclass
class Shop:
    """A channel at work, and both sides of it."""

    telegram: TelegramEmulator
    bot: Bot
    host: FakeHost
    channel: Telegram
    anna: Person

    @property
    def items(self) -> list[Any]:
        return self.host.store.items

    async def until(self, holds: Callable[[], T], what: str = "what is waited for") -> T:
        """Return what a condition gives once it is true."""
        try:
            async with asyncio.timeout(SECONDS):
                while not (given := holds()):  # noqa: ASYNC110  # what changes tells nobody
                    await asyncio.sleep(0.01)
                return given
        except TimeoutError:
            raise AssertionError(f"{what}: {self.items!r} {self.host.states!r}") from None

    async def said(self, number: int = 0) -> omnigate.InboundMessage:
        """Return a message of a customer once it is stored."""
        return await self.item(omnigate.InboundMessage, number)

    async def item(self, kind: type[T], number: int = 0) -> T:
        """Return an item of a kind once it is stored."""

        def found() -> T | None:
            known = [one for one in self.items if isinstance(one, kind)]
            return known[number] if len(known) > number else None

        given = await self.until(found, kind.__name__)
        assert given is not None
        return given

    def part(self, text: str | None = "Здравствуйте", **more: Any) -> omnigate.OutboundPart:
        """Return something to be sent to the customer."""
        fields: dict[str, Any] = {
            "id": "msg_00000000000000000000000001.0",
            "message": "msg_00000000000000000000000001",
            "index": 0,
            "parts": 1,
            "conversation": str(self.anna.id),
            "address": f"telegram:{self.anna.id}",
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
            "address": f"telegram:{self.anna.id}",
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


@asynccontextmanager
async def at_work(channel: omnigate.Channel) -> AsyncIterator[None]:
    """Run a channel until the block ends."""
    work = asyncio.create_task(channel.run())
    try:
        yield
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


@asynccontextmanager
async def open_shop(
    mode: str = "poll",
    *,
    telegram: TelegramEmulator | None = None,
    bot: Bot | None = None,
    store: MemoryStore | None = None,
    running: bool = True,
    **config: Any,
) -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        if telegram is None:
            telegram = await stack.enter_async_context(TelegramEmulator(local=mode == "webhook"))
        bot = bot or telegram.add_bot()
        host = await stack.enter_async_context(FakeHost("bot", kind="telegram", store=store))
        section = Telegram.Config.model_validate(
            {
                "token": bot.token,
                "mode": mode,
                "api_url": telegram.url,
                "allow_private": list(LOOPBACK),
                "poll_seconds": 1,
                **config,
            }
        )
        channel = Telegram(section, host)
        if mode == "webhook":
            address = await stack.enter_async_context(serve(channel, host))
            host.public_url = lambda path="": f"{address}/{path}" if path else address  # type: ignore[method-assign]
        if running:
            await stack.enter_async_context(at_work(channel))
        yield Shop(telegram, bot, host, channel, telegram.person("Анна", username="anna"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["poll", "webhook"])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """A bot that takes updates, once by poll and once by webhook."""
    async with open_shop(request.param) as opened:
        if request.param == "webhook":
            await opened.until(lambda: opened.bot.made("setWebhook"), "a webhook")
        yield opened


@pytest.fixture
async def desk() -> AsyncIterator[Shop]:
    """A bot that sends only."""
    async with open_shop(running=False) as opened:
        await opened.anna.starts(opened.bot)
        yield opened


def texts(items: Sequence[Any]) -> list[str | None]:
    return [one.text for one in items if isinstance(one, omnigate.InboundMessage)]
