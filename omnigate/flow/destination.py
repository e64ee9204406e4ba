"""A destination as the dispatcher keeps it: what it is, and how work on it stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from omnigate.backend import Order
from omnigate.flow.breaker import Breaker
from omnigate.flow.carriers import Carrier
from omnigate.store.destinations import Direction, Health


@dataclass(slots=True, eq=False)
class Destination:
    """Something that items are owed to, and how work on it stands."""

    name: str
    direction: Direction
    carrier: Carrier
    breaker: Breaker
    concurrency: int
    order: Order = "bounded"
    busy: int = 0
    busy_retrying: int = 0
    asked_for: int = 0
    """Lanes asked for since some were last taken by age alone."""
    hungry: bool = True
    claiming: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def health(self) -> Health:
        """The destination's row, as it is kept in memory."""
        return self.breaker.health
