"""Which of a channel's lanes go first: those of customers who wait for an answer.

All of a channel's lanes are its own, so that its ``priority`` orders none of them: it is for those of
backends, which get the events of many channels. What orders a channel's own is what they carry. One lane
may carry several kinds, and its order is never changed: it is as urgent as the most urgent of them.
"""

from __future__ import annotations

from typing import Final

AWAITED: Final = 0
"""What a customer waits for who wrote last."""
UNASKED: Final = 1
"""What is written to a customer who was answered, or who never wrote."""
NOTICE: Final = 2
"""What says of itself that nobody has asked for it, and may go to ten thousand at once."""

DIALOGUE_MS: Final = 600_000
"""How long a lane stays as urgent as it was: an answer may be three messages, and the first of them ends
the wait."""


def urgency_of(waiting_since: int | None, *, is_notice: bool = False) -> int:
    """Return the priority in its channel's lanes of what is written in a conversation."""
    if is_notice:
        return NOTICE  # also to somebody who waits: most who wrote last said thank you
    return UNASKED if waiting_since is None else AWAITED
