"""Whoever hears that a message failed, or that nobody knows of it, finds its dead letter."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from omnigate.flow.carriers import ChannelCarrier
from omnigate.store.parts import settle_part
from tests.flow.simulation.platform import Answer, Platform
from tests.flow.simulation.world import DAY, HOUR, MINUTE, World, simulate

ENDED = "SELECT id FROM message WHERE state IN ('failed', 'unknown')"
BURIED = "SELECT message_id FROM dead"


def ends(rule: str, answer: Answer, expiry_seconds: float) -> Callable[[World], Any]:
    """Have a message end so; return its state, and those that had ended at a commit without a letter."""

    async def scenario(world: World) -> tuple[str, list[str]]:
        platform = Platform("app", rule, lambda call: answer, send_seconds=MINUTE)
        world.installs.append(platform.install)
        world.expiry_seconds = expiry_seconds
        bare: list[str] = []
        async with world.living():
            (path,) = world.folder.glob("store-*.db")

            def committed(_: Any) -> None:
                with closing(sqlite3.connect(path)) as reader:
                    bare.extend(row[0] for row in reader.execute(f"{ENDED} EXCEPT {BURIED}"))

            world.store.writer.on_commit.append(committed)
            await platform.write(world, "anna", "hello", "and more")
            await world.until_nothing_is_owed(10 * DAY)
            ((state,),) = await world.rows("SELECT state FROM message")
            assert len(await world.rows(BURIED)) == 1
        return str(state), bare

    return scenario


ENDS = [
    ("hold", "lost", 5 * DAY, "unknown"),
    ("hold", "puzzled", 5 * DAY, "unknown"),
    ("resend", "lost", 5 * DAY, "unknown"),
    ("native", "lost", HOUR, "unknown"),
    ("native", "refused", 5 * DAY, "failed"),
    ("native", "later", 5 * DAY, "failed"),
    ("native", "down", HOUR, "failed"),
]


@pytest.mark.parametrize(("rule", "answer", "expiry_seconds", "state"), ENDS)
def test_an_end_and_its_dead_letter_are_stored_together(
    rule: str, answer: Answer, expiry_seconds: float, state: str, tmp_path: Path
) -> None:
    assert simulate(tmp_path, ends(rule, answer, expiry_seconds)) == (state, [])


@pytest.mark.parametrize(("rule", "answer", "expiry_seconds", "state"), ENDS[:1] + ENDS[4:5])
def test_it_would_be_seen_that_an_end_is_stored_before_its_dead_letter(
    rule: str,
    answer: Answer,
    expiry_seconds: float,
    state: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carry = ChannelCarrier.carry

    async def hasty(self: Any, lease: Any, item: Any) -> None:
        try:
            await carry(self, lease, item)
        finally:
            if item.tried is not None:
                await self._writer.do(settle_part, item.tried)

    monkeypatch.setattr(ChannelCarrier, "carry", hasty)
    ended, bare = simulate(tmp_path, ends(rule, answer, expiry_seconds))
    assert ended == state
    assert bare
