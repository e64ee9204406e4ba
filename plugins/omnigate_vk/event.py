"""One event, and what the community knows while it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import omnigate
from omnigate_vk.marks import Marks
from omnigate_vk.model import Raw
from omnigate_vk.people import People
from omnigate_vk.sent import SentMessages

Items = Sequence[omnigate.Inbound]

LONGEST: Final = 1000
"""The most characters of a short text of the model."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the community knows while events are read."""

    group_id: int
    people: People
    marks: Marks
    sent: SentMessages
    blocked: set[int] = field(default_factory=set)
    """Who is known not to want messages; whoever writes wants them again."""


class Event:
    """One event: its name, its kind, what stands under it, and when it came."""

    __slots__ = ("came_at", "given", "kind", "known", "name")

    def __init__(self, envelope: Raw, known: Knowledge, came_at_seconds: float) -> None:
        self.name: str = envelope["event_id"]
        self.kind: str = envelope["type"]
        self.given: Any = envelope.get("object")
        self.known = known
        self.came_at = when(came_at_seconds)

    def profile(self, user_id: int, lang_id: int | None = None) -> omnigate.Profile:
        """Return somebody as far as is known now."""
        return self.known.people.profile(user_id, lang_id)


def when(seconds: float) -> datetime:
    """Return a POSIX time; raises ``ValueError`` for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("a time that no calendar has") from None
