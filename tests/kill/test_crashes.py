"""A crash at every named place between a request and the end of its delivery (failpoints)."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from omnigate.failpoints import PLACES, Place
from proofs.kill import running
from proofs.verdict import Verdict
from tests.kill import sabotage

LATE = 12
"""Under load every place is reached this often within moments."""


async def crash(
    folder: Path, seed: int, places: list[Place], prelude: str = "", earliest: int = 1
) -> Verdict:
    """Let the daemon die at each place in turn, at a random arrival; return what came of it."""
    chance = random.Random(seed)
    async with running(folder, chance) as run:
        run.prelude = prelude
        for place in places:
            trap = f"{place}:{earliest - 1 + chance.randint(1, LATE)}=kill"
            print(trap)
            await run.daemon.start(failpoint=trap, prelude=prelude)
            if await run.daemon.ready():
                assert await run.daemon.died() == -signal.SIGKILL, run.daemon.log()
        return await run.finish()


@pytest.mark.timeout(400)
def test_a_crash_at_any_place_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    """One store lives through all of them: what one crash leaves behind meets the next."""
    places = list(PLACES)
    random.Random(seed).shuffle(places)
    verdict = asyncio.run(crash(tmp_path, seed, places))
    assert verdict.is_good, "\n".join([*verdict.complaints(), str(verdict)])
    assert verdict.delivered == verdict.acknowledged > 50


def test_a_daemon_that_acknowledges_early_does_not_survive_a_crash_at_its_commit(
    tmp_path: Path, seed: int
) -> None:
    # The first commits are the start's own: nothing is acknowledged by them.
    verdict = asyncio.run(crash(tmp_path, seed, ["commit"], sabotage.ACKNOWLEDGES_EARLY, 20))
    assert verdict.lost
