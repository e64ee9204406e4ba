"""An event loop whose clock is its own: it stands still while there is work and jumps when there is none.

Theory of operation. asyncio asks its selector to wait until the next timer; the selector here moves the
loop's clock by as much and returns at once. What would go to a thread is done on the spot, and its
result comes back a moment of virtual time later, so that other work goes on meanwhile as it does beside
a real thread. Nothing depends on the machine's speed, and days pass in seconds.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

THREAD_SECONDS = 0.01
"""What work in a thread takes: about a COMMIT on a slow disk."""


class Deadlock(Exception):
    """Nothing is under way and no timer is set: what is waited for will never come."""


class _Jumping(selectors.PollSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Deadlock
        if not ready and timeout is not None and timeout > 0:
            self.loop.virtual_seconds += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. Sockets and real threads are not for it."""

    def __init__(self) -> None:
        self.virtual_seconds = 0.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.virtual_seconds

    def run_in_executor(  # type: ignore[override]  # the future is there at once
        self, executor: Any, work: Callable[..., ResultT], *arguments: Any
    ) -> asyncio.Future[ResultT]:
        done: asyncio.Future[ResultT] = self.create_future()
        try:
            result = work(*arguments)
        except Exception as error:
            self.call_later(THREAD_SECONDS, _unless_cancelled, done, done.set_exception, error)
        else:
            self.call_later(THREAD_SECONDS, _unless_cancelled, done, done.set_result, result)
        return done


def _unless_cancelled(
    done: asyncio.Future[Any], tell: Callable[[Any], None], outcome: object
) -> None:
    if not done.done():
        tell(outcome)


def run(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
