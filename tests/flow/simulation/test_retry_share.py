"""Conversations that failed once, while more comes in than the receiver can take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow import claiming
from omnigate.flow.retry import RetryPolicy
from omnigate.store import lanes
from tests.flow.simulation.world import MINUTE, Arrival, World, simulate

ILL = 4
"""Fewer than would make the receiver to blame."""


async def too_much(world: World) -> list[float]:
    """Half as much again as the receiver can take, for four minutes; some failed in the first second.

    Returns when each of those arrived after all.
    """
    world.policy = RetryPolicy((5,), jitter=0)
    failed: set[str] = set()

    def behave(arrival: Arrival) -> Exception | None:
        name = arrival.conversation
        if not name.startswith("ill") or name in failed:
            return None
        failed.add(name)
        return omnigate.RetryLater("refused", status=400 + len(failed))

    crm = world.add("crm", concurrency=4, latency_seconds=lambda: 0.2, behave=behave)
    async with world.living():
        began = world.now
        await world.say(*(f"ill{number}" for number in range(ILL)))
        for number in range(240):
            await world.say(*(f"well{number}-{beside}" for beside in range(15)))
            await asyncio.sleep(1)
        return [
            one.at - began
            for one in crm.arrivals
            if one.text and one.conversation.startswith("ill")
        ]


def judge(arrived: list[float]) -> None:
    assert len(arrived) == ILL
    assert arrived[-1] < MINUTE, f"one came only after {arrived[-1]:.0f} s"


def test_a_conversation_that_failed_once_does_not_wait_for_the_end_of_an_overload(
    tmp_path: Path,
) -> None:
    judge(simulate(tmp_path, too_much))


def no_elders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claiming, "ELDER_EVERY", 10**9)


def only_those_that_never_failed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lanes, "_is_older", lambda retrying, fresh: False)


@pytest.mark.parametrize("sabotage", [no_elders, only_those_that_never_failed])
def test_retries_that_starve_are_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: Any
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge(simulate(tmp_path, too_much))
