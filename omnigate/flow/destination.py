"""A destination as the dispatcher keeps it: what it is, and how work on it stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from omnigate.backend import Order
from omnigate.flow.breaker import Breaker
from omnigate.flow.carriers import Carrier
from omnigate.flow.figures import DestinationFigures
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
    held: asyncio.Event | None = None
    """Nothing is claimed for now, its plugin is being exchanged; set once nothing is under way."""
    timer: asyncio.TimerHandle | None = None
    figures: DestinationFigures = field(default_factory=DestinationFigures)

    @property
    def labels(self) -> dict[str, str]:
        """What a line of the log is about; `channel log` shows those with ``channel``."""
        label = {"destination": self.name}
        return {**label, "channel": self.name} if self.direction == "channel" else label

    @property
    def health(self) -> Health:
        """The destination's row, as it is kept in memory."""
        return self.breaker.health

    @property
    def is_held_back(self) -> bool:
        """Whether no further attempt may begin: it is paused, or its plugin is being exchanged."""
        return self.held is not None or self.health.paused is not None

    def say_if_quiet(self) -> None:
        """Tell who holds the destination when nothing is under way any more."""
        if self.held is not None and not self.busy and not self.claiming:
            self.held.set()
