"""The machine's clock is set ahead or back while lanes wait, leases run and breakers are open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow.clockwatch import ClockWatch
from omnigate.flow.held import HeldLeases
from omnigate.store import leases
from tests.flow.simulation.world import (
    DAY,
    HOUR,
    MINUTE,
    Arrival,
    Outside,
    World,
    first_taken,
    judge_order,
    simulate,
)
from tests.seeds import draw_seed


def jump(seconds: float, restarts: bool = False) -> Callable[[World], Any]:
    """Set the clock while one receiver is down, one throttles, one is slow and one fails over items."""

    async def scenario(world: World) -> list[Outside]:
        down = omnigate.DestinationUnavailable("down")
        throttled = omnigate.DestinationUnavailable("429", retry_after_seconds=600)
        later = omnigate.RetryLater("409", status=409)
        outsides = [
            world.add("down", behave=lambda one: down if one.at < 100 else None),
            world.add("throttles", behave=lambda one: throttled if one.at < 100 else None),
            world.add("fails", behave=lambda one: later if one.at < 100 else None, order="strict"),
            world.add("slow", latency_seconds=lambda: 20.0),
        ]
        life = world.living(drain=not restarts)
        async with life:
            await world.say(*(f"c{number}" for number in range(40)))
            await asyncio.sleep(99)
            if not restarts:
                await use_after(world, seconds)
        if restarts:
            async with world.living():
                await use_after(world, seconds)
        return outsides

    return scenario


async def use_after(world: World, seconds: float) -> None:
    world.clock_ahead_seconds += seconds
    await asyncio.sleep(30)
    turns = world.store.writer.figures.turns
    await world.say("c1", "new")
    # The longest that anything asked for was ten minutes.
    await world.until_nothing_is_owed(20 * MINUTE)
    settled = world.store.writer.figures.turns
    assert settled - turns < 1500, "it did not spin"
    await asyncio.sleep(HOUR)
    assert world.store.writer.figures.turns - settled < 600, "nor did it afterwards"
    assert world.dispatcher.figures.leases_lost == 0
    assert await world.rows("SELECT count(*) FROM dead") == [(0,)]


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("seconds", [DAY, -DAY, -HOUR, -30 * DAY])
def test_after_the_clock_was_set_all_goes_out_in_order_and_soon(
    seconds: float, restarts: bool, tmp_path: Path
) -> None:
    """R24."""
    for outside in simulate(tmp_path, jump(seconds, restarts)):
        judge_order(outside, complete=40 + 40 + 1 + 2)


def looks_at_no_clock(patch: pytest.MonkeyPatch) -> None:
    async def blind(self: Any, destinations: Any) -> None:
        return

    patch.setattr(ClockWatch, "look", blind)


def expires_before_it_renews(patch: pytest.MonkeyPatch) -> None:
    renew = HeldLeases.renew

    async def too_late(self: HeldLeases) -> None:
        await self._writer.do(leases.expire_leases, None)
        await renew(self)

    patch.setattr(HeldLeases, "renew", too_late)


@pytest.mark.parametrize(
    ("sabotage", "seconds", "restarts"),
    [
        (looks_at_no_clock, -DAY, False),
        (looks_at_no_clock, -DAY, True),
        (expires_before_it_renews, DAY, False),
    ],
)
def test_waiting_for_a_moment_gone_by_or_taking_leases_for_over_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    seconds: float,
    restarts: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        simulate(tmp_path, jump(seconds, restarts))


def test_a_clock_that_jumps_about_all_day_loses_nothing(tmp_path: Path) -> None:
    async def scenario(world: World) -> Outside:
        chance = world.random

        def behave(arrival: Arrival) -> Exception | None:
            drawn = chance.random()
            if int(arrival.at / HOUR) % 3 == 1:
                return omnigate.DestinationUnavailable("down")
            return omnigate.RetryLater("409", status=409) if drawn < 0.1 else None

        crm = world.add("crm", order="strict", behave=behave)
        async with world.living():
            for _ in range(40):
                await world.say(*(f"c{chance.randrange(30)}" for _ in range(10)))
                await asyncio.sleep(chance.uniform(0, 20 * MINUTE))
                # Never more than a day from the truth, so that nothing expires.
                world.clock_ahead_seconds = chance.choice((0.0, chance.uniform(-DAY, DAY)))
            await world.until_nothing_is_owed(2 * HOUR)
        return crm

    crm = simulate(tmp_path, scenario, draw_seed())
    judge_order(crm, complete=400 + len(first_taken(crm)))
