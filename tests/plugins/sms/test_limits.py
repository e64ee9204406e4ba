"""What may be sent in an hour and a day: counted before it goes, over restarts, in messages and segments."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from omnigate_sms.limits import Allowance, Limits

import omnigate
from omnigate.tally import OLD_NOTES_AT_ONCE
from omnigate.testing import FakeHost, MemoryStore

pytestmark = pytest.mark.anyio

ANNA, BORIS = "+79161234567", "+79160000000"
NONE = dict.fromkeys(Limits.model_fields, 0)


class Counter:
    """An allowance under a clock of the test's own."""

    def __init__(self, _store: MemoryStore | None = None, /, **most: int) -> None:
        self.now = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
        self.host = FakeHost("texts", kind="sms", store=_store)
        self.limits = Limits(**{**NONE, **most})
        self.restart()

    def restart(self) -> None:
        self.allowance = Allowance(self.limits, self.host, lambda: self.now)

    async def sends(self, number: str = ANNA, segments: int = 1) -> bool:
        """Tell whether one more text may go."""
        try:
            await self.allowance.take(number, segments)
        except omnigate.Refused as error:
            self.reason = str(error)
            return False
        return True

    async def most(self, number: str = ANNA, segments: int = 1) -> int:
        """Return how many more may go."""
        count = 0
        while await self.sends(number, segments):
            count += 1
        return count


@pytest.mark.parametrize("unit", ["messages", "segments"])
async def test_one_number_gets_no_more_than_its_share_of_an_hour_and_of_a_day(unit):
    counter = Counter(**{f"{unit}_per_number_per_hour": 3, f"{unit}_per_number_per_day": 5})
    assert await counter.most() == 3
    assert f"limit_reached: no more than 3 {unit}" in counter.reason
    assert "more may go from 11:00 UTC" in counter.reason
    assert f"if limits.{unit}_per_number_per_hour allows it" in counter.reason
    counter.now += timedelta(hours=1)
    assert await counter.most() == 2
    assert "per_day" in counter.reason
    assert "more may go from 00:00 UTC" in counter.reason
    assert await counter.most(BORIS) == 3
    counter.now += timedelta(days=1)
    assert await counter.most() == 3


@pytest.mark.parametrize("unit", ["messages", "segments"])
async def test_all_numbers_together_get_no_more_than_the_channel_has(unit):
    """Pumping goes to many numbers: each is within its own limit."""
    counter = Counter(**{f"{unit}_per_hour": 4, f"{unit}_per_day": 6})
    sent = [await counter.sends(f"+7916000{number:04}") for number in range(10)]
    assert sum(sent) == 4
    counter.now += timedelta(hours=1)
    sent = [await counter.sends(f"+7916001{number:04}") for number in range(10)]
    assert sum(sent) == 2
    told = [line["reason"] for line in counter.host.log_lines]
    assert len(told) == 2, "an operator is told once an hour"
    assert f"no more than 4 {unit} are sent in all" in told[0]


async def test_segments_are_what_is_counted_where_segments_are_meant():
    counter = Counter(segments_per_number_per_hour=10)
    assert await counter.most(segments=4) == 2
    assert await counter.most(segments=1) == 2


async def test_a_restart_gives_no_fresh_allowance() -> None:
    counter = Counter(messages_per_number_per_hour=3, messages_per_day=4)
    assert await counter.sends()
    counter.restart()
    assert await counter.sends()
    counter.restart()
    assert await counter.most() == 1
    assert await counter.most(BORIS) == 1


async def test_the_first_texts_after_a_restart_wait_for_what_was_counted_before():
    counter = Counter(messages_per_number_per_hour=2)
    assert await counter.sends()
    counter.restart()
    assert sum(await asyncio.gather(*(counter.sends() for _ in range(5)))) == 1


async def test_what_did_not_go_out_is_given_back():
    counter = Counter(messages_per_number_per_hour=1, segments_per_hour=2)
    for _ in range(5):
        assert await counter.sends(segments=2)
        counter.allowance.give_back(ANNA, 2)
    assert await counter.sends(segments=2)
    assert not await counter.sends(BORIS)


async def test_a_text_that_cannot_be_counted_does_not_go_out():
    counter = Counter(messages_per_number_per_hour=1)
    counter.host.store.failure = omnigate.StoreError("disk full")
    for _ in range(3):
        with pytest.raises(omnigate.RetryLater, match="cannot be counted"):
            await counter.sends()
    counter.host.store.failure = None
    assert await counter.most() == 1


async def test_a_text_does_not_go_out_while_it_cannot_be_read_what_went_before(monkeypatch):
    """It is surely not sent: the first texts after a start must not be held as unknown."""
    counter = Counter(messages_per_number_per_hour=1)

    async def fails(prefix=""):
        raise omnigate.StoreError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(counter.host, "notes", fails)
        with pytest.raises(omnigate.RetryLater, match="disk I/O error"):
            await counter.sends()
    assert await counter.most() == 1


async def test_many_at_once_do_not_slip_through():
    counter = Counter(messages_per_hour=7)
    went = await asyncio.gather(*(counter.sends(f"+7916000{n:04}") for n in range(50)))
    assert sum(went) == 7


async def test_counts_of_earlier_days_are_thrown_away():
    counter = Counter()
    for number in range(OLD_NOTES_AT_ONCE + 50):
        await counter.sends(f"+7916000{number:04}")
    counter.now += timedelta(days=1)
    counter.restart()
    assert [await counter.sends() for _ in range(2)] == [True, True]
    noted = await counter.host.notes()
    assert len(noted) == 2
    assert all(key.startswith("spent:20261123:") for key in noted)
    assert not any(ANNA.strip("+") in key for key in noted), "a note names whom somebody wrote to"


async def test_without_limits_everything_goes():
    assert all([await Counter().sends(segments=255) for _ in range(5)])


async def test_asking_counts_nothing():
    counter = Counter(messages_per_number_per_hour=1)
    for _ in range(5):
        counter.allowance.require(ANNA, 1)
    assert await counter.most() == 1
    with pytest.raises(omnigate.Refused):
        counter.allowance.require(ANNA, 1)


async def test_limits_that_are_only_remembered_in_memory_are_found(monkeypatch):
    """The sabotage twin: a counter that notes nothing is begun anew by every restart."""

    async def keeps_nothing(self, *keys, notes=None):
        return None

    monkeypatch.setattr(omnigate.Tally, "keep", keeps_nothing)
    with pytest.raises(AssertionError):
        await test_a_restart_gives_no_fresh_allowance()


def test_a_second_channel_over_the_same_store_counts_for_itself():
    store = MemoryStore()
    store.put("other", "sms", [], notes={"spent:20261122:*": "[10,9,9,9,9]"})
    counter = Counter(store, messages_per_hour=3)
    assert asyncio.run(counter.most()) == 3
