"""Updates reach a webhook in order, again and again until accepted, with the secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiogram
import pytest
from aiogram.types import Update
from aiohttp import web

from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from omnigate.emulators.telegram.pace import Pace
from omnigate.testing.receiver import LoopbackReceiver
from tests.emulators.clock import Clock
from tests.emulators.telegram.conftest import SHOP, Ask, asking

pytestmark = pytest.mark.anyio

SECRET = "s3cret_-"


def _bodies(hook: LoopbackReceiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in hook.requests]


def _texts(hook: LoopbackReceiver) -> list[str]:
    return [body["message"]["text"] for body in _bodies(hook)]


async def _delivered(bot: Bot, seconds: float = 10.0) -> None:
    await bot.updates.changes.wait_until(lambda: not len(bot.updates), seconds)


@pytest.fixture
async def webhook(client: aiogram.Bot, hook: LoopbackReceiver, anna: Person) -> LoopbackReceiver:
    await client.set_webhook(f"{SHOP}/hook", secret_token=SECRET)
    return hook


async def test_update_comes_with_the_secret_as_one_json_body(
    webhook: LoopbackReceiver, bot: Bot, anna: Person
) -> None:
    await anna.writes(bot, "привет")
    (request,) = await webhook.wait_for(1)

    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["X-Telegram-Bot-Api-Secret-Token"] == SECRET
    assert request.headers["Content-Type"] == "application/json"
    message = Update.model_validate_json(request.body).message
    assert message is not None
    assert message.text == "привет"


async def test_what_waited_is_delivered_when_a_webhook_is_set(
    client: aiogram.Bot, hook: LoopbackReceiver, bot: Bot, anna: Person
) -> None:
    await anna.writes(bot, "раз")
    await anna.writes(bot, "два")
    await client.set_webhook(f"{SHOP}/hook")
    await _delivered(bot)

    assert _texts(hook) == ["раз", "два"]


async def test_dropped_updates_are_not_delivered(
    client: aiogram.Bot, hook: LoopbackReceiver, bot: Bot, anna: Person
) -> None:
    await anna.writes(bot, "раз")
    await client.set_webhook(f"{SHOP}/hook", drop_pending_updates=True)
    await anna.writes(bot, "два")
    await _delivered(bot)

    assert _texts(hook) == ["два"]


async def test_failing_update_holds_back_its_chat_and_no_other(
    webhook: LoopbackReceiver, telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    boris = telegram.person("Борис")
    accepting = False

    async def answer(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        chat = body["message"]["chat"]["id"]
        return web.Response(status=200 if accepting or chat == boris.id else 500)

    webhook.answer_with(answer)
    for text in ("а1", "а2", "а3"):
        await anna.writes(bot, text)
    await boris.writes(bot, "б1")
    await webhook.wait_for(5)
    while_failing = set(_texts(webhook))
    accepting = True
    await _delivered(bot)

    assert while_failing == {"а1", "б1"}
    after = [text for text in _texts(webhook) if text != "а1"]
    assert after == ["б1", "а2", "а3"]


async def test_retries_come_at_once_and_then_ever_later(
    webhook: LoopbackReceiver,
    telegram: TelegramEmulator,
    bot: Bot,
    anna: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = _noting_waits(monkeypatch)
    webhook.answer(500)
    await anna.writes(bot, "привет")
    await webhook.wait_for(10)
    webhook.answer(200)
    await _delivered(bot)

    assert waits[:7] == [0, 2, 4, 8, 16, 32, 64] or waits[6] >= 60
    assert waits[:6] == [0, 2, 4, 8, 16, 32]
    assert all(60 <= wait <= 120 for wait in waits[6:9])


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("99999", 3600), ("soon", 0)])
async def test_retry_after_is_followed_up_to_an_hour(
    asked, waited, webhook: LoopbackReceiver, bot: Bot, anna: Person, monkeypatch
) -> None:
    waits = _noting_waits(monkeypatch, shortened=True)
    webhook.answer(503, headers={"Retry-After": asked})
    await anna.writes(bot, "привет")
    await webhook.wait_for(1)
    webhook.answer(200)
    await _delivered(bot)

    assert waits[0] == waited


async def test_what_cannot_be_delivered_in_a_day_is_given_up(
    webhook: LoopbackReceiver, bot: Bot, anna: Person, clock: Clock
) -> None:
    async def answer(request: web.Request) -> web.Response:
        clock.now += 13 * 3600
        return web.Response(status=500)

    webhook.answer_with(answer)
    await anna.writes(bot, "привет")
    await _delivered(bot)

    assert len(webhook.requests) == 2


async def test_receiver_that_is_gone_for_23_hours_loses_the_webhook(
    webhook: LoopbackReceiver,
    telegram: TelegramEmulator,
    client: aiogram.Bot,
    bot: Bot,
    anna: Person,
    clock: Clock,
) -> None:
    async def answer(request: web.Request) -> web.Response:
        clock.now += 12 * 3600
        return web.Response(status=410)

    webhook.answer_with(answer)
    await anna.writes(bot, "раз")
    await _delivered(bot)
    clock.now += 12 * 3600
    webhook.answer(410)
    await anna.writes(bot, "два")
    receiver = telegram.receiver(bot)

    await telegram.world.changes.wait_until(lambda: receiver.sender is None, 10)
    assert (await client.get_webhook_info()).url == ""


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_errors_are_told_in_the_webhooks_info(
    status, webhook: LoopbackReceiver, client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    webhook.answer(status, headers={"Location": "http://127.0.0.1:9/"})
    await anna.writes(bot, "привет")
    await webhook.wait_for(2)
    info = await client.get_webhook_info()

    assert info.pending_update_count == 1
    assert info.last_error_date is not None
    assert info.last_error_message is not None
    assert info.last_error_message.startswith(f"Wrong response from the webhook: {status} ")
    assert all(request.path == "/hook" for request in webhook.requests), "no redirect is followed"


async def test_lost_answer_brings_the_update_twice(
    webhook: LoopbackReceiver, telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(method="webhook", cut="after")
    await anna.writes(bot, "привет")
    await _delivered(bot)

    assert _texts(webhook) == ["привет", "привет"]
    assert len({body["update_id"] for body in _bodies(webhook)}) == 1


async def test_half_a_body_comes_before_the_whole_one(
    webhook: LoopbackReceiver, telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(method="webhook", body=b'{"update_id": 1, "mess')
    await anna.writes(bot, "привет")
    await _delivered(bot)

    assert webhook.requests[0].body == b'{"update_id": 1, "mess'
    assert json.loads(webhook.requests[1].body)["message"]["text"] == "привет"


async def test_call_inside_the_answer_is_executed(
    webhook: LoopbackReceiver, bot: Bot, anna: Person
) -> None:
    call = {"method": "sendMessage", "chat_id": anna.id, "text": "из ответа"}
    webhook.answer(200, json.dumps(call).encode(), {"content-type": "application/json"})
    await anna.writes(bot, "привет")

    assert (await anna.chat(bot).wait_for_text("из ответа")).from_bot


async def test_webhook_that_changes_too_fast_is_slowed_down(
    anyio_backend: str, clock: Clock
) -> None:
    async with TelegramEmulator(clock=clock) as telegram:
        bot = telegram.add_bot()
        telegram.internet.route(SHOP, "http://127.0.0.1:9")
        async with asking(telegram, bot.token) as ask:
            first = await ask("setWebhook", url=f"{SHOP}/a")
            second = await ask("setWebhook", url=f"{SHOP}/b")

    assert first == (200, {"ok": True, "result": True, "description": "Webhook was set"})
    assert second[0] == 429
    assert second[1]["parameters"] == {"retry_after": 1}


async def test_refused_webhook_leaves_none(ask: Ask, webhook: LoopbackReceiver) -> None:
    """As on the platform: the old one is gone before the new one is looked at."""
    async with asyncio.timeout(10):
        while True:
            status, body = await ask("setWebhook", url="http://shop.example/hook")
            if status == 400:
                break
    _, info = await ask("getWebhookInfo")

    assert "HTTPS URL must be provided" in body["description"]
    assert info["result"]["url"] == ""


async def test_local_server_delivers_over_plain_http_to_any_port(
    anyio_backend: str, hook: LoopbackReceiver
) -> None:
    async with TelegramEmulator(local=True) as telegram:
        bot = telegram.add_bot()
        async with asking(telegram, bot.token) as ask:
            status, _ = await ask("setWebhook", url=hook.url)
        await telegram.person().writes(bot, "привет")
        await _delivered(bot)

    assert status == 200
    assert _texts(hook) == ["привет"]


def _noting_waits(monkeypatch: pytest.MonkeyPatch, *, shortened: bool = False) -> list[float]:
    """Note how long the sender waits between attempts, in the platform's seconds."""
    waits: list[float] = []
    real: Callable[..., float] = Pace.real

    async def sleep(self: Pace, seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0 if shortened else real(self, seconds) / 1000)

    monkeypatch.setattr(Pace, "sleep", sleep)
    return waits
