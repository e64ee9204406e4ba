"""Updates are numbered, kept for a day and given until confirmed; two pollers get in each other's way."""

from __future__ import annotations

import asyncio

import aiogram
import pytest
from aiogram.exceptions import TelegramConflictError
from aiogram.types import Update

from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from tests.emulators.clock import Clock
from tests.emulators.telegram.conftest import SHOP, Ask, asking
from tests.seeds import draw_seed

pytestmark = pytest.mark.anyio

DAY = 24 * 3600.0


def _texts(updates: list[Update]) -> list[str | None]:
    return [update.message.text for update in updates if update.message is not None]


async def test_updates_come_again_until_confirmed(
    client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    for text in ("раз", "два", "три"):
        await anna.writes(bot, text)

    first = await client.get_updates(limit=2)
    again = await client.get_updates(limit=2, timeout=1)
    rest = await client.get_updates(offset=first[-1].update_id + 1)
    none = await client.get_updates(offset=rest[-1].update_id + 1)

    assert _texts(first) == ["раз", "два"]
    assert _texts(again)[:1] == ["раз"]
    assert _texts(rest) == ["три"]
    assert none == []
    assert [update.update_id for update in first + rest] == list(
        range(first[0].update_id, first[0].update_id + 3)
    )


async def test_who_asks_the_same_at_once_gets_one(anyio_backend: str) -> None:
    async with TelegramEmulator(speed=0.01) as telegram:
        bot = telegram.add_bot()
        anna = telegram.person()
        await anna.writes(bot, "раз")
        await anna.writes(bot, "два")
        async with asking(telegram, bot.token) as ask:
            said = [await ask("getUpdates", limit=50) for _ in range(2)]

    assert [len(body["result"]) for _, body in said] == [2, 1]


async def test_negative_offset_keeps_only_the_last(
    client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    for number in range(5):
        await anna.writes(bot, str(number))

    assert _texts(await client.get_updates(offset=-2)) == ["3", "4"]
    assert len(bot.updates) == 2


async def test_offset_from_the_future_forgets_nothing(
    client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    """A bot that kept an offset from before ids began anew still hears everything."""
    await anna.writes(bot, "раз")

    assert _texts(await client.get_updates(offset=bot.updates.next_id + 1000)) == ["раз"]


async def test_long_poll_returns_when_something_happens(
    client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    polling = asyncio.create_task(client.get_updates(timeout=50))
    await asyncio.sleep(0)
    await anna.writes(bot, "привет")

    assert _texts(await asyncio.wait_for(polling, 5)) == ["привет"]


async def test_empty_long_poll_ends_in_its_time(client: aiogram.Bot, anna: Person) -> None:
    assert await asyncio.wait_for(client.get_updates(timeout=50), 10) == []


async def test_second_poller_ends_the_first(
    client: aiogram.Bot, bot: Bot, anna: Person, telegram: TelegramEmulator
) -> None:
    first = asyncio.create_task(client.get_updates(timeout=50))
    await telegram.world.changes.wait_until(lambda: telegram.receiver(bot).polling, 10)
    second = asyncio.create_task(client.get_updates(offset=-1, timeout=50))

    try:
        with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request"):
            await first
        await anna.writes(bot, "кому?")
        assert _texts(await second) == ["кому?"]
    finally:
        second.cancel()


async def test_webhook_ends_a_poll_and_forbids_the_next(
    client: aiogram.Bot, bot: Bot, telegram: TelegramEmulator, hook
) -> None:
    polling = asyncio.create_task(client.get_updates(timeout=50))
    await telegram.world.changes.wait_until(lambda: telegram.receiver(bot).polling, 10)
    await client.set_webhook(f"{SHOP}/hook")

    with pytest.raises(TelegramConflictError, match="terminated by setWebhook request"):
        await polling
    for _ in range(2):  # the second comes three of the platform's seconds late
        with pytest.raises(TelegramConflictError, match="can't use getUpdates method while"):
            await client.get_updates()


async def test_kinds_that_nobody_asked_for_are_not_kept(
    client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    async def heard() -> list[str]:
        message = await anna.writes(bot, "1")
        await anna.reacts(message, "👍")
        kinds = [update.kind for update in bot.updates.pending]
        bot.updates.clear()
        return kinds

    by_default = await heard()
    await client.get_updates(allowed_updates=["message_reaction"])
    asked = await heard()
    await client.get_updates()
    kept = await heard()
    await client.get_updates(allowed_updates=[])
    reset = await heard()

    assert by_default == reset == ["message"]
    assert asked == kept == ["message_reaction"], "no list changes nothing"


async def test_what_is_a_day_old_is_never_offered(
    client: aiogram.Bot, bot: Bot, anna: Person, clock: Clock
) -> None:
    await anna.writes(bot, "старое")
    clock.now += DAY + 1
    await anna.writes(bot, "новое")

    assert _texts(await client.get_updates()) == ["новое"]


async def test_after_a_quiet_week_ids_begin_anywhere(bot: Bot, anna: Person, clock: Clock) -> None:
    await anna.writes(bot, "до")
    before = bot.updates.next_id
    bot.updates.clear()
    clock.now += 7 * DAY + 1
    await anna.writes(bot, "после")

    assert bot.updates.pending[0].id != before


async def test_held_updates_come_in_any_order(client: aiogram.Bot, bot: Bot, anna: Person) -> None:
    bot.updates.hold()
    for number in range(4):
        await anna.writes(bot, str(number))
    held = await client.get_updates(offset=1)
    bot.updates.release(reversed)
    shuffled = await client.get_updates(offset=2)

    assert held == []
    assert _texts(shuffled) == ["3", "2", "1", "0"]
    ids = [update.update_id for update in shuffled]
    assert ids == sorted(ids, reverse=True)
    assert await client.get_updates(offset=max(ids) + 1) == []


async def test_repeated_update_is_the_same_update(
    client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    await anna.writes(bot, "раз")
    bot.updates.repeat(bot.updates.pending[0])

    first, second = await client.get_updates()

    assert first == second


async def test_seed_makes_everything_the_same(anyio_backend: str) -> None:
    async def told(seed: int) -> list[object]:
        async with TelegramEmulator(seed=seed, clock=lambda: 1e9) as telegram:
            bot = telegram.add_bot()
            await telegram.person("Анна").sends(bot, "photo")
            return [bot.token, *(update.body for update in bot.updates.past)]

    seed = draw_seed()
    assert await told(seed) == await told(seed), f"seed {seed}"
    assert await told(seed) != await told(seed + 1), f"seed {seed}"


async def test_unknown_and_wrong_updates_pass_as_they_are(ask: Ask, bot: Bot) -> None:
    bot.updates.inject({"telepathic_message": {"text": "привет"}})
    bot.updates.inject({"update_id": "x", "message": None})

    _, body = await ask("getUpdates")

    assert body["result"][0]["telepathic_message"] == {"text": "привет"}
    assert body["result"][1] == {"update_id": "x", "message": None}


async def test_burst_of_ten_thousand_is_heard_whole_and_in_order(
    anyio_backend: str, bot: Bot, telegram: TelegramEmulator
) -> None:
    people = [telegram.person(f"Гость {number}") for number in range(50)]
    for number in range(10_000):
        await people[number % 50].writes(bot, str(number))
    heard: list[str] = []
    offset = 1
    async with asking(telegram, bot.token) as ask:
        while len(bot.updates):
            _, body = await ask("getUpdates", offset=offset)
            heard += [update["message"]["text"] for update in body["result"]]
            offset = body["result"][-1]["update_id"] + 1 if body["result"] else offset

    assert heard == [str(number) for number in range(10_000)]
