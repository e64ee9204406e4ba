"""Counts of an hour and a day hold over restarts, end with the clock, and name nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omnigate
from omnigate.tally import PREFIX
from omnigate.testing import FakeHost, MemoryStore

pytestmark = pytest.mark.anyio

MORNING = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


class Clock:
    """A tally under a clock of the test's own, over a store that outlives it."""

    def __init__(self, units: int = 1) -> None:
        self.now = MORNING
        self.store = MemoryStore()
        self.units = units
        self.restart()

    def restart(self) -> None:
        self.host = FakeHost(store=self.store)
        self.tally = omnigate.Tally(self.host, units=self.units, now=lambda: self.now)


async def test_what_was_kept_is_known_after_a_restart_and_what_was_not_is_forgotten():
    clock = Clock(units=2)
    clock.tally.add("anna", 1, 3)
    await clock.tally.keep("anna")
    clock.tally.add("anna", 1, 1)
    clock.restart()
    await clock.tally.open()
    assert (clock.tally.in_hour("anna", 0), clock.tally.in_hour("anna", 1)) == (1, 3)
    assert (clock.tally.in_day("anna", 0), clock.tally.in_day("anna", 1)) == (1, 3)
    assert clock.tally.in_day("boris", 1) == 0


async def test_hours_and_days_end_with_the_clock():
    clock = Clock()
    clock.tally.add("anna", 2)
    clock.now += timedelta(hours=1)
    assert (clock.tally.in_hour("anna"), clock.tally.in_day("anna")) == (0, 2)
    day = clock.tally.day
    clock.now += timedelta(days=1)
    assert clock.tally.in_day("anna") == 0
    assert clock.tally.day != day


async def test_notes_of_earlier_days_are_taken_away():
    clock = Clock()
    for _ in range(3):
        clock.tally.add("anna", 1)
        await clock.tally.keep("anna")
        clock.now += timedelta(days=1)
        clock.restart()
        await clock.tally.open()
    clock.tally.add("boris", 1)
    await clock.tally.keep("boris", notes={"other": "kept with it"})
    notes = await clock.host.notes()
    assert set(notes) == {f"{PREFIX}{clock.tally.day}:boris", "other"}


async def test_a_note_can_be_put_with_something_else():
    clock = Clock()
    clock.tally.add("anna", 5)
    await clock.host.put(notes=clock.tally.note("anna"))
    clock.restart()
    await clock.tally.open()
    assert clock.tally.in_day("anna") == 5


def test_names_tell_nobody_and_are_always_the_same():
    tally = Clock().tally
    assert tally.name("+79161234567") == tally.name("+79161234567") != tally.name("+79160000000")
    assert "79161234567" not in tally.name("+79161234567")


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), max_size=30))
def test_a_count_is_never_below_nothing_and_an_hour_never_above_its_day(steps):
    clock = Clock()
    for amount, hours in steps:
        clock.now += timedelta(hours=hours)
        clock.tally.add("anna", amount)
        assert 0 <= clock.tally.in_hour("anna") <= clock.tally.in_day("anna")
