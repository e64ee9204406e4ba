"""A loop in a thread of its own, for a platform that goes on while a test waits for a process."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Apart:
    """Runs what it is given on its own loop; `end` leaves nothing open behind."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Awaitable[T], seconds: float = 60.0) -> T:
        """Have something happen there; return what comes of it."""

        async def wait() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(seconds)

    def call(self, work: Callable[[], T]) -> T:
        """Have something happen there that waits for nothing."""

        async def happen() -> T:
            return work()

        return self.do(happen())

    def close(self) -> None:
        """End the loop; connections that are still open, or about to be, are cut first."""
        self.do(cut_all())
        end(self._loop, self._thread)


def end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """End a loop that a thread runs; what came in its last turn is cut, too."""
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    # In a thread again: a browser's driver has a loop of its own at work in this one.
    last = threading.Thread(target=loop.run_until_complete, args=(cut_all(),))
    last.start()
    last.join(10)
    with warnings.catch_warnings():
        # A connection that began in the very last turn is nobody's: it goes here and not in some other test.
        warnings.simplefilter("ignore", ResourceWarning)
        loop.close()
        gc.collect()


async def cut_all() -> None:
    """End what the running loop holds: its tasks, and connections that are open or about to be."""
    loop = asyncio.get_running_loop()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for _ in range(20):  # a connection's beginning and end are told in turns to come
        for transport in list(loop._transports.values()):  # type: ignore[attr-defined]  # asyncio's own list
            transport.abort()
        await asyncio.sleep(0)
