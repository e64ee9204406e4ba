"""A Telegram of one's own per test: a bot, a customer, and two ways to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiogram
import aiohttp
import pytest
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from omnigate.testing.receiver import LoopbackReceiver, loopback_receiver
from tests.emulators.clock import Clock

Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]
SHOP = "https://shop.example:8443"


@pytest.fixture
async def telegram(anyio_backend: str, clock: Clock) -> AsyncIterator[TelegramEmulator]:
    async with TelegramEmulator(clock=clock, speed=100) as emulator:
        yield emulator


@pytest.fixture
def bot(telegram: TelegramEmulator) -> Bot:
    return telegram.add_bot("shop_bot")


@pytest.fixture
async def anna(telegram: TelegramEmulator, bot: Bot) -> Person:
    """A customer who has pressed Start; the bot has heard of it already."""
    person = telegram.person("Анна", username="anna", language_code="ru")
    await person.starts(bot)
    bot.updates.clear()
    return person


@asynccontextmanager
async def asking(telegram: TelegramEmulator, token: str) -> AsyncIterator[Ask]:
    """Give a function that calls methods with plain JSON, without any client's help."""
    async with aiohttp.ClientSession() as session:

        async def ask(method: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
            url = f"{telegram.url}/bot{token}/{method}"
            async with session.post(url, json=arguments) as answer:
                return answer.status, await answer.json()

        yield ask


@pytest.fixture
async def ask(telegram: TelegramEmulator, bot: Bot) -> AsyncIterator[Ask]:
    async with asking(telegram, bot.token) as function:
        yield function


@pytest.fixture
async def client(telegram: TelegramEmulator, bot: Bot) -> AsyncIterator[aiogram.Bot]:
    """The independent judge: a well-kept client library, which parses every answer."""
    server = TelegramAPIServer.from_base(telegram.url)
    made = aiogram.Bot(bot.token, session=AiohttpSession(api=server))
    yield made
    await made.session.close()


@pytest.fixture
async def hook(telegram: TelegramEmulator) -> AsyncIterator[LoopbackReceiver]:
    """A place on this machine that the internet knows as the shop."""
    async with loopback_receiver() as receiver:
        telegram.internet.route(SHOP, receiver.url.removesuffix("/hook"))
        yield receiver
