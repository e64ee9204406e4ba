"""The log as it grows, and what is fleeting: for those who follow along instead of being delivered to.

`Stream` keeps nothing but the position of the last event it heard of. A follower reads the store first
and then waits for what comes beyond: nothing is missed in between, because the end that was heard of
only grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from omnigate.model.event import Event
from omnigate.store.store import Store
from omnigate.store.turns import Committed

QUEUE_LENGTH: Final = 200
"""Fleeting events that one follower may leave unread; further ones pass it by."""


@dataclass(eq=False, slots=True)
class _Waiter:
    position: int
    or_ephemeral: bool
    news: asyncio.Future[bool]


class Stream:
    """Tells followers when there is more. Lives on the event loop."""

    def __init__(self, store: Store) -> None:
        self._end = 0
        self._closed = False
        self._waiting: set[_Waiter] = set()
        self._queues: set[asyncio.Queue[Event]] = set()
        store.writer.on_commit.append(self._hear)

    @property
    def closed(self) -> bool:
        """Whether the daemon is stopping: followers should end."""
        return self._closed

    async def wait_beyond(
        self, position: int, timeout_seconds: float, *, or_ephemeral: bool = False
    ) -> bool:
        """Wait until an event beyond the position is on disk; False when the time is over.

        Read the log up to the position first. Returns False at once when the stream is closed. With
        ``or_ephemeral`` something fleeting ends the waiting too (True).
        """
        if self._end > position:
            return True
        if self._closed:
            return False
        waiter = _Waiter(position, or_ephemeral, asyncio.get_running_loop().create_future())
        self._waiting.add(waiter)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await waiter.news
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiter)

    @contextmanager
    def subscribe_ephemeral(self) -> Iterator[asyncio.Queue[Event]]:
        """Give a bounded queue of the fleeting events from now on; what does not fit is dropped."""
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_LENGTH)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def publish_ephemeral(self, event: Event) -> None:
        """Hand a fleeting event to everybody who follows now; never waits."""
        for queue in self._queues:
            if not queue.full():
                queue.put_nowait(event)
        self._wake(waiter for waiter in self._waiting if waiter.or_ephemeral)

    def close(self) -> None:
        """Wake everybody who waits, for good."""
        self._closed = True
        self._wake(self._waiting, news=False)

    def _hear(self, committed: Committed) -> None:
        if committed.recorded:
            self._end = max(self._end, committed.recorded[-1].position)
            self._wake(waiter for waiter in self._waiting if waiter.position < self._end)

    def _wake(self, waiters: Iterable[_Waiter], *, news: bool = True) -> None:
        for waiter in waiters:
            if not waiter.news.done():
                waiter.news.set_result(news)
