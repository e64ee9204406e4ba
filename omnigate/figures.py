"""What parts of the daemon count while they work: so cheap that nobody has to think about it.

Nothing here knows how it is shown; whoever wants to see it reads the fields.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

QUICK_SECONDS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
)
"""Bounds for what should take milliseconds: a commit, an acknowledgement."""
ATTEMPT_SECONDS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    20.0,
    60.0,
)
"""Bounds for one call of somebody else's system; 20 s is its usual time limit."""
DELIVERY_SECONDS: Final = (
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    10.0,
    60.0,
    300.0,
    900.0,
    3600.0,
    21_600.0,
    86_400.0,
)
"""Bounds for the whole way to a destination, outages included."""
RESPONSE_SECONDS: Final = (
    10.0,
    30.0,
    60.0,
    90.0,
    120.0,
    300.0,
    600.0,
    1800.0,
    3600.0,
    14_400.0,
    43_200.0,
    86_400.0,
)
"""Bounds for how long customers wait for an answer; the usual targets of contact centres are among them."""
TURN_ITEMS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Bounds for how many things are done at once."""


class Histogram:
    """How often a value fell into which range. For one thread; an observation costs well under 1 µs."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        """Upper bounds, inclusive, ascending."""
        self.counts = [0] * (len(bounds) + 1)
        """Per range, not cumulative; the last one is for what exceeds every bound."""
        self.total = 0.0
        """The sum of all values."""

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)
