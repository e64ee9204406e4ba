"""Working hours in which nobody ever is there: allowed, and hardly meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from omnigate.config.annotations import key_of
from omnigate.config.lines import Place
from omnigate.config.reading import Document
from omnigate.config.sections import Sections
from omnigate.errors import Problem
from omnigate.hours import OPENING_DAYS, Hours


def warnings(document: Document, sections: Sections, now: datetime) -> Iterator[Problem]:
    """Return the hours of channels that do not open any more in the time that is looked ahead."""
    for name, section in sections.channels.items():
        for place, hours in _hours_in(section.config, ("channels", name)):
            if hours.next_opening(now) is None:
                message = f"nobody is there in the next {OPENING_DAYS} days"
                hint = 'name opening hours: days = { mon = ["09:00-18:00"] }; see closed_on too'
                yield document.problem(place, message, hint)


def _hours_in(value: Any, place: Place) -> Iterator[tuple[Place, Hours]]:
    if isinstance(value, Hours):
        yield place, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _hours_in(getattr(value, name), (*place, key_of(name, field)))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _hours_in(item, (*place, str(key)))
