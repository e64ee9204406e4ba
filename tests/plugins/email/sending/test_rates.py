"""The provider's hour and day: all that they allow, never more, also over a restart."""

from __future__ import annotations

import asyncio
import random

import pytest
from omnigate_email.smtp.rates import Rates

import omnigate
from omnigate.testing import FakeHost
from tests.seeds import draw_seed

pytestmark = pytest.mark.anyio

HOUR = 3600.0


class Clock:
    now = 1_764_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_day_is_counted_over_restarts_and_ends() -> None:
    clock = Clock()
    async with FakeHost() as host:
        for _ in range(3):
            await Rates(host, None, 3, clock).take()
        with pytest.raises(omnigate.DestinationUnavailable, match="per_day") as error:
            await Rates(host, None, 3, clock).take()
        assert error.value.retry_after_seconds == HOUR
        clock.now += 25 * HOUR
        await Rates(host, None, 3, clock).take()


async def test_all_that_an_hour_allows_may_go_at_once_and_then_nothing_until_it_is_over() -> None:
    clock = Clock()
    async with FakeHost() as host:
        for _ in range(12):
            await Rates(host, 12, None, clock).take()
        with pytest.raises(omnigate.DestinationUnavailable, match="per_hour") as error:
            await Rates(host, 12, None, clock).take()
        assert error.value.retry_after_seconds == HOUR
        clock.now += HOUR + 60
        for _ in range(12):
            await Rates(host, 12, None, clock).take()


async def test_what_the_day_refuses_is_not_counted_for_the_hour() -> None:
    clock = Clock()
    async with FakeHost() as host:
        rates = Rates(host, 2, 1, clock)
        await rates.take()
        for _ in range(5):
            with pytest.raises(omnigate.DestinationUnavailable, match="per_day"):
                await rates.take()


@pytest.mark.parametrize("hours", [1, 24])
async def test_never_more_than_is_allowed_in_any_hour_or_day(hours: int) -> None:
    seed = draw_seed()
    chance, clock, sent = random.Random(seed), Clock(), []
    limits = {1: (20, None), 24: (None, 20)}[hours]
    async with FakeHost() as host:
        rates = Rates(host, *limits, clock)
        for _ in range(600):
            clock.now += chance.expovariate(1 / (50 * hours))
            try:
                await rates.take()
            except omnigate.DestinationUnavailable:
                continue
            sent.append(clock.now)
        worst = max(sum(one <= other < one + hours * HOUR for other in sent) for one in sent)
        assert worst <= 20, f"seed {seed}"
        assert len(sent) > 100, f"seed {seed}: it lets mails through again"


async def test_mails_at_the_same_moment_are_counted_each() -> None:
    async with FakeHost() as host:
        rates = Rates(host, 3, 100, Clock())
        taken = await asyncio.gather(*(rates.take() for _ in range(5)), return_exceptions=True)
    assert [one is None for one in taken] == [True, True, True, False, False]


async def test_nothing_is_kept_where_there_is_no_limit() -> None:
    async with FakeHost() as host:
        await Rates(host, None, None).take()
        assert not await host.notes()
