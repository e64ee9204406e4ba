"""Noticing that the event loop stands still, and saying whose code holds it.

All plugins share one loop: one that blocks it (reads a file, resolves a name, computes for seconds) stops
everybody. That cannot be prevented from outside, but it can be named. The loop beats; a thread listens,
and when the beat stays away it looks at what the loop's thread is doing just then.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

import structlog

from omnigate import systemd
from omnigate.backend import Backend
from omnigate.channel import Channel

LIMIT_SECONDS: Final = 1.0
"""For so long the loop may be held."""
BEAT_SECONDS: Final = 0.25

log = structlog.get_logger("watchdog")


class Watchdog:
    """Watches over the event loop that it is run on."""

    def __init__(self, name_of: Callable[[object], str | None]) -> None:
        """Ask ``name_of`` what an instance of a plugin is called in the configuration."""
        self.stalls = 0
        """How often the loop stood still."""
        self._name_of = name_of
        self._beat_at = time.monotonic()
        self._over = threading.Event()

    async def run(self) -> None:
        """Watch until cancelled; also tells the service manager that all is well, if it wants to hear."""
        self._beat_at = time.monotonic()
        self._over.clear()
        thread = threading.Thread(
            target=self._watch,
            args=(threading.get_ident(),),
            name="omnigate-watchdog",
            daemon=True,
        )
        thread.start()
        patience_seconds = systemd.watchdog_seconds()
        told_at = 0.0
        try:
            while True:
                self._beat_at = time.monotonic()
                if patience_seconds and self._beat_at - told_at >= patience_seconds / 3:
                    systemd.notify("WATCHDOG=1")
                    told_at = self._beat_at
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            self._over.set()

    def _watch(self, thread_id: int) -> None:
        stalled_at: float | None = None
        while not self._over.wait(BEAT_SECONDS):
            beat_at, now = self._beat_at, time.monotonic()
            if stalled_at is not None and beat_at != stalled_at:
                log.warning("the event loop goes on", stood_seconds=round(beat_at - stalled_at, 1))
                stalled_at = None
            elif stalled_at is None and now - beat_at > LIMIT_SECONDS:
                stalled_at = beat_at
                self.stalls += 1
                self._accuse(sys._current_frames().get(thread_id))  # noqa: SLF001  # the documented way to another thread's stack

    def _accuse(self, frame: FrameType | None) -> None:
        """Say what the loop's thread is doing, and for which plugin."""
        stack = list(_outwards(frame))
        where = [f"{each.f_code.co_filename}:{each.f_lineno}" for each in stack[:3]]
        log.error(
            "the event loop stands still: everything waits for this code",
            plugin=next(filter(None, map(self._plugin_in, stack)), None),
            where=where,
        )

    def _plugin_in(self, frame: FrameType) -> str | None:
        instance = frame.f_locals.get("self")
        return self._name_of(instance) if isinstance(instance, Channel | Backend) else None


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
