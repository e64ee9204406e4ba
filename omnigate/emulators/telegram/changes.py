"""Waiting for something to become true, without looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Wakes everybody who waits, each time something has changed."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Say that something has changed."""
        changed, self._next = self._next, asyncio.Event()
        changed.set()

    async def wait(self) -> None:
        """Return at the next change."""
        await self._next.wait()

    async def wait_until(self, truth: Callable[[], T], seconds: float) -> T:
        """Return what ``truth`` gives as soon as that is true; raises ``TimeoutError``.

        ``truth`` is asked now and after every change, and never in between.
        """
        async with asyncio.timeout(seconds):
            while True:
                value = truth()
                if value:
                    return value
                await self.wait()
