"""A token bucket, for platforms that count calls."""

from __future__ import annotations

import asyncio
import time


class TokenBucket:
    """Lets ``rate`` calls per ``per_seconds`` through, up to ``burst`` at once, in order of asking."""

    def __init__(self, rate: float, per_seconds: float = 1.0, burst: int = 1) -> None:
        self._interval = per_seconds / rate
        self._slack = self._interval * (burst - 1)
        self._free_at = time.monotonic() - self._slack

    async def acquire(self) -> None:
        """Take one token, waiting for it if need be."""
        wait = self._take(time.monotonic())
        if wait > 0:
            await asyncio.sleep(wait)

    def try_acquire(self) -> bool:
        """Take one token if there is one; never waits."""
        now = time.monotonic()
        if max(self._free_at, now - self._slack) > now:
            return False
        self._take(now)
        return True

    def _take(self, now: float) -> float:
        """Book the next token; return how long it takes until it is there."""
        start = max(self._free_at, now - self._slack)
        self._free_at = start + self._interval
        return start - now
