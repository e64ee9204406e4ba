"""What the soak takes for growth, and that a daemon which leaks does not pass it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from proofs.gauge import Reading, trends
from proofs.soak import soak

LEAKS = """
from omnigate.flow.inbox import Inbox
put = Inbox.put
kept = []
async def leaky(self, channel, items, *more, **named):
    kept.append((open("/dev/null"), bytearray(100_000)) if len(kept) % 2 else None)
    return await put(self, channel, items, *more, **named)
Inbox.put = leaky
"""


def readings(change: Callable[[int], dict[str, float]], seed: int) -> list[Reading]:
    """Return two minutes of a daemon that is level but for noise and for the given change."""
    chance = random.Random(seed)
    made = []
    for second in range(120):
        extra = change(second)
        rows = {"outbox": chance.randrange(50), "dedup": 3000, "event": 200 * second}
        made.append(
            Reading(
                float(second),
                100 + chance.random() + extra.get("memory MiB", 0),
                60 + chance.randrange(3) + int(extra.get("handles", 0)),
                4 + chance.random() + extra.get("wal MiB", 0),
                {
                    name: count + int(extra.get(f"rows of {name}", 0))
                    for name, count in rows.items()
                },
            )
        )
    return made


def grown(made: list[Reading]) -> list[str]:
    return [trend.name for trend in trends(made) if not trend.is_level]


def test_noise_and_what_grows_by_design_are_level(seed: int) -> None:
    assert grown(readings(lambda second: {}, seed)) == []


def test_what_fills_up_while_it_warms_up_is_level(seed: int) -> None:
    assert grown(readings(lambda second: {"memory MiB": min(second, 30)}, seed)) == []


@pytest.mark.parametrize(
    ("name", "each_second"),
    [
        ("memory MiB", 0.15),
        ("handles", 0.2),
        ("wal MiB", 0.2),
        ("rows of outbox", 3),
        ("rows of dedup", 15),
    ],
)
def test_a_slow_leak_is_growth(name: str, each_second: float, seed: int) -> None:
    assert grown(readings(lambda second: {name: second * each_second}, seed)) == [name]


def test_too_few_readings_prove_nothing() -> None:
    with pytest.raises(ValueError, match="too few readings"):
        list(trends(readings(lambda second: {}, 0)[:2]))


def test_a_daemon_that_leaks_memory_and_handles_is_found_out(tmp_path: Path, seed: int) -> None:
    soaked = asyncio.run(soak(tmp_path, 0.15, 60, seed, print, LEAKS))
    assert not soaked.is_flat
    assert {"memory MiB", "handles"} <= {
        trend.name for trend in soaked.trends if not trend.is_level
    }
    assert str(soaked).endswith(": growing")
    assert not soaked.verdict.lost
