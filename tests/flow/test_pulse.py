"""Rates are those of the last seconds; the backlog is not counted more often than it is worth."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection

from omnigate.flow import census
from omnigate.flow.census import Census
from omnigate.flow.figures import Figures
from omnigate.flow.pulse import WINDOW, Pulse
from omnigate.store.backlog import Backlog, count_backlog
from omnigate.store.store import open_store


def test_before_the_second_look_nothing_is_known():
    pulse = Pulse(Figures())
    assert pulse.rates().over_seconds == 0
    pulse.beat(0.0)
    assert pulse.rates().over_seconds == 0


def test_rates_are_of_the_last_ten_seconds_and_by_destination():
    figures = Figures()
    pulse = Pulse(figures)
    for second in range(30):
        pulse.beat(float(second))
        figures.channel("app").stored += 100 if second < 15 else 4
        crm = figures.destination("backend", "crm")
        for _ in range(2):
            crm.delivered(50)
        crm.failed("retry", "item", "422", 0)
        figures.destination("channel", "app").delivered(5)
    pulse.beat(30.0)
    rates = pulse.rates()
    assert rates.over_seconds == WINDOW
    assert (rates.received, rates.delivered, rates.sent, rates.failed) == (4, 2, 1, 1)
    assert rates.of("backend", "crm") == (2, 1)
    assert rates.of("backend", "nobody") == (0, 0)


def test_what_dies_is_told_in_classes_whatever_plugins_call_it():
    known = Figures().destination("backend", "crm")
    for why in ("expired", "unknown", "attempts", "held_too_long", "blocked_by_user", "x" * 100):
        known.died(why, "said so", 7)
    dead = {
        reason: count for (outcome, reason), count in known.outcomes.items() if outcome == "dead"
    }
    assert dead == {"expired": 1, "unknown": 1, "attempts": 2, "refused": 2}
    assert (known.failures, known.last_error, known.last_error_at) == (6, "said so", 7)


@pytest.mark.anyio
async def test_counting_that_takes_long_is_done_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    counted = 0

    def count(connection: Connection) -> Backlog:
        nonlocal counted
        counted += 1
        clock.now += 0.5
        return count_backlog(connection)

    monkeypatch.setattr(census, "count_backlog", count)
    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        asked = Census(store, lambda: clock.now, lambda: clock.now)
        for _ in range(1000):
            await asked.take()
            clock.now += 0.1
        passed = clock.now
    assert 0.5 * counted <= passed / census.SHARE + 0.5
    assert counted >= passed / (0.5 * census.SHARE) - 1, "it is not older than it must be either"


@pytest.mark.anyio
async def test_counting_that_costs_nothing_is_done_whenever_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Backlog] = []
    monkeypatch.setattr(census, "count_backlog", lambda _: counted.append(Backlog()))
    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        asked = Census(store, lambda: 1.0, lambda: 1.0)
        for _ in range(10):
            await asked.take()
    assert len(counted) == 10


class Clock:
    now = 0.0
