"""Outages: who waits, who does not, and how fast all comes when a receiver is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import omnigate
from omnigate.flow.breaker import Breaker
from omnigate.flow.claiming import Claims
from omnigate.flow.destination import Destination
from omnigate.flow.recovery import Recovery
from omnigate.store.destinations import Health
from tests.flow.simulation.world import (
    HOUR,
    MINUTE,
    Arrival,
    Hangs,
    Outside,
    World,
    first_taken,
    judge_order,
    simulate,
)
from tests.seeds import draw_seed

LANES = 5_000
DOWN = omnigate.DestinationUnavailable("connection refused")


def down_until(end: float, error: Exception = DOWN) -> Callable[[Arrival], Exception | None]:
    return lambda arrival: error if arrival.at < end else None


# After an outage


async def five_thousand_wait(world: World) -> Outside:
    """R10. Half of the lanes were never tried, half sleep for hours by the schedule."""
    crm = world.add("crm", concurrency=50, behave=down_until(2 * HOUR))
    async with world.living():
        for start in range(0, LANES, 500):
            await world.say(*(f"c{number}" for number in range(start, start + 500)))
        await asyncio.sleep(10)
        await world.store.writer.do(_send_half_to_sleep, None)
        await asyncio.sleep(2 * HOUR)
        await world.until_nothing_is_owed(10 * MINUTE)
    return crm


def _send_half_to_sleep(transaction: Any, items: Any) -> list[None]:
    transaction.connection.execute(
        text(
            "UPDATE lane SET retrying = true, run_at = :later"
            " WHERE state = 1 AND CAST(substr(stream, -2) AS TEXT) < 'F'"
        ),
        {"later": transaction.now + 10 * 3_600_000},
    )
    return [None] * len(items)


def judge_recovery(crm: Outside) -> None:
    judge_order(crm, complete=2 * LANES)
    before = [one for one in crm.arrivals if not one.accepted]
    after = [one for one in crm.arrivals if one.accepted]
    assert len(before) <= 50 + 2 * HOUR / (5 * MINUTE) + 10, "it was left alone while it was down"
    assert after[0].at <= 2 * HOUR + 5 * MINUTE + 1, "it was probed"
    assert after[-1].at - after[0].at < MINUTE, "all that waited came at once"
    # One step of the ramp for each success.
    ends = sorted(one.ended_at for one in after[:200])
    for one in after[:200]:
        successes = sum(end <= one.at for end in ends)
        allowed = (1, 1, 5, 20, 50)[min(successes, 4)]
        assert one.at_once <= allowed, f"{one.at_once} at once after {successes} successes"
    assert max(one.at_once for one in after) > 40, "and then as much as it may get"


def test_after_an_outage_all_lanes_go_out_at_once_and_at_a_rising_rate(tmp_path: Path) -> None:
    judge_recovery(simulate(tmp_path, five_thousand_wait))


def wakes_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recovery, "recover", Recovery.note)


def all_at_once(patch: pytest.MonkeyPatch) -> None:
    limit = Breaker.limit

    def full(self: Breaker, concurrency: int, now: int) -> int:
        self._ramp = None
        return limit(self, concurrency, now)

    patch.setattr(Breaker, "limit", full)


@pytest.mark.parametrize("sabotage", [wakes_nobody, all_at_once])
def test_a_recovery_that_is_late_or_too_rough_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    monkeypatch.setitem(globals(), "LANES", 500)
    with pytest.raises(AssertionError):
        judge_recovery(simulate(tmp_path, five_thousand_wait))


# Beside an outage


MESSAGES = 500
UNWELL = ("refuses", "hangs", "throttles", "slow")


def steady_traffic(*unwell: str) -> Callable[[World], Any]:
    """Have people write for a while; return how long each message took to a healthy receiver."""

    async def scenario(world: World) -> list[float]:
        healthy = world.add("healthy")
        behaviours: dict[str, Callable[[Arrival], Exception | None]] = {
            "refuses": lambda arrival: DOWN,
            "hangs": lambda arrival: Hangs(),
            "throttles": lambda arrival: omnigate.DestinationUnavailable(
                "answered 429", retry_after_seconds=30
            ),
            "slow": lambda arrival: None,
        }
        for name in unwell:
            outside = world.add(name, behave=behaviours[name])
            if name == "slow":
                outside.latency_seconds = lambda: 24.0
        said: dict[str, float] = {}
        async with world.living():
            for number in range(MESSAGES):
                said[f"text {number + 1}"] = world.now
                await world.say(f"c{number % 50}")
                await asyncio.sleep(0.1)
            await asyncio.sleep(MINUTE)
        return sorted(one.at - said[one.text] for one in healthy.arrivals if one.text is not None)

    return scenario


def judge_independence(alone: list[float], beside: list[float]) -> None:
    assert len(alone) == len(beside) == MESSAGES
    for share in (0.5, 0.9, 0.99, 1.0):
        rank = int(share * (MESSAGES - 1))
        ratio = beside[rank] / alone[rank]
        assert ratio < 1.6, f"{share:.0%}: {beside[rank]:.3f} s instead of {alone[rank]:.3f} s"


def test_dead_receivers_do_not_slow_a_healthy_one(tmp_path: Path) -> None:
    """R11. The distribution of latencies is the same as without them."""
    alone = simulate(tmp_path / "alone", steady_traffic())
    judge_independence(alone, simulate(tmp_path / "beside", steady_traffic(*UNWELL)))


def test_receivers_that_share_their_slots_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Claims._room

    def shared(self: Claims, destination: Destination) -> int:
        busy = sum(known.busy for known in self.destinations.values())
        return min(room(self, destination), 20 - busy)

    alone = simulate(tmp_path / "alone", steady_traffic())
    monkeypatch.setattr(Claims, "_room", shared)
    with pytest.raises(AssertionError):
        judge_independence(alone, simulate(tmp_path / "beside", steady_traffic("slow")))


async def one_event_always_fails(world: World) -> Outside:
    """The whole receiver is fine, but over one conversation it always breaks with a 500."""
    broken = omnigate.DestinationUnavailable("answered 500", status=500)
    crm = world.add("crm", behave=lambda one: broken if one.conversation == "ill" else None)
    async with world.living():
        await world.say("ill")
        for number in range(700):
            await world.say(f"c{number % 30}")
            await asyncio.sleep(world.random.uniform(0, 0.2))
        await asyncio.sleep(1)
    return crm


def judge_one_failing_event(crm: Outside) -> None:
    tries = [one.at for one in crm.arrivals if one.conversation == "ill"]
    for (earlier, later), least in zip(pairwise(tries), (5, 30, 120, 300), strict=False):
        assert later - earlier >= least, f"tried again after {later - earlier:.1f} s"
    assert sum(one.accepted for one in crm.arrivals) == 700 + 30


def test_an_event_that_always_fails_is_tried_by_the_schedule_however_well_others_go(
    tmp_path: Path,
) -> None:
    judge_one_failing_event(simulate(tmp_path, one_event_always_fails, draw_seed()))


def test_a_success_that_wakes_what_has_to_wait_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeded = Breaker.succeeded

    def recovers_always(self: Breaker, now: int) -> bool:
        failing = self.health.first_failure_at is not None
        return succeeded(self, now) or failing

    monkeypatch.setattr(Breaker, "succeeded", recovers_always)
    with pytest.raises(AssertionError, match="tried again"):
        judge_one_failing_event(simulate(tmp_path, one_event_always_fails, 1))


# The breaker


async def long_outage(world: World) -> Outside:
    """R18. Down for an hour with many waiting; the power is cut in between, twice."""
    crm = world.add("crm", behave=down_until(HOUR))
    crm.latency_seconds = lambda: 3.0
    async with world.living(drain=False):
        await world.say(*(f"c{number}" for number in range(300)))
        await asyncio.sleep(4 * MINUTE)
    async with world.living(drain=False):
        await asyncio.sleep(20 * MINUTE)
    async with world.living():
        await asyncio.sleep(HOUR)
        assert await world.owed() == 0
    return crm


def judge_breaker(crm: Outside) -> None:
    tries = [one for one in crm.arrivals if one.at < HOUR]
    first = [one for one in tries if one.at < 3.5]
    assert len(first) == crm.concurrency, "those under way when it failed"
    probes = tries[len(first) :]
    assert all(one.at_once == 1 for one in probes), "one probe at a time"
    opened_at = first[4].ended_at
    waits = [
        later.at - earlier
        for earlier, later in zip(
            (opened_at, *(one.ended_at for one in probes)), probes, strict=False
        )
    ]
    for wait, expected in zip(waits, (30, 60, 120, 240, *[300] * 50), strict=False):
        assert expected <= wait <= expected + 1, waits
    assert len(waits) > 10
    judge_order(crm, complete=600)


def test_a_breaker_lets_one_probe_through_ever_more_rarely_whatever_restarts(
    tmp_path: Path,
) -> None:
    judge_breaker(simulate(tmp_path, long_outage))


def two_probes(patch: pytest.MonkeyPatch) -> None:
    limit = Breaker.limit
    patch.setattr(
        Breaker, "limit", lambda self, concurrency, now: 2 * limit(self, concurrency, now)
    )


def forgetful(patch: pytest.MonkeyPatch) -> None:
    begin = Breaker.__init__

    def anew(self: Breaker, health: Health) -> None:
        begin(self, Health(health.destination_id))

    patch.setattr(Breaker, "__init__", anew)


def constant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("omnigate.flow.breaker.OPEN_LIMIT_SECONDS", 30.0)


def never(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Breaker, "_is_too_much", lambda self: False)


@pytest.mark.parametrize("sabotage", [two_probes, forgetful, constant, never])
def test_a_breaker_that_lets_too_much_through_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_breaker(simulate(tmp_path, long_outage))


def test_five_failures_in_a_row_are_enough_to_open_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> Outside:
        crm = world.add("crm", concurrency=1, behave=lambda arrival: DOWN)
        async with world.living():
            await world.say(*(f"c{number}" for number in range(100)))
            await asyncio.sleep(29)
        return crm

    assert len(simulate(tmp_path, scenario).arrivals) == 5


def test_a_receiver_that_flaps_gets_and_gives_all_in_order(tmp_path: Path) -> None:
    """Up and down every few minutes for a day, with restarts in between."""

    async def scenario(world: World) -> Outside:
        crm = world.add("crm")
        crm.behave = lambda one: DOWN if int(one.at / (7 * MINUTE)) % 2 else None
        for _ in range(6):
            async with world.living(drain=world.random.random() < 0.5):
                for _ in range(20):
                    await world.say(*(f"c{world.random.randrange(20)}" for _ in range(5)))
                    await asyncio.sleep(world.random.uniform(0, 24 * MINUTE))
        async with world.living():
            await world.until_nothing_is_owed(30 * MINUTE)
        return crm

    crm = simulate(tmp_path, scenario, draw_seed())
    judge_order(crm, complete=6 * 20 * 5 + len(first_taken(crm)))
