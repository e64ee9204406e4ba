"""How long an attempt can last, by what is known of it."""

from __future__ import annotations

from typing import Final

import omnigate
from omnigate_call.driver import Attempt

GRACE_SECONDS: Final = 90.0
"""How much longer than both phones ring and the two may talk a call may seem to last."""

_TALKING: Final[frozenset[omnigate.CallState]] = frozenset({"customer_answered", "bridged"})


def lasts_seconds(attempt: Attempt) -> float:
    """Return how many seconds an attempt lasts at most, by where it stands.

    Some providers tell only with the end that the second phone was answered: while it rings the two may
    be talking.
    """
    may_talk = attempt.state in (*_TALKING, f"{attempt.legs[1]}_ringing")
    if attempt.is_bridged or may_talk:
        return longest_seconds(attempt)
    return 2 * attempt.ring_seconds + GRACE_SECONDS


def longest_seconds(attempt: Attempt) -> float:
    """Return how many seconds an attempt lasts at most, wherever it stands."""
    return longest(attempt.ring_seconds, attempt.max_seconds)


def longest(ring_seconds: float, max_seconds: float) -> float:
    """Return how many seconds any attempt lasts at most."""
    return 2 * ring_seconds + max_seconds + GRACE_SECONDS
