"""Telling of customers who wait too long, as soon as they do.

Theory of operation. The store knows when the next wait becomes overdue. This sleeps until then, and is
woken earlier only by the commit of a wait that becomes overdue before it; a wait that ends meanwhile
leaves an alarm for nothing. What became overdue while the daemon was down is told at the start.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from omnigate.errors import StoreError
from omnigate.store.overdue import tell_overdue
from omnigate.store.store import Store
from omnigate.store.turns import Committed
from omnigate.store.waits import next_overdue

AT_ONCE: Final = 100
"""How many are told of in one turn of the writer."""
LONGEST_SLEEP_SECONDS: Final = 3600.0
"""The clock may be set ahead meanwhile."""
FAILED_SECONDS: Final = 5.0

log = structlog.get_logger("waiting")


class Waiting:
    """Watches who waits for an answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._news = asyncio.Event()
        self._alarm_at: int | None = None
        """When this wakes by itself, in milliseconds since 1970; None: it is awake."""

    def committed(self, committed: Committed) -> None:
        """Hear what was committed: only a wait that is overdue before the alarm matters."""
        overdue_at, alarm_at = committed.overdue_at, self._alarm_at
        if overdue_at is not None and (alarm_at is None or overdue_at < alarm_at):
            self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        self._store.writer.on_commit.append(self.committed)
        try:
            while True:
                self._news.clear()
                sleep_seconds = await self._round()
                self._alarm_at = self._store.now() + int(sleep_seconds * 1000)
                with suppress(TimeoutError):
                    async with asyncio.timeout(sleep_seconds):
                        await self._news.wait()
                self._alarm_at = None
        finally:
            self._store.writer.on_commit.remove(self.committed)

    async def _round(self) -> float:
        """Tell of all that are overdue; return in how many seconds to look again."""
        try:
            while (at := await self._store.read(next_overdue)) is not None:
                rest_ms = at - self._store.now()
                if rest_ms > 0:
                    return min(rest_ms / 1000 + 0.001, LONGEST_SLEEP_SECONDS)
                count = await self._store.writer.do(tell_overdue, AT_ONCE)
                log.debug("customers wait too long", count=count)
        except StoreError as error:
            log.warning("who waits too long is told later", error=str(error))
            return FAILED_SECONDS
        return LONGEST_SLEEP_SECONDS
