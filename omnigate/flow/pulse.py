"""How fast things go just now: the counters of the last seconds, one look a second."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from omnigate.flow.figures import Figures
from omnigate.store.destinations import Direction

BEAT_SECONDS: Final = 1.0
WINDOW: Final = 10
"""Over so many beats rates are told."""


class Counted(NamedTuple):
    """What had happened at a destination by a moment, or happens there in a second."""

    delivered: float
    failed: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What happens in a second."""

    over_seconds: float = 0.0
    """Within which time it was counted; 0 before the second look."""
    received: float = 0.0
    """Messages and other items of customers that were stored."""
    sent: float = 0.0
    """Messages delivered to channels."""
    delivered: float = 0.0
    """Events delivered to backends."""
    failed: float = 0.0
    """Attempts that did not deliver."""
    destinations: dict[tuple[Direction, str], Counted] = field(default_factory=dict)

    def of(self, direction: Direction, name: str) -> Counted:
        """Return the rates of one destination."""
        return self.destinations.get((direction, name), _NOTHING)


class _Look(NamedTuple):
    at: float
    received: int
    destinations: dict[tuple[Direction, str], Counted]


_NOTHING: Final = Counted(0, 0)


class Pulse:
    """Looks at the counters every second."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._looks: deque[_Look] = deque(maxlen=WINDOW + 1)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.beat(time.monotonic())
            await asyncio.sleep(BEAT_SECONDS)

    def beat(self, now: float) -> None:
        """Look once; ``now`` in seconds of a clock that never goes back."""
        figures = self._figures
        self._looks.append(
            _Look(
                now,
                sum(channel.stored for channel in figures.channels.values()),
                {
                    key: Counted(known.deliveries, known.failures)
                    for key, known in figures.destinations.items()
                },
            )
        )

    def rates(self) -> Rates:
        """Return what happened a second, on average over the last ten."""
        if len(self._looks) < 2:
            return Rates()
        first, last = self._looks[0], self._looks[-1]
        seconds = last.at - first.at
        each = {
            key: _between(first.destinations.get(key, _NOTHING), after, seconds)
            for key, after in last.destinations.items()
        }
        return Rates(
            over_seconds=seconds,
            received=(last.received - first.received) / seconds,
            sent=sum(rate.delivered for (to, _), rate in each.items() if to == "channel"),
            delivered=sum(rate.delivered for (to, _), rate in each.items() if to == "backend"),
            failed=sum(rate.failed for rate in each.values()),
            destinations=each,
        )


def _between(before: Counted, after: Counted, seconds: float) -> Counted:
    return Counted(
        (after.delivered - before.delivered) / seconds, (after.failed - before.failed) / seconds
    )
