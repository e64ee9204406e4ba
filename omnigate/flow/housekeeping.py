"""The hourly round: what is done with is forgotten, so that the store does not grow for ever.

All of it goes by age: while the clock is in doubt (`omnigate.flow.clockwatch`) nothing is forgotten.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from omnigate.config.tables import Retention
from omnigate.errors import StoreError
from omnigate.flow.fading import fade_old
from omnigate.flow.sweeping import Sweeper
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.prune import (
    CHUNK,
    Ages,
    AttemptWalk,
    LaneWalk,
    prune,
    prune_attempts,
    prune_lanes,
    shrink,
)
from omnigate.store.queue import expired_items
from omnigate.store.record import time_text
from omnigate.store.replays import PRUNED, prune_replays
from omnigate.store.store import Store

ROUND_SECONDS: Final = 3600.0
PAGES: Final = 1000
"""Pages that one turn gives back to the file system."""

_DAY: Final = 24 * 3600 * 1000
DEDUP_DAYS: Final = 35
"""Longer than any platform redelivers."""
IDEMPOTENCY_DAYS: Final = 2
EARLY_RECEIPT_MS: Final = 15 * 60 * 1000
IDLE_LANE_DAYS: Final = 7

log = structlog.get_logger("housekeeping")


@dataclass(slots=True)
class Round:
    """What one round has done so far."""

    started_at: int
    """Milliseconds since 1970."""
    was_asked_for: bool = False
    ended_at: int | None = None
    """None: it goes on."""
    removed: Counter[str] = field(default_factory=Counter)
    """Rows by table, and files."""
    error: str | None = None


def _never() -> None:
    return None


class Housekeeper:
    """Goes round every hour, and when asked to.

    ``served`` names the destinations of the configuration: what others are owed nobody claims, so it
    expires here.
    """

    def __init__(
        self,
        store: Store,
        retention: Callable[[], Retention],
        served: Callable[[], Collection[int]],
        discard: Callable[[str], object] | None = None,
        doubted_until: Callable[[], int | None] = _never,
        sweeper: Sweeper | None = None,
    ) -> None:
        """``discard`` removes the file with a hash from the disk; without it files stay.

        So do those that nothing names without a ``sweeper``.

        ``doubted_until`` says until when the clock is in doubt, in milliseconds since 1970.
        """
        self._discard = discard
        self._doubted_until = doubted_until
        self._sweeper = sweeper
        self.last: Round | None = None
        self._store = store
        self._retention = retention
        self._served = served
        self._asked = asyncio.Event()

    async def run(self) -> None:
        """Go round until cancelled; each round asks how long things are kept."""
        while True:
            shrinks = self._asked.is_set()
            self._asked.clear()
            await self.go_round(shrinks=shrinks)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_seconds()):
                    await self._asked.wait()

    def ask(self) -> None:
        """Have a round begin as soon as none is under way; it also makes the file smaller."""
        self._asked.set()

    def _pause_seconds(self) -> float:
        """Return how long to wait for the next round: what the clock held up is done when it is believed."""
        until = self._doubted_until()
        if until is None:
            return ROUND_SECONDS
        return min(ROUND_SECONDS, (until - self._store.now()) / 1000 + 1)

    async def go_round(self, *, shrinks: bool) -> None:
        """Forget what is too old and give up what nobody will claim, in short turns."""
        self.last = now = Round(self._store.now(), was_asked_for=shrinks)
        try:
            for forget in (
                self._prune,
                self._prune_attempts,
                self._prune_replays,
                self._prune_lanes,
                self._expire,
                self._fade,
                self._sweep,
            ):
                if self._doubted_until() is None:
                    await forget(now)
            if (until := self._doubted_until()) is not None:
                now.error = (
                    "the clock was set ahead, or the daemon was off for long: nothing is expired or"
                    f" deleted until {time_text(until)}"
                )
            if shrinks:
                await self._shrink()
            # The engine moves its log by itself and is silent where it cannot: a log that grows for
            # ever, and a disk that fails there, are found here.
            await self._store.writer.truncate_log()
        except StoreError as error:
            now.error = str(error)
            log.warning("round not finished; the next one goes on", error=str(error))
        now.ended_at = self._store.now()
        log.debug("round done", removed=dict(now.removed))

    async def _prune(self, now: Round) -> None:
        ages = _ages(self._retention())
        more = True
        while more and self._doubted_until() is None:
            counts = await self._store.writer.do(prune, ages)
            now.removed.update(counts)
            more = CHUNK in counts.values()

    async def _prune_attempts(self, now: Round) -> None:
        walk: AttemptWalk | None = AttemptWalk(self._retention().attempts_days * _DAY)
        while walk is not None and self._doubted_until() is None:
            step = await self._store.writer.do(prune_attempts, walk)
            now.removed.update(attempt=step.gone)
            walk = walk._replace(after=step.after) if step.after is not None else None
        now.removed += Counter()  # nothing is not worth telling

    async def _prune_replays(self, now: Round) -> None:
        kept_ms = self._retention().attempts_days * _DAY
        more = True
        while more and self._doubted_until() is None:
            count = await self._store.writer.do(prune_replays, kept_ms)
            now.removed.update(replay=count)
            more = count == PRUNED
        now.removed += Counter()  # nothing is not worth telling

    async def _prune_lanes(self, _: Round) -> None:
        walk: LaneWalk | None = LaneWalk(IDLE_LANE_DAYS * _DAY)
        while walk is not None and self._doubted_until() is None:
            after = await self._store.writer.do(prune_lanes, walk)
            walk = walk._replace(after=after) if after else None

    async def _fade(self, now: Round) -> None:
        """Take out what was said long ago."""
        kept_ms = self._retention().bodies_days * _DAY
        if kept_ms:
            before = now.started_at - kept_ms
            now.removed.update(event_body=await fade_old(self._store, before, self._discard))
            now.removed += Counter()  # nothing is not worth telling

    async def _sweep(self, now: Round) -> None:
        """Remove files that nothing names; everywhere if somebody waits for it."""
        if self._sweeper is not None:
            swept = await self._sweeper.sweep(now.started_at, everywhere=now.was_asked_for)
            now.removed.update(files=swept)
            now.removed += Counter()  # nothing is not worth telling

    async def _shrink(self) -> None:
        before, left = -1, await self._store.writer.do(shrink, PAGES)
        while left and left != before:
            before, left = left, await self._store.writer.do(shrink, PAGES)

    async def _expire(self, now: Round) -> None:
        """Give up what is owed to nobody that is there, once its time is over."""
        served = list(self._served())
        while numbers := await self._store.read(expired_items, served, now.started_at):
            wanted = Abandonment(numbers, "expired")
            done = await self._store.writer.do(abandon, wanted, weight=len(numbers))
            if not done.gone:
                return
            now.removed["outbox"] += len(done.gone)
            log.error("expired: who it was for is not at work", count=len(done.gone))


def _ages(kept: Retention) -> Ages:
    return Ages(
        dedup=DEDUP_DAYS * _DAY,
        idempotency=IDEMPOTENCY_DAYS * _DAY,
        early_receipts=EARLY_RECEIPT_MS,
        attempts=kept.attempts_days * _DAY,
        exchanges=kept.exchanges_days * _DAY,
        dead=kept.dead_days * _DAY,
        quarantine=kept.quarantine_days * _DAY,
        waits=kept.waits_days * _DAY,
    )
