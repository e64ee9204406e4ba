"""The backlog as of a moment ago: counting takes time that grows with it, so it is not done at will."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from omnigate.store.backlog import Backlog, count_backlog
from omnigate.store.store import Store

SHARE: Final = 20
"""Counting takes at most one part in so many of a reader's time, however often somebody asks."""


class Census:
    """Counts the backlog for whoever asks, and says the same again while that is recent enough."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` returns seconds and never goes back."""
        self._store = store
        self._clock = clock
        self._known = Backlog()
        self._good_until = 0.0

    async def take(self) -> Backlog:
        """Return the backlog; its age is at most twenty times what counting it took.

        Raises `StoreError`.
        """
        began = self._clock()
        if began >= self._good_until:
            self._known = await self._store.read(count_backlog)
            ended = self._clock()
            self._good_until = ended + (SHARE - 1) * (ended - began)
        return self._known
