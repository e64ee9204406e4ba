"""Working hours: whether somebody is there now, when that changes, and when somebody will be next.

Hours are the operator's own, in a zone of the IANA list. Moments compare in UTC, which alone is right on
the days when a clock changes: a span from 01:00 to 04:00 may last two hours, or four.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from omnigate.model.text import Model

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

CHANGE_DAYS: Final = 15
"""How far ahead changes are looked for."""
OPENING_DAYS: Final = 60
"""How far ahead the next opening is looked for: beyond any holidays."""

_WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)")


def check_span(text: str) -> str:
    """Return opening hours of a day as they are; raises ``ValueError`` when they are none."""
    match = _SPAN.fullmatch(text)
    if match is None or text[:5] >= text[6:]:
        raise ValueError("write opening hours as 09:00-18:00, the end after the beginning")
    return text


def check_zone(text: str) -> str:
    """Return the name of a time zone as it is; raises ``ValueError`` when there is none."""
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ValueError("write a time zone of the IANA list, for example Europe/Moscow") from None
    return text


class Hours(Model):
    """When somebody is there to answer."""

    time_zone: Annotated[str, AfterValidator(check_zone)] = Field(
        description="IANA name of the zone the hours are in, for example Europe/Moscow.",
        examples=["Europe/Moscow"],
    )
    days: dict[Weekday, list[Annotated[str, AfterValidator(check_span)]]] = Field(
        description='Opening hours a day: mon = ["09:00-13:00", "14:00-18:00"]; days left out are closed.',
        examples=[{"mon": ["09:00-18:00"], "tue": ["09:00-18:00"]}],
    )
    closed_on: list[date] = Field([], description="Dates that are closed as a whole: holidays.")

    def is_open(self, moment: datetime) -> bool:
        """Tell whether an aware moment lies within working hours."""
        return any(begin <= moment < end for begin, end in self._spans(self._day_of(moment)))

    def next_change(self, moment: datetime) -> datetime:
        """Return when the answer of `is_open` may next change after the moment.

        Looks a fortnight ahead; when nothing changes in that time, its end is returned.
        """
        edges = [
            edge for span in self._ahead(moment, CHANGE_DAYS) for edge in span if edge > moment
        ]
        return min(edges, default=moment + timedelta(days=CHANGE_DAYS))

    def next_opening(self, moment: datetime) -> datetime | None:
        """Return the first moment from this one on at which somebody is there: this one while open.

        None when nobody will be for 60 days.
        """
        begins = [
            max(begin, moment) for begin, end in self._ahead(moment, OPENING_DAYS) if end > moment
        ]
        return min(begins, default=None)

    def _ahead(self, moment: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        today = self._day_of(moment)
        for ahead in range(days):
            yield from self._spans(today + timedelta(days=ahead))

    def _day_of(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def _spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Return the spans of one local day as moments in UTC; those of which something is left."""
        if day in self.closed_on:
            return []
        named = self.days.get(_WEEKDAYS[day.weekday()], [])
        spans = ((self._moment(day, span[:5]), self._moment(day, span[6:])) for span in named)
        # When the clock goes forward, a time in the hour left out counts by the clock before it: by UTC
        # a span with such a time may begin when it ends, or later.
        return [(begin, end) for begin, end in spans if begin < end]

    def _moment(self, day: date, text: str) -> datetime:
        if text == "24:00":
            day, text = day + timedelta(days=1), "00:00"
        local = datetime.combine(day, time.fromisoformat(text), ZoneInfo(self.time_zone))
        return local.astimezone(UTC)
