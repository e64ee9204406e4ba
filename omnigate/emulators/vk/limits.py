"""Figures that the platform holds callers to.

Source: protocol notes on the vendor schema 5.199. Those marked *unverified* are general knowledge
that nobody has checked; they are here so that code is tried against some limit, not none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

CALLS_PER_SECOND: Final = 20
"""Per community token; error 6 beyond."""
LONG_POLL_SERVERS_PER_MINUTE: Final = 60
"""Calls of groups.getLongPollServer; error 29 beyond. That there is a limit is reported, the
figure is unverified."""

MESSAGE_CHARACTERS: Final = 4096
"""Per message; error 914 beyond. Unverified: the schema allows 9000."""
ATTACHMENTS: Final = 10
"""Per message. Unverified."""
ATTACHMENT_CHARACTERS: Final = 9000
PEERS: Final = 100
"""Targets of one send by ``peer_ids``."""
PAYLOAD_CHARACTERS: Final = 1000
FORWARDED: Final = 100
"""Messages forwarded by one; error 913 beyond. The figure is unverified."""
SAME_RANDOM_ID_SECONDS: Final = 3600
"""So long the same ``random_id`` to the same peer gives the message that was sent. Unverified."""
CHANGEABLE_SECONDS: Final = 24 * 3600
"""So long a message can be edited, and deleted for everybody. Unverified."""
EVENT_ANSWER_SECONDS: Final = 60
"""So long the press of a callback button can be answered. Unverified."""
EVENT_DATA_CHARACTERS: Final = 1000
ACTIVITY_SECONDS: Final = 10
"""So long "is typing" is shown. Unverified."""

LABEL_CHARACTERS: Final = 40
BUTTON_PAYLOAD_CHARACTERS: Final = 255
COLUMNS: Final = 5
ROWS: Final = 10
BUTTONS: Final = 40
INLINE_ROWS: Final = 6
INLINE_BUTTONS: Final = 10
CAROUSEL_ELEMENTS: Final = 10
CAROUSEL_BUTTONS: Final = 3
CAROUSEL_CHARACTERS: Final = 80
"""Of a title, and of a description."""

CALLBACK_SERVERS: Final = 10
"""Per community; error 2000 beyond."""
SERVER_TITLE_CHARACTERS: Final = 14
SECRET_KEY_CHARACTERS: Final = 50
RETRY_AFTER_SECONDS: Final = 3 * 3600
"""A receiver can postpone a repeat by less than this."""

WAIT_SECONDS: Final = 90
"""Longest wait of one long poll; more is cut down to it (that is unverified)."""
UPDATES_PER_ANSWER: Final = 100
"""Of a long poll. Unverified."""

PHOTO_BYTES: Final = 50 * 1024 * 1024
"""Unverified."""
DOCUMENT_BYTES: Final = 200 * 1024 * 1024
"""Unverified."""
USERS: Final = 1000
"""Asked for by one users.get."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within so long."""

    count: int
    seconds: float


class Window:
    """Counts what happened within the last seconds, per key."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._past: dict[str, deque[float]] = {}

    def admits(self, key: str, now: float) -> bool:
        """Count one if it is within the rate."""
        past = self._past.setdefault(key, deque())
        while past and past[0] <= now - self.rate.seconds:
            past.popleft()
        if len(past) >= self.rate.count:
            return False
        past.append(now)
        return True
