"""Bots Long Poll: the numbers, the key, the failures, and a client of others that gets through."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from vkbottle import API, BotPolling

from omnigate.emulators.vk import Community, Person, VkEmulator
from tests.emulators.clock import Clock
from tests.emulators.vk.conftest import Ask

pytestmark = pytest.mark.anyio


async def check(
    http: aiohttp.ClientSession, session: dict[str, str], **more: str
) -> dict[str, Any]:
    query = {"act": "a_check", "key": session["key"], "ts": session["ts"], "wait": "25", **more}
    async with http.get(session["server"], params=query) as response:
        body: dict[str, Any] = await response.json()
        return body


async def test_what_came_before_the_call_is_answered_at_once_and_again_until_ts_moves(
    shop: Community, anna: Person, session: dict[str, str], http: aiohttp.ClientSession
):
    for number in range(3):
        await anna.writes(shop, str(number))
    first = await check(http, session)
    assert isinstance(first["ts"], str)
    assert int(first["ts"]) == int(session["ts"]) + 3
    assert await check(http, session) == first
    await anna.writes(shop, "3")
    (last,) = (await check(http, session, ts=first["ts"]))["updates"]
    assert last["object"]["message"]["text"] == "3"


async def test_a_call_waits_for_an_event(
    vk: VkEmulator,
    shop: Community,
    anna: Person,
    session: dict[str, str],
    http: aiohttp.ClientSession,
):
    waiting = asyncio.create_task(check(http, session, wait="90"))
    await anna.writes(shop, "Hello")
    (update,) = (await waiting)["updates"]
    assert update["object"]["message"]["text"] == "Hello"


async def test_a_wait_without_an_event_ends_with_the_same_ts(
    session: dict[str, str], http: aiohttp.ClientSession
):
    assert await check(http, session, wait="1") == {"ts": session["ts"], "updates": []}


async def test_at_most_a_hundred_updates_come_at_once(
    shop: Community, anna: Person, session: dict[str, str], http: aiohttp.ClientSession
):
    for number in range(150):
        await anna.writes(shop, str(number))
    first = await check(http, session)
    second = await check(http, session, ts=first["ts"])
    assert [len(first["updates"]), len(second["updates"])] == [100, 50]


async def test_a_history_that_is_gone_is_failure_1_with_a_number(
    shop: Community, anna: Person, session: dict[str, str], http: aiohttp.ClientSession
):
    shop.long_poll.history_limit = 2
    for number in range(4):
        await anna.writes(shop, str(number))
    body = await check(http, session)
    assert body == {"failed": 1, "ts": shop.long_poll.ts}
    assert isinstance(body["ts"], int)
    assert await check(http, session, ts=str(body["ts"]), wait="1") == {
        "ts": str(body["ts"]),
        "updates": [],
    }
    assert (await check(http, session, ts="99999999"))["failed"] == 1
    assert (await check(http, session, ts="soon"))["failed"] == 1


async def test_an_expired_key_is_failure_2_and_the_ts_stays_good(
    shop: Community,
    anna: Person,
    session: dict[str, str],
    ask: Ask,
    http: aiohttp.ClientSession,
    clock: Clock,
):
    assert await check(http, session, key="0" * 40) == {"failed": 2}
    await anna.writes(shop, "Hello")
    clock.now += shop.long_poll.key_seconds + 1
    assert await check(http, session) == {"failed": 2}
    new = (await ask("groups.getLongPollServer", group_id=shop.id))["response"]
    assert new["key"] != session["key"]
    assert len((await check(http, new, ts=session["ts"]))["updates"]) == 1


async def test_lost_information_is_failure_3_and_needs_both_anew(
    shop: Community, anna: Person, session: dict[str, str], ask: Ask, http: aiohttp.ClientSession
):
    shop.long_poll.lose_history()
    assert await check(http, session) == {"failed": 3}
    assert await check(http, session) == {"failed": 3}
    new = (await ask("groups.getLongPollServer", group_id=shop.id))["response"]
    assert (await check(http, new, ts=session["ts"]))["failed"] == 1
    await anna.writes(shop, "Hello")
    assert len((await check(http, new))["updates"]) == 1


@pytest.mark.parametrize("code", [1, 2, 3, 4])
async def test_a_scripted_failure_comes_to_a_call_that_waits(
    code: int, shop: Community, session: dict[str, str], http: aiohttp.ClientSession
):
    waiting = asyncio.create_task(check(http, session, wait="90"))
    await asyncio.sleep(0)
    shop.long_poll.fail(code)
    assert (await waiting)["failed"] == code


async def test_the_loop_of_vkbottle_gets_through_every_failure(
    vk: VkEmulator,
    shop: Community,
    anna: Person,
    session: dict[str, str],
    api: API,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)  # it keeps its place in a file there
    polling = BotPolling(api, group_id=shop.id, wait=25)
    got: list[str] = []

    async def collect() -> None:
        async for batch in polling.listen():
            got.extend(one["object"]["message"]["text"] for one in batch["updates"])
            vk.world.bell.ring()

    loop = asyncio.create_task(collect())
    try:
        for sessions, code in ((2, None), (2, 1), (3, 2), (4, 3)):
            if code is not None:
                shop.long_poll.fail(code)
            await vk.wait_for(lambda: not shop.long_poll.failing)
            await _opened(vk, sessions)
            await anna.writes(shop, f"after {code}")
            await _heard(vk, got, f"after {code}")
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
    assert got == ["after None", "after 1", "after 2", "after 3"]


async def _opened(vk: VkEmulator, sessions: int) -> None:
    await vk.wait_for(lambda: len(vk.calls_of("groups.getLongPollServer")) == sessions)


async def _heard(vk: VkEmulator, got: list[str], text: str) -> None:
    await vk.wait_for(lambda: text in got)


async def test_a_silent_platform_answers_nothing_at_all(
    shop: Community, anna: Person, session: dict[str, str], http: aiohttp.ClientSession
):
    shop.long_poll.silent = True
    waiting = asyncio.create_task(check(http, session, wait="1"))
    await anna.writes(shop, "Unheard")
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    waiting.cancel()
    shop.long_poll.silent = False
    assert len((await check(http, session))["updates"]) == 1


async def test_what_was_not_asked_for_has_no_number(
    shop: Community, anna: Person, session: dict[str, str], http: aiohttp.ClientSession
):
    await anna.joins(shop)
    assert str(shop.long_poll.ts) == session["ts"]


async def test_any_other_address_is_not_found(
    vk: VkEmulator, session: dict[str, str], http: aiohttp.ClientSession
):
    for url in (f"{vk.url}/wh1?act=a_check", session["server"], f"{vk.url}/whx?act=a_check"):
        async with http.get(url) as response:
            assert response.status == 404
