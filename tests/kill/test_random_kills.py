"""SIGKILL at random moments loses nothing and doubles nothing; daemons that would are found out."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from proofs.customers import AGAIN
from proofs.daemon import wait_until
from proofs.kill import Run, prove, running
from proofs.verdict import Verdict
from tests.kill import sabotage

LOOPS = 12


async def sabotaged(
    folder: Path, seed: int, prelude: str, loops: int, again: float = AGAIN, **options: Any
) -> Verdict:
    """Kill a broken daemon a few times, always under load; return what came of it."""
    async with running(folder, random.Random(seed), **options) as run:
        run.prelude = prelude
        run.writers.again = again
        for _ in range(loops):
            await kill_under_load(run)
        # What is lost never arrives: only what the store owes is waited for.
        return await run.finish()


async def kill_under_load(run: Run) -> None:
    """Let it acknowledge a little, then kill it."""
    book = run.writers.book
    before = book.acknowledged + len(book.files)
    await run.daemon.start(prelude=run.prelude)
    await run.daemon.ready()
    await wait_until(
        lambda: book.acknowledged + len(book.files) > before + 30,
        "enough is written",
        run.daemon.log,
    )
    await run.daemon.kill()


@pytest.mark.timeout(400)
def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    """Under load from all sides, with receivers that misbehave in every way there is."""
    verdict = asyncio.run(prove(tmp_path, LOOPS, seed, print))
    assert verdict.is_good, "\n".join([*verdict.complaints(), str(verdict)])
    assert verdict.delivered == verdict.acknowledged > 10 * LOOPS
    assert str(verdict).endswith(" lost 0 duplicated 0")


def test_a_daemon_that_acknowledges_before_the_commit_loses(tmp_path: Path, seed: int) -> None:
    verdict = asyncio.run(sabotaged(tmp_path, seed, sabotage.ACKNOWLEDGES_EARLY, 2))
    assert verdict.lost


def test_a_daemon_that_forgets_what_it_has_doubles(tmp_path: Path, seed: int) -> None:
    verdict = asyncio.run(sabotaged(tmp_path, seed, sabotage.FORGETS_WHAT_IT_HAS, 2, again=1.0))
    assert verdict.duplicated
    assert not verdict.lost


def test_a_daemon_that_answers_before_a_file_is_written_loses_it(tmp_path: Path, seed: int) -> None:
    verdict = asyncio.run(sabotaged(tmp_path, seed, sabotage.SHELVES_LATE, 3))
    assert any("upload" in problem for problem in verdict.problems)


def test_events_that_come_out_of_order_are_noticed(tmp_path: Path, seed: int) -> None:
    """A destination that is told to ignore order shows that order is looked at."""
    verdict = asyncio.run(sabotaged(tmp_path, seed, "", 2, crm='order = "unordered"'))
    assert any("out of order" in problem for problem in verdict.problems)
    assert not verdict.lost
