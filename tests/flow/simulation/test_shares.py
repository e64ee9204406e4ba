"""Who gets a destination's slots: first attempts beside retries, chat before mail, nobody never."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow import claiming
from omnigate.flow.claiming import Claims
from omnigate.flow.retry import RetryPolicy
from omnigate.store import lanes
from omnigate.store.schema import DUE_FRESH, lane
from omnigate.store.threads import ChannelKey
from tests.flow.simulation.world import MINUTE, Arrival, Outside, World, simulate

CHAT = ChannelKey("chat", "webchat", 50)
MAIL = ChannelKey("mail", "email", 200)


async def retries_backlogged(world: World) -> list[float]:
    """A hundred conversations fail again and again, each time slowly; others write for the first time."""
    world.policy = RetryPolicy((5,), jitter=0)
    status = itertools.count(400)

    def behave(arrival: Arrival) -> Exception | None:
        if not arrival.conversation.startswith("ill"):
            return None
        # Each fails in its own way, so that it is not the receiver who is blamed.
        return omnigate.RetryLater("refused", status=next(status))

    crm = world.add("crm", concurrency=4, order="strict", behave=behave)
    said: dict[str | None, float] = {}
    async with world.living():
        await world.say(*(f"ill{number}" for number in range(100)))
        await asyncio.sleep(2)
        crm.latency_seconds = lambda: 5.0
        await asyncio.sleep(MINUTE)
        crm.latency_seconds = lambda: 5.0 if crm.arrivals[-1].conversation[0] == "i" else 0.1
        for number in range(100):
            said[f"text {101 + number}"] = world.now
            await world.say(f"well{number}")
            await asyncio.sleep(2)
        await asyncio.sleep(MINUTE)
    return sorted(one.at - said[one.text] for one in crm.arrivals if one.text in said)


def judge_reserve(waits: list[float]) -> None:
    assert len(waits) == 100
    assert waits[-1] < 1, f"a first attempt waited {waits[-1]:.1f} s for a slot"


def test_half_of_the_slots_are_kept_for_first_attempts(tmp_path: Path) -> None:
    judge_reserve(simulate(tmp_path, retries_backlogged))


def test_retries_that_take_all_slots_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(self: Claims, destination: Any) -> int:
        return int(destination.concurrency - destination.busy_retrying)

    monkeypatch.setattr(Claims, "_retry_room", everything)
    with pytest.raises(AssertionError):
        judge_reserve(simulate(tmp_path, retries_backlogged))


async def chat_and_mail(world: World) -> Outside:
    """More chat than the receiver can take, for four minutes, over a backlog of both."""
    crm = world.add("crm", concurrency=4, latency_seconds=lambda: 0.2)
    async with world.living():
        await world.say(*(f"mail{number}" for number in range(100)), channel=MAIL)
        await world.say(*(f"chat{number}" for number in range(100)), channel=CHAT)
        for number in range(240):
            await world.say(*(f"chat{number}-{beside}" for beside in range(10)), channel=CHAT)
            await asyncio.sleep(1)
        return crm


def judge_shares(crm: Outside) -> None:
    begun = crm.arrivals[:200]
    chat = sum(one.conversation.startswith("chat") for one in begun)
    assert chat > 0.7 * len(begun), f"chat got {chat} of the first {len(begun)}"
    mail = [one for one in crm.arrivals if one.text and one.conversation.startswith("mail")]
    assert len(mail) == 100, "nobody starves"
    assert mail[-1].at < 3 * MINUTE


def test_chat_goes_before_mail_and_mail_does_not_starve(tmp_path: Path) -> None:
    judge_shares(simulate(tmp_path, chat_and_mail))


def no_elders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claiming, "ELDER_EVERY", 10**9)


def all_the_same(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lanes, "_LEASE_FRESH", lanes._lease(DUE_FRESH, lane.c.run_at))


@pytest.mark.parametrize("sabotage", [no_elders, all_the_same])
def test_mail_that_starves_and_chat_that_waits_are_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_shares(simulate(tmp_path, chat_and_mail))


def test_one_conversation_with_a_mountain_of_messages_does_not_stop_the_others(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> tuple[Outside, float]:
        crm = world.add("crm", concurrency=4, latency_seconds=lambda: 0.1)
        async with world.living():
            await world.say(*["mountain"] * 2000)
            began = world.now
            await world.say(*(f"c{number}" for number in range(50)))
            await world.until(
                lambda: sum(one.conversation != "mountain" for one in crm.arrivals) == 100,
                MINUTE,
                "all others had their turn",
            )
        return crm, began

    crm, began = simulate(tmp_path, scenario)
    others = [one for one in crm.arrivals if one.conversation != "mountain"]
    # Three slots, a tenth of a second each.
    assert others[-1].at - began < 10
