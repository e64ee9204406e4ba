"""Stored events as the API hands them out: their own bytes, the addresses of files signed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic_core import to_json

from omnigate.config.checking import did_you_mean
from omnigate.flow.media import Media
from omnigate.model.event import OPERATIONAL, EventType, types_matching
from omnigate.server.problems import Denied
from omnigate.store.transaction import RecordedEvent

_MOST_PATTERNS: Final = 50
_LONGEST: Final = 60
_ORDINARY: Final = frozenset(EventType) - OPERATIONAL


def text_of(media: Media, event: RecordedEvent) -> str:
    """Return an event as JSON on one line."""
    return media.present(event.body) if event.media else event.body


def page_of(media: Media, events: Iterable[RecordedEvent], following: str | None) -> str:
    """Return a page of events as JSON; the envelopes are not parsed."""
    items = ",".join(text_of(media, event) for event in events)
    return f'{{"items":[{items}],"next":{to_json(following).decode()}}}'


def wanted_types(patterns: str | None, *, operator: bool) -> frozenset[EventType] | None:
    """Return the types that patterns such as ``message.*,typing`` name; None: all.

    Who names none gets all but the operational ones, an operator those too. Raises 400 for a pattern
    that names none.
    """
    if patterns is None or not patterns.strip():
        return None if operator else _ORDINARY
    named = [pattern.strip() for pattern in patterns.split(",")]
    if len(named) > _MOST_PATTERNS:
        raise Denied(400, f"At most {_MOST_PATTERNS} types may be named.")
    found: set[EventType] = set()
    for pattern in named:
        matching = types_matching(pattern)
        if not matching:
            raise Denied(400, _no_type(pattern))
        found |= matching
    return frozenset(found)


def _no_type(pattern: str) -> str:
    known = sorted(EventType)
    near = did_you_mean(pattern, known) or f"there are {', '.join(known)}."
    shown = pattern[:_LONGEST]
    return f"No type of event is called {shown!r}; {near} A * stands for any part: message.*"
