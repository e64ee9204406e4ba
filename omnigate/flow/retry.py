"""When a failed attempt is tried again, and when never: pure decisions, no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from omnigate.backend import Order

BOUNDED_SECONDS: Final = 900.0
"""How long an item that only it fails may hold a ``bounded`` lane."""
BOUNDED_ATTEMPTS: Final = 5
HINT_CAP_SECONDS: Final = 3600.0
"""A destination's own wish (Retry-After) is believed up to here."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The schedule of the configuration."""

    schedule_seconds: tuple[float, ...] = (5, 30, 120, 300, 900, 1800, 3600, 7200, 14400)
    jitter: float = 0.2

    def delay_seconds(
        self, failures: int, chance: float, hint_seconds: float | None = None
    ) -> float:
        """Return the wait after ``failures`` failed attempts (1 or more).

        ``chance`` is a random number from 0 to 1: jitter only ever adds. A hint of the destination
        makes the wait longer, never shorter, and is capped at an hour.
        """
        step = min(max(failures, 1), len(self.schedule_seconds)) - 1
        delay = self.schedule_seconds[step] * (1 + self.jitter * chance)
        if hint_seconds is not None and hint_seconds > 0:
            delay = max(delay, min(hint_seconds, HINT_CAP_SECONDS))
        return delay


@dataclass(frozen=True, slots=True)
class Trial:
    """How an item of a lane fared so far, this attempt included."""

    attempts: int
    own_failures: int
    """How many of them failed in a row while the destination worked."""
    held_seconds: float
    """Since the first of those."""
    left_seconds: float
    """Until the item expires."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an item that failed."""

    outcome: Literal["retry", "dead"]
    delay_seconds: float = 0.0
    reason: str = ""


def after_item_failure(
    policy: RetryPolicy,
    order: Order,
    trial: Trial,
    chance: float,
) -> Verdict:
    """Decide about an item that failed by itself (the destination works).

    ``bounded`` gives it 15 minutes or 5 attempts, ``strict`` holds the lane until it expires, and
    ``unordered`` treats it as ``bounded`` does: its lane holds nothing else.
    """
    if order != "strict":
        if trial.left_seconds <= 0:
            return Verdict("dead", reason="expired")
        if trial.own_failures >= BOUNDED_ATTEMPTS:
            return Verdict("dead", reason="attempts")
        left = BOUNDED_SECONDS - trial.held_seconds
        if left <= 0:
            return Verdict("dead", reason="held_too_long")
        return Verdict("retry", min(policy.delay_seconds(trial.attempts, chance), left))
    return after_destination_failure(policy, trial, chance)


def after_throttle(trial: Trial, wanted_seconds: float) -> Verdict:
    """Decide about an item that the platform wants later: a limit is nobody's failure, so it waits."""
    if trial.left_seconds <= 0:
        return Verdict("dead", reason="expired")
    delay = min(max(wanted_seconds, 0.0), HINT_CAP_SECONDS)
    return Verdict("retry", min(delay, trial.left_seconds))


def after_destination_failure(
    policy: RetryPolicy, trial: Trial, chance: float, hint_seconds: float | None = None
) -> Verdict:
    """Decide about an item whose whole destination failed: it waits, up to its expiry."""
    if trial.left_seconds <= 0:
        return Verdict("dead", reason="expired")
    delay = policy.delay_seconds(trial.attempts, chance, hint_seconds)
    return Verdict("retry", min(delay, trial.left_seconds))
