"""The backlog as of a moment ago: counting takes time that grows with it, so it is not done at will."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from omnigate.store.backlog import Backlog, count_backlog
from omnigate.store.store import Store

SHARE: Final = 20
"""Counting takes at most one part in so many of a processor's time, however often somebody asks."""
FREE_SECONDS: Final = 0.005
"""What takes no longer is done for everybody who asks."""


class Census:
    """Counts the backlog for whoever asks, and says the same again while that is recent enough.

    ``clock`` returns seconds and never goes back, ``spent`` the processor time of the calling thread.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._store = store
        self._clock = clock
        self._spent = spent
        self._known = Backlog()
        self._good_until = 0.0

    async def take(self) -> Backlog:
        """Return the backlog; its age is at most twenty times what counting it took.

        Raises `StoreError`.
        """
        if self._clock() >= self._good_until:
            self._known, seconds = await self._store.read(self._count)
            if seconds > FREE_SECONDS:
                self._good_until = self._clock() + (SHARE - 1) * seconds
        return self._known

    def _count(self, connection: Connection) -> tuple[Backlog, float]:
        began = self._spent()
        counted = count_backlog(connection)
        return counted, self._spent() - began
