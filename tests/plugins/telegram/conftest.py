"""A bot of Omnigate's, the emulated platform it talks to, and a customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from omnigate_telegram import Telegram

from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from omnigate.testing import FakeHost, MemoryStore, serve
from omnigate.testing.hosts import LOOPBACK
from tests.plugins.atwork import ShopAtWork, at_work


@dataclass
class Shop(ShopAtWork):
    """A channel at work, and both sides of it."""

    scheme = "telegram"

    telegram: TelegramEmulator
    bot: Bot
    host: FakeHost
    channel: Telegram
    anna: Person


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
            host.address = address
        if running:
            await stack.enter_async_context(at_work(channel))
        yield Shop(telegram, bot, host, channel, telegram.person("Анна", username="anna"))


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
