"""Faults to order: what fails has its effect or has none, exactly as was asked for."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest

from omnigate.emulators.telegram import Bot, Person, Rates, TelegramEmulator
from tests.emulators.clock import Clock
from tests.emulators.telegram.conftest import Ask, asking

pytestmark = pytest.mark.anyio


async def _send(telegram: TelegramEmulator, bot: Bot, chat: int, seconds: float = 5.0) -> bytes:
    """Send a message as a client that waits only so long."""
    url = f"{telegram.url}/bot{bot.token}/sendMessage"
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, json={"chat_id": chat, "text": "привет"}) as answer,
    ):
        return await answer.read()


@pytest.mark.parametrize(
    ("fault", "error", "effect"),
    [
        ({"hang": "before"}, TimeoutError, 0),
        ({"hang": "after"}, TimeoutError, 1),
        ({"cut": "before"}, aiohttp.ClientError, 0),
        ({"cut": "after"}, aiohttp.ClientError, 1),
    ],
    ids=["no answer", "accepted, no answer", "cut", "accepted and cut"],
)
async def test_lost_answers_have_their_effect_or_have_none(
    fault, error, effect, telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(method="sendMessage", **fault)

    with pytest.raises(error):
        await _send(telegram, bot, anna.id, seconds=0.3)

    assert len(anna.chat(bot).received) == effect
    assert [call.status for call in bot.made("sendMessage")] == [None]
    await _send(telegram, bot, anna.id)
    assert len(anna.chat(bot).received) == effect + 1, "the fault is spent"


async def test_answer_that_is_half_a_json_text_comes_after_the_effect(
    telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(method="sendMessage", body=b'{"ok": tr')

    assert await _send(telegram, bot, anna.id) == b'{"ok": tr'
    assert len(anna.chat(bot).received) == 1


async def test_machine_in_between_answers_with_a_page(
    telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(status=502)

    assert b"<h1>502</h1>" in await _send(telegram, bot, anna.id)
    assert anna.chat(bot).received == []


async def test_slow_call_is_slow_and_takes_effect(
    telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(method="sendMessage", delay_seconds=0.2)
    before = time.monotonic()

    assert json.loads(await _send(telegram, bot, anna.id))["ok"]
    assert time.monotonic() - before >= 0.2


async def test_flood_names_its_seconds_in_body_and_header(
    telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(error=429, retry_after=7)
    url = f"{telegram.url}/bot{bot.token}/sendMessage"
    async with aiohttp.ClientSession() as session, session.post(url) as answer:
        body = await answer.json()

    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert body == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 7",
        "parameters": {"retry_after": 7},
    }


async def test_fault_meets_its_chat_its_method_and_its_times(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person
) -> None:
    boris = telegram.person("Борис")
    await boris.starts(bot)
    telegram.faults.add(method="sendMessage", chat=anna.id, error=500, times=2)

    async def status(method: str, chat: int, **more: str) -> int:
        return (await ask(method, chat_id=chat, **more))[0]

    assert await status("sendMessage", boris.id, text="1") == 200
    assert await status("sendChatAction", anna.id, action="typing") == 200
    assert [await status("sendmessage", anna.id, text="1") for _ in range(3)] == [500, 500, 200]


async def test_calls_are_noted_with_arguments_time_and_answer(
    ask: Ask, bot: Bot, anna: Person, clock: Clock
) -> None:
    await ask("sendMessage", chat_id=anna.id, text="привет", disable_notification=True)
    await ask("sendMessage", chat_id=anna.id)
    good, bad = bot.made("sendMessage")

    assert good.arguments == {
        "chat_id": str(anna.id),
        "text": "привет",
        "disable_notification": "true",
    }
    assert (good.status, good.at, good.answer["ok"]) == (200, clock.now, True)
    assert (bad.status, bad.answer["description"]) == (400, "Bad Request: message text is empty")


async def test_rates_are_kept_where_a_test_wants_them(anyio_backend: str, clock: Clock) -> None:
    async with TelegramEmulator(clock=clock, rates=Rates(per_chat=(2, 3.0))) as telegram:
        bot = telegram.add_bot()
        anna = telegram.person()
        await anna.starts(bot)
        async with asking(telegram, bot.token) as ask:
            said = [await ask("sendMessage", chat_id=anna.id, text="1") for _ in range(3)]
            clock.now += 3
            said.append(await ask("sendMessage", chat_id=anna.id, text="1"))

    assert [status for status, _ in said] == [200, 200, 429, 200]
    assert said[2][1]["parameters"] == {"retry_after": 3}


async def test_nobody_who_hangs_holds_the_emulator_up(anyio_backend: str) -> None:
    async with TelegramEmulator() as telegram:
        bot = telegram.add_bot()
        telegram.faults.add(hang="before")
        hanging = asyncio.create_task(_send(telegram, bot, 1))
        await telegram.world.changes.wait_until(lambda: bot.calls, 5)
    with pytest.raises(aiohttp.ClientError):
        await hanging


def test_token_is_in_no_description_of_a_bot(bot: Bot, anna: Person) -> None:
    assert bot.token not in f"{bot!r} {anna.chat(bot).messages!r} {bot.chats!r}"
