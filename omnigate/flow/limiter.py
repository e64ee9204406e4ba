"""A token bucket, for platforms that count calls."""

from __future__ import annotations

import asyncio
import time


class TokenBucket:
    """Lets ``rate`` calls per ``per_seconds`` through, up to ``burst`` at once, in order of asking.

    A token counts from when it is had, not from when it was due: after a moment in which the process stood
    still, those who wait do not all come through at once. Who stops waiting costs nobody a token.
    """

    def __init__(self, rate: float, per_seconds: float = 1.0, burst: int = 1) -> None:
        self._interval_seconds = per_seconds / rate
        self._slack_seconds = self._interval_seconds * (burst - 1)
        self._free_at = time.monotonic() - self._slack_seconds
        self._turn = asyncio.Lock()

    async def acquire(self) -> None:
        """Take one token, waiting for it if need be."""
        async with self._turn:
            # Tokens come with time, nobody brings them.
            while (wait_seconds := self._free_at - time.monotonic()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait_seconds)
            self._take()

    def try_acquire(self) -> bool:
        """Take one token if there is one and nobody waits for it; never waits."""
        if self._turn.locked() or self._free_at > time.monotonic():
            return False
        self._take()
        return True

    def _take(self) -> None:
        now = time.monotonic()
        self._free_at = max(self._free_at, now - self._slack_seconds) + self._interval_seconds
