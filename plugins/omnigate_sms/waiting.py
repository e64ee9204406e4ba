"""Who wrote lately and so waits for an answer: theirs goes out before a campaign."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

WAITS_SECONDS: Final = 3600.0
"""How long a conversation goes on after the customer's latest text."""
KEPT_LIMIT: Final = 10_000
"""Numbers that are remembered. Nothing outlives the process: it is only about who goes first."""


class Waiting:
    """The customers of one channel who wrote lately, by number."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wrote_at: OrderedDict[str, float] = OrderedDict()

    def wrote(self, number: str) -> None:
        """Hear that a customer wrote."""
        self._wrote_at[number] = self._now()
        self._wrote_at.move_to_end(number)
        if len(self._wrote_at) > KEPT_LIMIT:
            self._wrote_at.popitem(last=False)

    def waits(self, number: str) -> bool:
        """Tell whether a customer waits."""
        wrote_at = self._wrote_at.get(number)
        return wrote_at is not None and self._now() - wrote_at < WAITS_SECONDS
