"""A time limit ends what takes too long, and mistakes nobody else's cancelling for its own."""

from __future__ import annotations

import asyncio

import pytest

from omnigate.timelimit import TimeLimit

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


def cancelled() -> int:
    """Return how often this task was asked to end."""
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_what_takes_too_long_is_ended_and_the_task_goes_on():
    with pytest.raises(TimeoutError), TimeLimit(0.01):
        await for_ever()
    await asyncio.sleep(0)
    assert cancelled() == 0


async def test_what_is_done_in_time_leaves_no_trace():
    with TimeLimit(0.05):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)


async def test_of_two_limits_the_shorter_one_counts():
    with TimeLimit(10):
        with pytest.raises(TimeoutError), TimeLimit(0.01):
            await for_ever()
        await asyncio.sleep(0)


@pytest.mark.parametrize("seconds", [10, 0.01], ids=["in time", "at the same time"])
async def test_who_cancels_the_task_ends_it(seconds):
    async def limited() -> None:
        with TimeLimit(seconds):
            await for_ever()

    task = asyncio.create_task(limited())
    await asyncio.sleep(0)
    if seconds < 1:
        # In the same turn of the loop as the limit's end: both cancel, the other one wins.
        asyncio.get_running_loop().call_later(seconds, task.cancel)
    else:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_block_is_the_blocks_own():
    async def answers_with_its_own() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            raise KeyError("its own") from None

    with pytest.raises(KeyError), TimeLimit(0.01):
        await answers_with_its_own()
    assert cancelled() == 0
