"""Waiting for a condition without polling: whoever changes something says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class Changes:
    """A bell that is rung at every change. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits; they look for themselves."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait_for(self, look: Callable[[], _T], seconds: float = 10.0) -> _T:
        """Return what ``look`` gives as soon as it is true.

        Raises:
            TimeoutError: it was not true within the seconds
        """
        async with asyncio.timeout(seconds):
            while not (seen := look()):
                future = asyncio.get_running_loop().create_future()
                self._waiting.add(future)
                try:
                    await future
                finally:
                    self._waiting.discard(future)
        return seen
