"""The way in: what channels hand over, refused when it could not be kept safe, durable on return."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from omnigate.errors import Overloaded, StoreError
from omnigate.flow.figures import Figures
from omnigate.hosting import Notes, Recorded
from omnigate.model.call import CallUpdate
from omnigate.model.inbound import Inbound
from omnigate.store.ingest import Intake, ingest
from omnigate.store.quarantined import Puzzle, keep
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey
from omnigate.store.turns import FULL_SECONDS

WAITING_LIMIT: Final = 1000
WAITING_MESSAGES_LIMIT: Final = 10_000
"""A hand-over may bring many messages: they are counted too, since they wait in memory."""
SLOW_COMMIT_SECONDS: Final = 2.0
CLOSED_RETRY_SECONDS: Final = 30.0
DISK_SHARE: Final = 0.02
"""Of the whole disk; so much stays free whatever ``store.min_free_bytes`` says."""
LOW_DISK_SECONDS: Final = 60.0
"""When to come back: somebody has to make room."""
_DISK_CHECK_SECONDS: Final = 2.0

log = structlog.get_logger("inbox")


def least_room_bytes(disk_bytes: int, min_free_bytes: int) -> int:
    """Return how much of a disk has to be free for anything to be taken in."""
    return max(min_free_bytes, int(disk_bytes * DISK_SHARE))


def _never(channel: str) -> bool:
    return False


class Inbox:
    """Takes in items for all channels; refuses with `Overloaded` before anything is at risk."""

    def __init__(
        self,
        store: Store,
        *,
        min_free_bytes: int,
        is_closed: Callable[[str], bool] = _never,
        figures: Figures | None = None,
    ) -> None:
        """Ask ``is_closed`` whether the operator lets nothing in from a channel."""
        self.figures = figures or Figures()
        self._store = store
        self._is_closed = is_closed
        self._directory: Path = store.path.parent
        self._min_free_bytes = min_free_bytes
        self._checked_at = -_DISK_CHECK_SECONDS
        self._disk_is_low = False
        self._said_low = False

    async def put(
        self,
        channel: ChannelKey,
        items: Sequence[Inbound],
        cursor: str | None = None,
        puzzles: Sequence[Puzzle] = (),
        notes: Notes | None = None,
    ) -> list[Recorded]:
        """Store the items, and what came with them and nobody understood, all or none.

        Returns once they are on disk. What becomes of calls that have begun is taken in from a channel that
        is paused, too: nobody can put that off. So are notes alone, which bring nothing in.

        Raises `Overloaded` or `StoreError`, and then nothing was stored.
        """
        figures = self.figures.channel(channel.name)
        began = time.perf_counter()
        try:
            brings_news = bool(puzzles) or not all(isinstance(item, CallUpdate) for item in items)
            self.admit(channel.name if brings_news else None)
            intake = Intake(channel, items, cursor, puzzles, notes or {})
            weight = len(items) + len(puzzles) + len(intake.notes)
            recorded = await self._store.writer.do(ingest, intake, weight=weight)
        except (Overloaded, StoreError):
            figures.refused += len(items)
            raise
        figures.acknowledge_seconds.observe(time.perf_counter() - began)
        duplicates = sum(one.duplicate for one in recorded)
        figures.duplicates += duplicates
        figures.stored += len(recorded) - duplicates
        figures.quarantined += len(puzzles)
        return recorded

    async def quarantine(self, puzzle: Puzzle) -> None:
        """Keep a request that nobody understood; durable on return."""
        self.admit(puzzle.channel)
        await self._store.writer.do(keep, puzzle)
        self.figures.channel(puzzle.channel).quarantined += 1

    def admit(self, channel: str | None = None) -> None:
        """Raise `Overloaded` when new work should not be accepted, from a channel or at all."""
        if channel is not None and self._is_closed(channel):
            raise Overloaded(
                f"the operator lets nothing in from {channel}",
                retry_after_seconds=CLOSED_RETRY_SECONDS,
            )
        writer = self._store.writer
        if writer.waiting > WAITING_LIMIT or writer.waiting_weight > WAITING_MESSAGES_LIMIT:
            raise Overloaded("too much is waiting to be written", retry_after_seconds=1)
        if writer.figures.last_commit_seconds > SLOW_COMMIT_SECONDS and writer.waiting:
            raise Overloaded("the disk is slow", retry_after_seconds=5)
        if self.disk_is_low():
            raise Overloaded("the disk is nearly full", retry_after_seconds=LOW_DISK_SECONDS)

    def disk_is_low(self) -> bool:
        """Tell whether there is too little room left to take in more; the log says when that changes."""
        is_low = self._has_little_room()
        if is_low != self._said_low:
            self._said_low = is_low
            if is_low:
                log.error("the disk is nearly full; nothing is taken in until there is room again")
            else:
                log.info("there is room on the disk again")
        return is_low

    def _has_little_room(self) -> bool:
        now = time.monotonic()
        full_at = self._store.writer.figures.full_at
        if full_at is not None and now - full_at < FULL_SECONDS:
            return True  # under a quota writes are refused while the disk itself has room
        if now - self._checked_at >= _DISK_CHECK_SECONDS:
            usage = shutil.disk_usage(self._directory)
            self._disk_is_low = usage.free < least_room_bytes(usage.total, self._min_free_bytes)
            self._checked_at = now
        return self._disk_is_low
