"""What the emulated platform stands on: its clock, its dice, its files, and the bell for who waits."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from omnigate.emulators.changes import Changes
from omnigate.emulators.vk.attachments import Maker
from omnigate.emulators.vk.files import Shelf


class Ground:
    """The same seed and clock give the same ids and tokens."""

    def __init__(self, seed: int, clock: Callable[[], float], speed: float) -> None:
        self.random = Random(seed)
        self.clock = clock
        """POSIX seconds."""
        self.speed = speed
        self.bell = Changes()
        self.shelf = Shelf(self.random)
        self.make = Maker(self.shelf, self.random, clock)
        self._last_id = 4000 + self.random.randrange(1000)

    def now(self) -> int:
        """Return the time in whole seconds, as the platform gives it."""
        return int(self.clock())

    def new_id(self) -> int:
        """Return an id that nobody has."""
        self._last_id += 1 + self.random.randrange(9)
        return self._last_id
