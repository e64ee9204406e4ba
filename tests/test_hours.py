"""Working hours: in the operator's zone, exact when a clock changes, closed on holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from omnigate import Hours

HOURS = Hours(
    time_zone="Europe/Moscow",
    days={"mon": ["09:00-13:00", "14:00-18:00"], "fri": ["20:00-24:00"]},
    closed_on=[date(2026, 11, 30)],
)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23T06:00:00", True),  # Monday 09:00 in Moscow
        ("2026-11-23T05:59:59", False),
        ("2026-11-23T10:00:00", False),
        ("2026-11-23T11:00:00", True),
        ("2026-11-23T15:00:00", False),
        ("2026-11-24T09:00:00", False),  # Tuesday
        ("2026-11-27T20:59:59", True),  # Friday before midnight
        ("2026-11-27T21:00:00", False),
        ("2026-11-30T09:00:00", False),  # a Monday that is closed
    ],
)
def test_hours_are_in_the_operators_zone(moment: str, expected: bool):
    assert HOURS.is_open(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is expected


def test_the_next_change_is_the_next_edge():
    monday = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert HOURS.next_change(monday) == datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    assert HOURS.next_change(monday + timedelta(hours=1)) == datetime(2026, 11, 23, 10, tzinfo=UTC)
    never = Hours(time_zone="UTC", days={})
    assert never.next_change(monday) == monday + timedelta(days=15)


def test_opening_is_exact_on_the_day_the_clock_changes():
    hours = Hours(time_zone="Europe/Berlin", days={"sun": ["01:00-04:00"]})
    # On 2026-03-29 the clock goes from 02:00 to 03:00: the span lasts two hours.
    begin = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert hours.next_change(begin) == begin + timedelta(hours=2)


@pytest.mark.parametrize("begin", ["02:00", "02:30"])
def test_nothing_opens_in_an_hour_that_the_clock_leaves_out(begin):
    hours = Hours(time_zone="Europe/Berlin", days={"sun": [f"{begin}-03:00"]})
    saturday = datetime(
        2027, 3, 27, 12, tzinfo=UTC
    )  # the clock goes from 02:00 to 03:00 that night
    a_week_later = datetime.fromisoformat(f"2027-04-04T{begin}+02:00")
    assert hours.next_opening(saturday) == hours.next_change(saturday) == a_week_later


def test_the_next_opening_is_now_while_open_and_after_the_holidays_otherwise():
    monday = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    assert HOURS.next_opening(monday) == monday
    noon = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    assert HOURS.next_opening(noon) == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
    saturday = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)  # Monday 30 is closed
    assert HOURS.next_opening(saturday) == datetime(2026, 12, 4, 17, 0, tzinfo=UTC)


def test_nobody_knows_when_hours_without_days_open():
    assert Hours(time_zone="UTC", days={}).next_opening(datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "given",
    [
        {"time_zone": "Mars", "days": {}},
        {"time_zone": "UTC", "days": {"mon": ["18:00-09:00"]}},
        {"time_zone": "UTC", "days": {"mon": ["09:00-24:30"]}},
        {"time_zone": "UTC", "days": {"monday": ["09:00-18:00"]}},
    ],
)
def test_hours_that_cannot_be_meant_are_refused(given):
    with pytest.raises(ValidationError):
        Hours.model_validate(given)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1_735_689_600, 1_893_456_000),
    st.sampled_from(["Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)
def test_between_now_and_the_next_opening_nobody_is_there(seconds, zone):
    hours = Hours(
        time_zone=zone, days={"mon": ["00:00-03:00"], "sun": ["01:30-04:00", "22:00-24:00"]}
    )
    moment = datetime.fromtimestamp(seconds, UTC)
    opening = hours.next_opening(moment)
    assert opening is not None
    assert hours.is_open(opening)
    if opening > moment:
        assert not hours.is_open(moment)
        assert not hours.is_open(opening - timedelta(microseconds=1))
        assert hours.next_change(moment) == opening
