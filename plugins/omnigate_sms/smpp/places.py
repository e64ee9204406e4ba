"""Places of which there are few, for which answers to waiting customers go before all else."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

FAIR_EVERY: Final = 10
"""One of so many places goes to what has waited longest, whatever it is: nothing starves."""


class Places:
    """A semaphore whose waiting callers come in two sorts; within a sort the first is served first.

    No place is given to whoever comes while somebody waits, unless it is urgent and none urgent waits.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._urgent_in_a_row = 0

    async def acquire(self, *, urgent: bool = False) -> None:
        """Take a place, waiting for it if need be; cancelled, it takes none."""
        if self._free > 0:
            # Then nobody waits: a place that comes free goes to whoever does.
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # it was ours already
            raise

    def release(self) -> None:
        """Give a place to the next, or have it free."""
        while (turn := self._next()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _next(self) -> asyncio.Future[None] | None:
        is_others_turn = not self._urgent or self._urgent_in_a_row >= FAIR_EVERY - 1
        if self._others and is_others_turn:
            self._urgent_in_a_row = 0
            return self._others.popleft()
        if self._urgent:
            self._urgent_in_a_row += 1
            return self._urgent.popleft()
        return None
