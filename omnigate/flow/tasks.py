"""Tasks that a part has in flight: none is forgotten, all are waited for or cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakSet

import structlog

ANEW_SECONDS: Final = 5.0
"""After so long something that failed begins anew."""
GRACE_SECONDS: Final = 5.0
"""What is cancelled and does not end in this time is left behind."""

_told_to_end: Final[WeakSet[asyncio.Task[Any]]] = WeakSet()

log = structlog.get_logger("dispatcher")


def is_told_to_end(task: asyncio.Task[Any]) -> bool:
    """Tell whether `Tasks` cancelled a task: if not, and it is cancelled, what ran in it did so."""
    return task in _told_to_end


async def kept_up(work: Callable[[], Awaitable[object]], name: str) -> None:
    """Do long-lived work until cancelled; if it fails unexpectedly, loudly begin it anew.

    For work beside the way of the messages: its failing must not end that.
    """
    while True:
        try:
            await work()
            return
        except Exception:
            log.exception("failed; begins anew", part=name)
        await asyncio.sleep(ANEW_SECONDS)


@dataclass(slots=True)
class Tasks:
    """What was begun and has not ended."""

    running: set[asyncio.Task[Any]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin; what it raises unexpectedly is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self.running.add(task)
        task.add_done_callback(self._ended)

    async def finish(self, seconds: float) -> int:
        """Wait for all, at most so long; cancel the rest and return how many those were."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        # What ends may begin more: waking lanes, noting how a destination is.
        while self.running and (left := until - loop.time()) > 0:
            await asyncio.wait(self.running, timeout=left)
        late = list(self.running)
        for task in late:
            _told_to_end.add(task)
            task.cancel()
        if late:
            _, deaf = await asyncio.wait(late, timeout=GRACE_SECONDS)
            if deaf:
                log.error(
                    "attempts do not end when cancelled; going on without them", count=len(deaf)
                )
        return len(late)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("attempt ended unexpectedly", exc_info=error)
