"""Three days of everything at once: thousands of conversations, bad receivers, restarts and power cuts."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import omnigate
from tests.flow.simulation.test_order import drops_what_fails
from tests.flow.simulation.world import (
    DAY,
    HOUR,
    MINUTE,
    Arrival,
    Hangs,
    Outside,
    World,
    judge_order,
    simulate,
)
from tests.seeds import draw_seed

CONVERSATIONS = 2_000
MESSAGES = 3_000
LIVES = 5


def outages(chance: random.Random) -> list[tuple[float, float]]:
    """Return when a receiver is down: minutes now and then, and once for most of a day."""
    begin = chance.uniform(0, 2 * DAY)
    short = [chance.uniform(0, 3 * DAY) for _ in range(20)]
    return [
        (begin, begin + 18 * HOUR),
        *((at, at + chance.uniform(MINUTE, 30 * MINUTE)) for at in short),
    ]


def unreliable(chance: random.Random) -> Callable[[Arrival], Exception | None]:
    down = outages(chance)
    errors: list[Callable[[], Exception | None]] = [
        lambda: None,
        lambda: omnigate.DestinationUnavailable("answered 502", status=502),
        lambda: omnigate.DestinationUnavailable("answered 429", retry_after_seconds=60),
        lambda: omnigate.RetryLater("answered 409", status=409),
        lambda: Hangs(takes=chance.random() < 0.5),
        lambda: RuntimeError("a bug of the plugin"),
    ]

    def behave(arrival: Arrival) -> Exception | None:
        if any(begin < arrival.at < end for begin, end in down):
            return omnigate.DestinationUnavailable("connection refused")
        if arrival.text == "text 77":
            return omnigate.RetryLater("answered 422", status=422)
        return chance.choices(errors, (90, 2, 1, 3, 2, 2))[0]()

    return behave


async def three_days(world: World) -> tuple[list[Outside], dict[str, int]]:
    chance = world.random
    for order in ("strict", "bounded", "unordered"):
        world.add(order, order=order, behave=unreliable(chance))
    world.heartbeat_seconds = 2 * MINUTE  # no attempt lasts longer than a lease
    for life in range(LIVES):
        last = life == LIVES - 1
        async with world.living(drain=last or chance.random() < 0.5):
            for _ in range(MESSAGES // LIVES // 20):
                await world.say(*(f"c{chance.randrange(CONVERSATIONS)}" for _ in range(20)))
                await asyncio.sleep(chance.uniform(0, 2 * 3 * DAY / (MESSAGES / 20)))
            if last:
                # All that is left is what strict holds on to.
                await asyncio.sleep(12 * HOUR)
                dead = dict(
                    await world.rows(
                        "SELECT name, count(*) FROM dead JOIN destination ON destination.id ="
                        " destination_id GROUP BY name"
                    )
                )
                held = dict(
                    await world.rows(
                        "SELECT name, count(*) FROM outbox JOIN destination ON destination.id ="
                        " destination_id GROUP BY name"
                    )
                )
                events = await world.rows("SELECT count(*) FROM event WHERE channel IS NOT NULL")
    assert set(held) <= {"strict"}, held
    expected = {
        outside.name: int(events[0][0]) - dead.get(outside.name, 0) - held.get(outside.name, 0)
        for outside in world.outsides
    }
    assert dead.get("strict", 0) == 0
    return world.outsides, expected


def judge_days(outsides: list[Outside], expected: dict[str, int]) -> None:
    for outside in outsides:
        came = {one.event_id for one in outside.taken}
        # A receiver may have taken, without saying so, what it was given up for.
        assert len(came) >= expected[outside.name], outside.name
        assert len(came) - expected[outside.name] < 10
        accepted = Counter(one.event_id for one in outside.arrivals if one.accepted)
        assert max(accepted.values()) <= LIVES, "only a power cut repeats what was accepted"
        assert sum(count - 1 for count in accepted.values()) <= 20 * LIVES
        if outside.order == "strict":
            judge_order(outside)


def test_three_days_of_everything_lose_nothing_and_keep_the_order(tmp_path: Path) -> None:
    judge_days(*simulate(tmp_path, three_days, draw_seed()))


def test_three_days_with_losses_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "MESSAGES", 300)
    drops_what_fails(monkeypatch)
    with pytest.raises(AssertionError):
        judge_days(*simulate(tmp_path, three_days, 1))
