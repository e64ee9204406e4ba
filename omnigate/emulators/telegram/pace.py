"""How fast the platform's time passes for those who wait in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """``speed`` seconds of the platform pass in one: back-off, long polls, pauses between calls."""

    speed: float = 1.0

    def real(self, seconds: float) -> float:
        """Return how long so many seconds of the platform take."""
        return seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of the platform."""
        await asyncio.sleep(self.real(seconds))
