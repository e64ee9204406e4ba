"""Noticing that the machine's clock was set back, so that nothing waits for a moment gone by.

Timers run by the loop's clock, which nobody sets; due times stand in the store by the machine's. When the
machine's clock falls behind the loop's, everything that waits is brought nearer by as much. What happened
while the daemon did not run is read from the newest rows of the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

import structlog

from omnigate.flow.destination import Destination
from omnigate.store.clock import SetBack, set_back
from omnigate.store.store import Store

TOLERANCE_MS: Final = 1000
"""Less than this is the ordinary adjusting of a clock."""

log = structlog.get_logger("dispatcher")


class ClockWatch:
    """Looked at now and then by the dispatcher."""

    def __init__(self, store: Store, lease_ms: int) -> None:
        self._store = store
        self._lease_ms = lease_ms
        self._ahead_ms: int | None = None

    async def look(self, destinations: Collection[Destination]) -> None:
        """Bring what waits nearer if the clock was set back since the last look, or before the start.

        Raises `StoreError`; the next look does it then.
        """
        now = self._store.now()
        ahead_ms = now - int(asyncio.get_running_loop().time() * 1000)
        back_ms = None if self._ahead_ms is None else self._ahead_ms - ahead_ms
        if back_ms is not None and back_ms < TOLERANCE_MS:
            self._ahead_ms = ahead_ms
            return
        if back_ms is not None:
            # Before the lanes, which ask their breaker as soon as they are due.
            _bring_nearer(destinations, now, back_ms)
        moved_ms = await self._store.writer.do(set_back, SetBack(back_ms, self._lease_ms))
        self._ahead_ms = ahead_ms
        if back_ms is None:
            _bring_nearer(destinations, now, moved_ms)
        if moved_ms >= TOLERANCE_MS:
            log.warning(
                "the clock was set back; what waits keeps its wait", seconds=moved_ms // 1000
            )


def _bring_nearer(destinations: Collection[Destination], now: int, by_ms: int) -> None:
    for destination in destinations:
        destination.breaker.set_back(now, by_ms)
