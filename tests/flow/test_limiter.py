"""Platforms that count calls: how many come through a token bucket, and when."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

from omnigate.flow.limiter import TokenBucket


def test_a_bucket_lets_a_burst_through_and_then_keeps_the_rate() -> None:
    bucket = TokenBucket(rate=1, per_seconds=60, burst=3)
    assert [bucket.try_acquire() for _ in range(5)] == [True] * 3 + [False] * 2


def test_those_who_wait_for_a_bucket_come_through_at_its_rate() -> None:
    async def take(count: int) -> float:
        bucket = TokenBucket(rate=100, burst=1)
        began = time.monotonic()
        await asyncio.gather(*(bucket.acquire() for _ in range(count)))
        return time.monotonic() - began

    assert 0.095 <= asyncio.run(take(11)) < 5


def test_after_the_process_stood_still_those_who_wait_do_not_come_all_at_once() -> None:
    async def gaps(count: int) -> list[float]:
        bucket, had = TokenBucket(rate=100, burst=1), list[float]()

        async def take() -> None:
            await bucket.acquire()
            had.append(time.monotonic())

        async with asyncio.TaskGroup() as tasks:
            for _ in range(count):
                tasks.create_task(take())
            await asyncio.sleep(0)
            time.sleep(0.1)  # noqa: ASYNC251  # the whole process stands still
        return [after - before for before, after in pairwise(had)]

    assert min(asyncio.run(gaps(12))) > 0.005


def test_who_stops_waiting_costs_nobody_a_token() -> None:
    async def has_one_after_others_gave_up() -> bool:
        bucket = TokenBucket(rate=1, per_seconds=0.05, burst=1)
        await bucket.acquire()
        for _ in range(50):
            waiting = asyncio.create_task(bucket.acquire())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        async with asyncio.timeout(2):
            await bucket.acquire()
        return True

    assert asyncio.run(has_one_after_others_gave_up())


def test_nobody_is_let_in_before_those_who_wait() -> None:
    async def overtakes() -> bool:
        bucket = TokenBucket(rate=1, per_seconds=0.05, burst=1)
        await bucket.acquire()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bucket.acquire())
            await asyncio.sleep(0)
            time.sleep(0.06)  # noqa: ASYNC251  # the token is there, whom it is for is not awake yet
            return bucket.try_acquire()

    assert not asyncio.run(overtakes())
