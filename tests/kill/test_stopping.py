"""Stopping with work under way: in order nothing is sent twice, at once nothing is lost."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from proofs.daemon import Daemon, wait_until
from proofs.kill import AGENTS, CUSTOMERS, Run, running
from proofs.verdict import Verdict
from tests.kill import sabotage
from tests.kill.scene import delivered, message, post, scene

SLOW_SECONDS = 1.5
"""How long the receiver takes over each answer."""


@asynccontextmanager
async def under_way(
    folder: Path, seed: int, *, server: str = "", prelude: str = ""
) -> AsyncIterator[Run]:
    """Give a daemon under load whose receiver has begun on several requests, and is slow."""
    async with running(folder, random.Random(seed), server=server, attempt_seconds=30) as run:
        run.receiver.calm_down()
        run.receiver.delay_seconds = SLOW_SECONDS
        await begun(run, prelude)
        yield run


async def begun(run: Run, prelude: str = "") -> None:
    """Start the daemon and wait until the receiver has begun on several requests."""
    await run.daemon.start(prelude=prelude)
    await run.daemon.ready()
    await wait_until(lambda: run.receiver.under_way > 5, "attempts are under way", run.daemon.log)


async def settled(run: Run) -> Verdict:
    """Start again with a receiver that is quick; return what the whole came to."""
    run.receiver.delay_seconds = 0
    return await run.finish()


async def stopped(run: Run, how: str) -> None:
    """Stop in order, one way or the other; the daemon waits for what is under way."""
    if how == "omnigate stop":
        assert await run.daemon.omnigate("stop") == "Stopped."
    else:
        run.daemon.signal(signal.SIGTERM)
    assert await run.daemon.died() == 0, run.daemon.log()
    assert run.receiver.under_way == 0


def test_a_stop_waits_for_a_slow_receiver_and_sends_nothing_twice(
    tmp_path: Path, seed: int
) -> None:
    async def play() -> None:
        async with under_way(tmp_path, seed) as run:
            await stopped(run, "SIGTERM")
            await begun(run)
            await stopped(run, "omnigate stop")
            verdict = await settled(run)
            assert verdict.is_good, "\n".join([*verdict.complaints(), str(verdict)])
            assert run.receiver.crm.repeated + run.receiver.answers.repeated == 0
            assert verdict.delivered >= CUSTOMERS + AGENTS

    asyncio.run(play())


def test_a_stop_that_does_not_wait_is_seen_to_send_twice(tmp_path: Path, seed: int) -> None:
    """What is cut short is tried again, so the check above does look; and still nothing is lost."""

    async def play() -> None:
        async with under_way(tmp_path, seed, server="shutdown_seconds = 0") as run:
            assert await run.daemon.stop() == 0
            # The receiver finishes what it began: the daemon never hears of it.
            await wait_until(lambda: run.receiver.under_way == 0, "the receiver is done")
            verdict = await settled(run)
            assert verdict.is_good, "\n".join([*verdict.complaints(), str(verdict)])
            assert run.receiver.crm.repeated + run.receiver.answers.repeated > 0

    asyncio.run(play())


def test_a_stop_begins_nothing_new(tmp_path: Path) -> None:
    """The rest of a conversation that is being delivered waits for the next start."""

    async def play() -> None:
        async with scene(tmp_path, attempt_seconds=30) as (daemon, receiver):
            receiver.delay_seconds = SLOW_SECONDS
            await daemon.start(failpoint="claim:1=freeze")
            await daemon.ready()
            posting = asyncio.create_task(post(daemon, [message(number) for number in range(5)]))
            # The lane is claimed with all that it owes; the stop is asked for before the first attempt.
            await wait_until(daemon.stands_still, "it stands still after its first claim")
            daemon.signal(signal.SIGTERM)
            daemon.signal(signal.SIGCONT)
            assert await daemon.died() == 0, daemon.log()
            await posting
            assert receiver.crm.attempts <= 1
            receiver.delay_seconds = 0
            await daemon.start()
            await daemon.ready()
            assert await delivered(daemon) == 5
            assert receiver.crm.order == {"c-1": [1, 2, 3, 4, 5, 6]}
            assert receiver.crm.repeated == 0
            assert await daemon.stop() == 0

    asyncio.run(play())


async def twice(daemon: Daemon) -> int:
    """Send SIGTERM, and again once it is being acted upon; return the exit code."""
    daemon.signal(signal.SIGTERM)
    await wait_until(lambda: not daemon.listens(), "it has stopped listening", daemon.log)
    daemon.signal(signal.SIGTERM)
    return await daemon.died()


def test_a_second_sigterm_ends_at_once_and_what_is_owed_comes_after_the_restart(
    tmp_path: Path, seed: int
) -> None:
    async def play() -> None:
        async with under_way(tmp_path, seed) as run:
            run.receiver.delay_seconds = 3600
            await wait_until(lambda: run.receiver.under_way > 8, "attempts are under way")
            assert await twice(run.daemon) == 1
            verdict = await settled(run)
            assert verdict.is_good, "\n".join([*verdict.complaints(), str(verdict)])

    asyncio.run(play())


def test_a_daemon_that_hears_only_the_first_is_noticed(tmp_path: Path, seed: int) -> None:
    async def play() -> None:
        async with under_way(tmp_path, seed, prelude=sabotage.HEARS_ONCE) as run:
            assert await twice(run.daemon) == 0, "it waited for the slow receiver all the same"

    asyncio.run(play())
