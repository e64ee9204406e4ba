"""The pause of the whole link when the operator says that it is too fast."""

from __future__ import annotations

import asyncio
from typing import Final

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 30.0


class Throttle:
    """Doubles the pause from refusal to refusal, and forgets when a text was taken.

    Answers to what was sent before a pause began belong to that pause: a window full of refusals is one.
    """

    def __init__(self) -> None:
        self._next_seconds = FIRST_SECONDS
        self._paused_at = float("-inf")
        self._until = float("-inf")

    def left_seconds(self) -> float:
        """Return how long the pause still is; 0 when there is none."""
        return max(self._until - asyncio.get_running_loop().time(), 0.0)

    def refused(self, sent_at: float) -> None:
        """Hear that what was sent at a time of the loop was refused as too fast."""
        if sent_at <= self._paused_at:
            return
        self._paused_at = asyncio.get_running_loop().time()
        self._until = self._paused_at + self._next_seconds
        self._next_seconds = min(self._next_seconds * 2, LONGEST_SECONDS)

    def taken(self, sent_at: float) -> None:
        """Hear that what was sent at a time of the loop was taken."""
        if sent_at > self._until:
            self._next_seconds = FIRST_SECONDS
