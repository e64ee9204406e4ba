"""How far a part has come, and a message by its parts: a state only ever rises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

RANK: Final = {
    "queued": 0,
    "sending": 1,
    "unknown": 2,
    "sent": 3,
    "failed": 4,
    "delivered": 5,
    "read": 6,
}

ARRIVED: Final = frozenset({"sent", "delivered", "read"})
"""States of what the platform has, whole."""

ENDS: Final = ("failed", "unknown")
"""States of one part that are the message's, the worse first."""


def rises(before: str, after: str) -> bool:
    """Tell whether a part in state ``before`` may go over to ``after``."""
    return RANK[after] > RANK[before]


def message_state(parts: Sequence[str]) -> str:
    """Return the state of a message from its parts': the worst end, else the least advanced."""
    for end in ENDS:
        if end in parts:
            return end
    return min(parts, key=RANK.__getitem__)
