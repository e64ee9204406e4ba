"""The breaker of a destination: when to stop trying, when to probe, how fast to come back.

States, all kept in the destination's row so that a restart changes nothing:

* ``closed``: work goes on. Opens after 5 failures of the destination in a row, or when at least half
  of at least 10 attempts of the last 60 s failed.
* ``open``: nothing is claimed until ``retry_at``; 30 s at first, doubling up to 5 min.
* ``probing``: exactly one lane is tried. Success closes, failure opens again for longer.

A destination that says it is gone is paused besides, until `Breaker.resume`; then it is probed.

After it closed, and after a pause that the destination asked for, concurrency comes back in steps (1,
5, 20 …), one step for each success. A failure that did not open it changes neither this nor the turn of
other lanes: a destination that always fails over one item works.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from omnigate.store.destinations import Health

FAILURES_TO_OPEN: Final = 5
WINDOW_SECONDS: Final = 60.0
WINDOW_ATTEMPTS: Final = 10
OPEN_SECONDS: Final = 30.0
OPEN_LIMIT_SECONDS: Final = 300.0
ALIKE: Final = 5
"""So many different lanes failing alike in a row mean that the destination fails, not the items."""

_RAMP: Final = (1, 5, 20)


class Breaker:
    """Decides over one destination's health. Times are milliseconds, given by the caller."""

    def __init__(self, health: Health) -> None:
        self.health = health
        self.failed_at: int | None = None
        """When it last failed in this life of the daemon, unless it has succeeded since."""
        self._window: deque[tuple[int, bool]] = deque()
        self._ramp: int | None = None if health.first_failure_at is None else 0
        self._alike: deque[tuple[str, int | None]] = deque(maxlen=ALIKE)
        # What the destination itself asked for binds, whatever its other answers are.
        self._asked_until = 0 if health.breaker != "closed" else health.retry_at or 0

    def limit(self, concurrency: int, now: int) -> int:
        """Return how many lanes may be worked on at once."""
        health = self.health
        if health.paused is not None:
            return 0
        if health.breaker != "closed":
            return 1 if (health.retry_at or 0) <= now else 0
        if health.retry_at is not None and health.retry_at > now:
            return 0
        if self._ramp is not None:
            return min(concurrency, _RAMP[self._ramp])
        return concurrency

    def opens_at(self) -> int | None:
        """Return when the next attempt may be made, None if now or only after the operator acts."""
        return self.health.retry_at if self.health.paused is None else None

    def probe(self) -> None:
        """Note that a lane was claimed while the breaker was open: that is the one probe."""
        if self.health.breaker == "open":
            self.health.breaker = "probing"

    def resume(self, now: int) -> bool:
        """End a pause: if the destination failed before, the next lane is the probe.

        False when there was none.
        """
        health = self.health
        if health.paused is None:
            return False
        health.paused = None
        if health.first_failure_at is not None:
            health.breaker, health.retry_at = "open", now
        self._asked_until = 0
        return True

    def hope(self, now: int, *, insisted: bool = False) -> bool:
        """Take in that it may work again: the next lane is the probe. False if nothing failed.

        What the destination itself asked for still binds, unless an operator insisted.
        """
        health = self.health
        if health.paused is not None or health.first_failure_at is None:
            return False
        if insisted:
            self._asked_until = 0
        health.breaker, health.retry_at = "open", max(now, self._asked_until)
        return True

    def succeeded(self, now: int) -> bool:
        """Take in a success; True when the destination had been failing until now.

        A failure or two before do not make it so, unless somebody was alerted: what failed waits.
        """
        health = self.health
        health.last_success_at = now
        self.failed_at = None
        self._alike.clear()
        self._count(now, failed=False)
        # An attempt that was under way when the destination asked for a pause does not end it.
        health.retry_at = self._asked_until if self._asked_until > now else None
        alerted = health.alerts > 0 and health.first_failure_at is not None
        was_failing = health.breaker != "closed" or alerted
        health.breaker, health.failures, health.opened_for_ms = "closed", 0, 0
        health.first_failure_at = None
        if was_failing:
            self._window.clear()
            self._ramp = 0
        elif self._ramp is not None and self._asked_until <= now:
            self._ramp = self._ramp + 1 if self._ramp + 1 < len(_RAMP) else None
        return was_failing

    def proven(self, now: int) -> bool:
        """Take in that somebody has seen it work; True when anything had held it back.

        That ends a pause, and also what the destination asked for.
        """
        health = self.health
        waited = health.retry_at is not None and health.retry_at > now
        was_paused, health.paused = health.paused is not None, None
        was_failing = health.first_failure_at is not None
        self._asked_until = 0
        return self.succeeded(now) or was_paused or was_failing or waited

    def failed(self, now: int, error: str, hint_seconds: float | None = None) -> bool:
        """Take in a failure of the destination; True when the breaker opened because of it.

        A hint (Retry-After) holds the whole destination back for as long, capped by the caller.
        """
        health = self.health
        health.failures += 1
        health.last_error = error
        self.failed_at = now
        health.first_failure_at = health.first_failure_at or now
        self._count(now, failed=True)
        if hint_seconds:
            self._ramp = 0
            self._asked_until = max(self._asked_until, now + int(hint_seconds * 1000))
            health.retry_at = max(health.retry_at or 0, self._asked_until)
        if health.breaker == "open":
            return False  # it was under way when the breaker opened: nothing new is learnt
        if health.breaker == "closed" and not self._is_too_much():
            return False
        longer = min(health.opened_for_ms * 2, int(OPEN_LIMIT_SECONDS * 1000))
        health.opened_for_ms = max(longer, int(OPEN_SECONDS * 1000))
        health.retry_at = max(health.retry_at or 0, now + health.opened_for_ms)
        health.breaker = "open"
        return True

    def turned_away(self, now: int, error: str, seconds: float) -> bool:
        """Take in that the destination refuses our credentials; True when that opened the breaker.

        Nothing is tried for so long. It did not ask for that, so `hope` ends it.
        """
        was_open = self.health.breaker == "open"
        self.failed(now, error)
        self.health.breaker = "open"
        self.health.retry_at = max(self.health.retry_at or 0, now + int(seconds * 1000))
        return not was_open

    def blames_destination(self, stream: str, status: int | None) -> bool:
        """Take in an item's own failure; True when so many lanes fail alike that it is not the items."""
        if all(known != stream for known, _ in self._alike):
            self._alike.append((stream, status))
        return len(self._alike) == ALIKE and len({kind for _, kind in self._alike}) == 1

    def set_back(self, now: int, by_ms: int) -> None:
        """Keep what is left of a wait when the clock was set back."""
        health = self.health
        if health.retry_at is not None and health.retry_at > now:
            health.retry_at = max(now, health.retry_at - by_ms)
        if health.first_failure_at is not None:
            health.first_failure_at = min(health.first_failure_at, now)
        if self.failed_at is not None:
            self.failed_at = min(self.failed_at, now)
        if self._asked_until > now:
            self._asked_until = max(now, self._asked_until - by_ms)
        if by_ms > 0:
            self._window.clear()

    def _count(self, now: int, *, failed: bool) -> None:
        self._window.append((now, failed))
        horizon = now - int(WINDOW_SECONDS * 1000)
        while self._window and (self._window[0][0] < horizon or len(self._window) > 1000):
            self._window.popleft()

    def _is_too_much(self) -> bool:
        if self.health.failures >= FAILURES_TO_OPEN:
            return True
        attempts = len(self._window)
        failures = sum(failed for _, failed in self._window)
        return attempts >= WINDOW_ATTEMPTS and failures * 2 >= attempts
