"""Noticing that the machine's clock was set, so that nothing waits for ever and nothing is lost by it.

Timers run by the loop's clock, which nobody sets; due times and ages stand in the store by the machine's.

*Set back*: everything that waits is brought nearer by as much. *Set ahead*: what waits is tried earlier,
which harms nobody; but whatever is given up or deleted by its age would go at once, and may be young. So
the clock is in doubt from then on, until it was steady for an hour: time for an operator, or for NTP.

What happened while the daemon did not run is read from the newest rows of the store. A daemon that was off
or idle for days cannot be told from a clock that is wrong: it waits an hour as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import structlog

from omnigate.errors import StoreError
from omnigate.flow.destination import Destination
from omnigate.flow.held import LEASE_SECONDS
from omnigate.store.clock import SetBack, newest_at, note_doubt, read_doubt, set_back
from omnigate.store.store import Store

TOLERANCE_MS: Final = 1000
"""Less than this is the ordinary adjusting of a clock."""
JUMP_MS: Final = 3_600_000
"""Set by more than this, a clock is in doubt."""
SILENCE_MS: Final = 24 * 3_600_000
"""So long without a new row makes the clock doubtful at the start."""
STEADY_SECONDS: Final = 3600.0
"""After so long without a jump the clock is believed."""

log = structlog.get_logger("clock")


class ClockWatch:
    """Looked at now and then by the dispatcher, and asked by whoever gives up or deletes by age."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ahead_ms: int | None = None
        """How far the machine's clock is ahead of the loop's, as last seen; None before the first look."""
        self._doubted_at: float | None = None
        """Since when, by the loop's clock, the machine's is in doubt; None: it is believed."""
        self._noted_until: int | None = None
        """What the store knows of the doubt."""

    def doubted_until(self) -> int | None:
        """Return until when nothing may be given up or deleted by its age; None: now it may.

        Milliseconds since 1970, by the machine's clock. Sees a jump as soon as it has happened.
        """
        now = self._store.now()
        ahead_ms = now - _loop_ms()
        if self._ahead_ms is not None and ahead_ms - self._ahead_ms > JUMP_MS:
            jump_ms, self._ahead_ms = ahead_ms - self._ahead_ms, ahead_ms
            self._doubt(
                "the clock was set ahead; nothing is expired or deleted until it was steady for an hour:"
                " if it is wrong, correct it before then",
                by=_duration(jump_ms),
            )
        if self._doubted_at is None:
            return None
        left_ms = round((self._doubted_at + STEADY_SECONDS) * 1000) - _loop_ms()
        if left_ms <= 0:
            self._doubted_at = None
            log.info("the clock was steady for an hour; it is believed")
            return None
        return now + left_ms

    async def look(self, destinations: Collection[Destination]) -> None:
        """Bring what waits nearer if the clock was set back since the last look, or before the start.

        The first look goes before anything new is stored. Raises `StoreError`; the next look does it then.
        """
        now = self._store.now()
        ahead_ms = now - _loop_ms()
        if self._ahead_ms is None:
            await self._look_at_rows(now)
            moved_ms = await self._store.writer.do(set_back, SetBack(None, _LEASE_MS))
            _bring_nearer(destinations, now, moved_ms)
        else:
            self.doubted_until()  # a jump ahead is seen, and taken over
            moved_ms = self._ahead_ms - ahead_ms
            if moved_ms >= TOLERANCE_MS:
                # Before the lanes, which ask their breaker as soon as they are due.
                _bring_nearer(destinations, now, moved_ms)
                await self._store.writer.do(set_back, SetBack(moved_ms, _LEASE_MS))
        self._ahead_ms = ahead_ms
        if moved_ms >= TOLERANCE_MS:
            log.warning(
                "the clock was set back; what waits keeps its wait", seconds=moved_ms // 1000
            )
        if moved_ms > JUMP_MS and self._doubted_at is not None:
            self._doubted_at = asyncio.get_running_loop().time()  # it is not steady
        await self._note()

    async def _look_at_rows(self, now: int) -> None:
        """Doubt the clock if an earlier run did, or if the newest row is suspiciously old."""
        self._noted_until = noted = await self._store.read(read_doubt)
        newest = await self._store.read(newest_at)
        if noted is not None and noted > now:
            self._doubt(
                "the clock was set ahead before the start; nothing is expired or deleted until it was"
                " steady for an hour: if it is wrong, correct it before then",
            )
            # The hour goes on; were more of it left than that, the clock was set back meanwhile.
            gone_seconds = max(0.0, STEADY_SECONDS - (noted - now) / 1000)
            self._doubted_at = asyncio.get_running_loop().time() - gone_seconds
        elif newest is not None and now - newest > SILENCE_MS:
            self._doubt(
                "nothing was stored for long: either the daemon was off or idle, or the clock was set"
                " ahead; nothing is expired or deleted for an hour: if it is wrong, correct it before then",
                since=_moment(newest),
                by=_duration(now - newest),
            )

    def _doubt(self, why: str, **more: str) -> None:
        self._doubted_at = asyncio.get_running_loop().time()
        until = self._store.now() + int(STEADY_SECONDS * 1000)
        log.warning(why, until=_moment(until), **more)

    async def _note(self) -> None:
        """Write down the doubt, for a start within the hour, and once that it is over."""
        until = self.doubted_until()
        known = self._noted_until
        if until == known or (
            until is not None and known is not None and abs(until - known) < TOLERANCE_MS
        ):
            return
        try:
            await self._store.writer.do(note_doubt, until)
        except StoreError as error:
            log.warning("the doubt about the clock was not written down", error=str(error))
            return
        self._noted_until = until


def _bring_nearer(destinations: Collection[Destination], now: int, by_ms: int) -> None:
    for destination in destinations:
        destination.breaker.set_back(now, by_ms)


def _loop_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


def _moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M}Z"


def _duration(milliseconds: int) -> str:
    days, hours = divmod(round(milliseconds / 3_600_000), 24)
    return f"{days} d {hours} h" if days else f"{hours} h"


_LEASE_MS: Final = int(LEASE_SECONDS * 1000)
