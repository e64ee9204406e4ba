"""Working hours: whether somebody is there now, and when that changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from omnigate_webchat.config import Hours, Weekday

_WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_AHEAD: Final = 15


def is_open(hours: Hours | None, moment: datetime) -> bool:
    """Tell whether the aware moment lies within working hours; without hours it always does."""
    if hours is None:
        return True
    day = moment.astimezone(ZoneInfo(hours.time_zone)).date()
    return any(begin <= moment < end for begin, end in _spans(hours, day))


def next_change(hours: Hours, moment: datetime) -> datetime:
    """Return when the answer of `is_open` may next change after the moment.

    Looks a fortnight ahead; when nothing changes in that time, its end is returned.
    """
    today = moment.astimezone(ZoneInfo(hours.time_zone)).date()
    edges = [
        edge
        for ahead in range(_DAYS_AHEAD)
        for span in _spans(hours, today + timedelta(days=ahead))
        for edge in span
        if edge > moment
    ]
    return min(edges, default=moment + timedelta(days=_DAYS_AHEAD))


def _spans(hours: Hours, day: date) -> list[tuple[datetime, datetime]]:
    """Return the spans of one local day as moments in UTC, which alone compare across a clock change."""
    if day in hours.closed_on:
        return []
    return [
        (_moment(hours, day, span[:5]), _moment(hours, day, span[6:]))
        for span in hours.days.get(_WEEKDAYS[day.weekday()], [])
    ]


def _moment(hours: Hours, day: date, text: str) -> datetime:
    if text == "24:00":
        day, text = day + timedelta(days=1), "00:00"
    local = datetime.combine(day, time.fromisoformat(text), ZoneInfo(hours.time_zone))
    return local.astimezone(UTC)
