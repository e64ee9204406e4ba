"""What the switch knows of a phone: where it is, and what it does by itself when it is rung."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from omnigate.emulators.asterisk.causes import BUSY, NO_ANSWER, REJECTED, Cause

Habit = Literal["by_hand", "answers", "busy", "declines", "does_not_answer", "unreachable", "away"]
"""What a phone does by itself: nothing, or one of the ends at once. ``unreachable`` never rings, ``away`` is
not registered and cannot even be dialled."""

ENDS: Final[dict[Habit, Cause]] = {
    "busy": BUSY,
    "declines": REJECTED,
    "does_not_answer": NO_ANSWER,
    "unreachable": NO_ANSWER,  # 22.10 says the same of a phone that never rang
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One time that a phone was dialled."""

    endpoint: str
    caller: str
    channel: str


class Extension:
    """One place that can be dialled."""

    def __init__(self, endpoint: str, habit: Habit) -> None:
        self.endpoint = endpoint
        self.habit: Habit = habit
        self.rung: list[Rung] = []
        """Every time that it was dialled, busy or not."""
        self.last_end: Cause | None = None
        """How its latest call ended."""
        parts = [re.escape(part) for part in endpoint.split("*")]
        self._matches = re.compile("[^@/]+".join(parts))

    def is_behind(self, endpoint: str) -> bool:
        """Tell whether it rings when an endpoint is dialled."""
        return self._matches.fullmatch(endpoint) is not None
