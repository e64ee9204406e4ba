"""The checks of this folder are red where a part of the emulator is broken on purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiogram
import aiohttp
import pytest
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from omnigate.emulators.telegram import (
    Bot,
    Person,
    TelegramEmulator,
    access,
    delivery,
    files,
    webhook,
)
from omnigate.emulators.telegram.files import FileRef, FileStore
from omnigate.emulators.telegram.methods import editing, sending
from omnigate.emulators.telegram.model import User
from omnigate.emulators.telegram.receiver import Receiver
from omnigate.emulators.telegram.updates import Update, UpdateQueue
from omnigate.emulators.telegram.webhook import WebhookSender
from omnigate.testing.receiver import LoopbackReceiver, loopback_receiver
from tests.emulators.clock import Clock
from tests.emulators.telegram import (
    test_client,
    test_faults,
    test_files,
    test_people,
    test_refusals,
    test_updates,
    test_webhook,
)
from tests.emulators.telegram.conftest import SHOP, Ask, asking

pytestmark = pytest.mark.anyio


@dataclass
class Stage:
    """What the checks get from fixtures."""

    telegram: TelegramEmulator
    bot: Bot
    anna: Person
    ask: Ask
    client: aiogram.Bot
    hook: LoopbackReceiver
    clock: Clock


Break = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[Stage], Awaitable[None]]


def _replaced(owner: Any, name: str, part: Any) -> Break:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, part)


def _forgetful(self: UpdateQueue, offset: int, limit: int) -> list[Update]:
    updates = self.pending[:limit]
    self.clear()
    return updates


def _eternal(self: UpdateQueue) -> None:
    return None


async def _give_up(self: WebhookSender, update: Update) -> None:
    await self._post(update)


def _one_queue_each(self: WebhookSender, delivery: int, update: Update) -> None:
    real = WebhookSender.__dict__["_enqueue_as_it_was"]
    real(self, delivery, Update(update.id, update.kind, update.body, -update.id, update.expires_at))


def _any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WebhookSender, "_enqueue_as_it_was", WebhookSender._enqueue, raising=False)
    monkeypatch.setattr(WebhookSender, "_enqueue", _one_queue_each)


def _one_id_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    real = FileStore.describe

    def describe(self: FileStore, reference: FileRef, bot_id: int) -> dict[str, Any]:
        return real(self, reference, 0)

    monkeypatch.setattr(FileStore, "describe", describe)


def _nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    real = User.as_json
    gone = "is_bot"
    monkeypatch.setattr(
        User,
        "as_json",
        lambda self: {name: value for name, value in real(self).items() if name != gone},
    )


def _never_refused(chat: Any, bot: Bot, write: bool) -> Any:
    return chat


async def _pretend(self: TelegramEmulator, *_: object) -> tuple[int, dict[str, Any]]:
    return 200, {"ok": True, "result": True}


BROKEN: dict[str, tuple[Break, Check]] = {
    "updates are forgotten before they are confirmed": (
        _replaced(UpdateQueue, "get", _forgetful),
        lambda s: test_updates.test_updates_come_again_until_confirmed(s.client, s.bot, s.anna),
    ),
    "updates live for ever": (
        _replaced(UpdateQueue, "_expire", _eternal),
        lambda s: test_updates.test_what_is_a_day_old_is_never_offered(
            s.client, s.bot, s.anna, s.clock
        ),
    ),
    "a second poller is let in": (
        _replaced(Receiver, "_end_poll", lambda self, words: None),
        lambda s: test_updates.test_second_poller_ends_the_first(
            s.client, s.bot, s.anna, s.telegram
        ),
    ),
    "a webhook is tried once": (
        _replaced(WebhookSender, "_deliver", _give_up),
        lambda s: _with_webhook(
            s,
            lambda: test_webhook.test_failing_update_holds_back_its_chat_and_no_other(
                s.hook, s.telegram, s.bot, s.anna
            ),
        ),
    ),
    "a chat's updates overtake each other": (
        _any_order,
        lambda s: _with_webhook(
            s,
            lambda: test_webhook.test_failing_update_holds_back_its_chat_and_no_other(
                s.hook, s.telegram, s.bot, s.anna
            ),
        ),
    ),
    "the secret is not sent": (
        _replaced(webhook, "SECRET_HEADER", "X-Other"),
        lambda s: _with_webhook(
            s,
            lambda: test_webhook.test_update_comes_with_the_secret_as_one_json_body(
                s.hook, s.bot, s.anna
            ),
        ),
    ),
    "a file has one id for all bots": (
        _one_id_for_all,
        lambda s: test_files.test_ids_are_of_one_bot_and_the_file_is_of_all(
            s.telegram, s.ask, s.bot, s.anna
        ),
    ),
    "a path is good for ever": (
        _replaced(files, "FILE_PATH_SECONDS", 10**9),
        lambda s: test_files.test_path_is_good_for_an_hour_and_then_another_is(
            s.telegram, s.ask, s.bot, s.anna, s.clock
        ),
    ),
    "a user lacks a field": (
        _nameless,
        lambda s: test_client.test_sending_on(s.client, s.bot, s.anna),
    ),
    "whoever left is written to": (
        _replaced(access, "_checked", _never_refused),
        lambda s: test_refusals.test_bot_that_is_blocked_or_unknown_is_told_apart(
            s.telegram, s.ask, s.bot, s.anna
        ),
    ),
    "privacy mode hides nothing": (
        _replaced(delivery, "_reads", lambda bot, message: True),
        lambda s: test_people.test_privacy_mode_shows_commands_replies_and_service_messages(
            s.telegram, s.bot, s.anna
        ),
    ),
    "nothing is ever too old to delete": (
        _replaced(editing, "DELETE_SECONDS", 10**9),
        lambda s: test_refusals.test_after_48_hours_nothing_is_deleted(
            s.ask, s.bot, s.anna, s.clock
        ),
    ),
    "typing never fades": (
        _replaced(sending, "CHAT_ACTION_SECONDS", 10**9),
        lambda s: test_client.test_typing_fades(s.client, s.bot, s.anna, s.clock),
    ),
    "an accepted call has no effect": (
        _replaced(TelegramEmulator, "_answer", _pretend),
        lambda s: test_faults.test_lost_answers_have_their_effect_or_have_none(
            {"cut": "after"}, aiohttp.ClientError, 1, s.telegram, s.bot, s.anna
        ),
    ),
}


async def _with_webhook(stage: Stage, check: Callable[[], Awaitable[None]]) -> None:
    await stage.client.set_webhook(f"{SHOP}/hook", secret_token=test_webhook.SECRET)
    await check()


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    clock = Clock()
    async with (
        TelegramEmulator(clock=clock, speed=100) as telegram,
        loopback_receiver() as hook,
    ):
        telegram.internet.route(SHOP, hook.url.removesuffix("/hook"))
        bot = telegram.add_bot("shop_bot")
        server = TelegramAPIServer.from_base(telegram.url)
        client = aiogram.Bot(bot.token, session=AiohttpSession(api=server))
        anna = telegram.person("Анна", username="anna")
        await anna.starts(bot)
        bot.updates.clear()
        async with asking(telegram, bot.token) as ask:
            yield Stage(telegram, bot, anna, ask, client, hook, clock)
        await client.session.close()


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_part_is_found_out(
    name: str, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same check passes on the whole emulator, so it is the break that it finds."""
    break_it, check = BROKEN[name]
    async with _stage() as stage:
        await check(stage)
    async with _stage() as stage:
        break_it(monkeypatch)
        with pytest.raises((Exception, pytest.fail.Exception)):
            await check(stage)
