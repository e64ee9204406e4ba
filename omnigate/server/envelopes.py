"""Stored events as the API hands them out: their own bytes, the addresses of files signed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic_core import to_json

from omnigate.config.checking import did_you_mean
from omnigate.flow.media import Media
from omnigate.model.event import OPERATIONAL, EventType, types_matching
from omnigate.server.auth import Caller
from omnigate.server.limited import envelope_for
from omnigate.server.problems import Denied
from omnigate.store.transaction import RecordedEvent

_MOST_PATTERNS: Final = 50
_LONGEST: Final = 60
_ORDINARY: Final = frozenset(EventType) - OPERATIONAL


def text_of(media: Media, event: RecordedEvent, caller: Caller) -> str:
    """Return an event as a caller gets to see it, as JSON on one line."""
    text = envelope_for(caller, event.body)
    return media.present(text) if event.media else text


def page_of(
    media: Media, events: Iterable[RecordedEvent], following: str | None, caller: Caller
) -> str:
    """Return a page of events as JSON; hardly any envelope is parsed."""
    items = ",".join(text_of(media, event, caller) for event in events)
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
