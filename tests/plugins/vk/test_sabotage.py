"""The checks of this folder find what they are there for: each goes red against a broken part."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from omnigate_vk import Vk, sending
from omnigate_vk.afterwards import Afterwards
from omnigate_vk.marks import Marks
from omnigate_vk.polling import Poll
from omnigate_vk.servers import Servers
from omnigate_vk.standing import Standing

from tests.plugins import atwork

from . import test_events, test_receiving, test_refusals, test_sending
from .conftest import Front, Shop, open_shop

pytestmark = pytest.mark.anyio

Check = Callable[..., Awaitable[None]]


async def nothing(*arguments: Any, **more: Any) -> Any:
    return True


async def no_server(self: Servers) -> None:
    return None


def hear_nothing(self: Any, *arguments: Any) -> None:
    return None


def never_ours(self: Marks, *arguments: Any) -> bool:
    return False


def another_number(part_id: str) -> int:
    return random.randrange(1, 2**31)


@pytest.mark.parametrize(
    ("where", "name", "broken", "check"),
    [
        (
            Marks,
            "is_ours",
            never_ours,
            test_events.test_what_we_sent_ourselves_is_no_echo_not_even_before_the_answer_comes,
        ),
        (
            Marks,
            "is_ours",
            never_ours,
            test_events.test_our_own_edits_are_not_reported_and_an_administrators_are,
        ),
        (
            sending,
            "random_id",
            another_number,
            test_sending.test_what_was_not_answered_is_sent_again_and_shown_once,
        ),
        (
            sending,
            "random_id",
            another_number,
            test_sending.test_a_resend_after_a_restart_is_shown_once_too,
        ),
        (
            sending,
            "random_id",
            lambda part_id: 0,
            test_sending.test_what_was_not_answered_is_sent_again_and_shown_once,
        ),
        (
            sending,
            "_attached",
            lambda message: [],
            test_sending.test_edits_keep_the_files_that_stay,
        ),
        (
            Afterwards,
            "hear",
            hear_nothing,
            test_events.test_a_callback_button_is_reported_and_stops_spinning,
        ),
        (
            Afterwards,
            "hear",
            hear_nothing,
            test_events.test_a_message_that_came_cut_is_fetched_whole,
        ),
        (Afterwards, "hear", hear_nothing, test_events.test_typing_is_forwarded_and_not_stored),
        (
            Afterwards,
            "_meet_strangers",
            nothing,
            test_events.test_a_name_follows_once_and_again_when_it_changes,
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_broken_part_is_found(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, broken: Any, check: Check
) -> None:
    monkeypatch.setattr(atwork, "SECONDS", 1.5)
    monkeypatch.setattr(where, name, broken)
    more = {}
    if "monkeypatch" in check.__annotations__:
        more["monkeypatch"] = monkeypatch
    async with open_shop("poll") as shop:
        await shop.anna.starts(shop.community)
        await shop.said()
        shop.items.clear()
        with pytest.raises((AssertionError, IndexError)):
            await check(shop, **more)


async def test_a_poll_that_never_ends_is_found(
    monkeypatch: pytest.MonkeyPatch, front: Front
) -> None:
    monkeypatch.setattr(atwork, "SECONDS", 2.0)
    monkeypatch.setattr(Poll, "finish", nothing)
    with pytest.raises(AssertionError):
        await test_receiving.test_from_callback_to_poll_and_back_nothing_is_lost(front)


async def test_a_second_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atwork, "SECONDS", 2.0)
    monkeypatch.setattr(Servers, "ours", no_server)
    with pytest.raises(AssertionError):
        await test_receiving.test_a_second_server_is_never_made()


async def test_a_secret_that_is_not_compared_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vk, "authenticate", hear_nothing)
    with pytest.raises(AssertionError):
        await test_receiving.test_strangers_cannot_post_events()


async def test_a_watchdog_that_sleeps_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atwork, "SECONDS", 4.0)
    fetch = Poll._fetch

    async def patient(self: Poll, wait: str) -> int:
        self._api.poll = _patient(self._api.poll)  # type: ignore[method-assign]
        return await fetch(self, wait)

    monkeypatch.setattr(Poll, "_fetch", patient)
    with pytest.raises(AssertionError):
        await test_receiving.test_a_poll_that_falls_silent_is_begun_anew()


def _patient(poll: Any) -> Any:
    async def wait(url: str, query: Any, seconds: float) -> Any:
        return await poll(url, query, 60.0)

    return wait


async def test_a_cursor_that_moves_before_the_events_are_stored_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(atwork, "SECONDS", 2.0)
    fetch = Poll._fetch

    async def hasty(self: Poll, wait: str) -> int:
        poll = self._api.poll

        async def remember(url: str, query: Any, seconds: float) -> Any:
            answer = await poll(url, query, seconds)
            self._ts = str(answer.get("ts", self._ts))
            return answer

        self._api.poll = remember  # type: ignore[method-assign]
        try:
            return await fetch(self, wait)
        finally:
            self._api.poll = poll  # type: ignore[method-assign]

    monkeypatch.setattr(Poll, "_fetch", hasty)
    async with open_shop("poll") as shop:
        with pytest.raises(AssertionError):
            await test_receiving.test_what_cannot_be_stored_is_not_settled(shop)


async def test_trouble_that_any_event_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tell = Standing.receives

    def forgetful(self: Standing, trouble: str) -> None:
        self._sending = ""
        tell(self, trouble)

    monkeypatch.setattr(Standing, "receives", forgetful)
    check = test_refusals.test_a_captcha_and_the_like_degrade_the_community_until_a_message_is_taken
    with pytest.raises(AssertionError):
        await check(14)


async def test_a_healthy_community_passes_the_same_checks(shop: Shop) -> None:
    await test_events.test_our_own_edits_are_not_reported_and_an_administrators_are(shop)
