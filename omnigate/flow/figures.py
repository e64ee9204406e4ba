"""Counters of the way of a message, since the daemon started; names are those of the configuration.

They outlive what they count: a channel or backend that is exchanged goes on where the old one stopped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from omnigate.figures import (
    ATTEMPT_SECONDS,
    DELIVERY_SECONDS,
    QUICK_SECONDS,
    RESPONSE_SECONDS,
    Histogram,
)
from omnigate.model.call import CallState
from omnigate.model.event import EventType
from omnigate.store.destinations import Direction
from omnigate.store.transaction import CallChanged, RecordedEvent, Waited

Outcome = Literal["delivered", "retry", "dead"]
Reason = Literal[
    "", "destination", "item", "throttled", "internal", "refused", "unknown", "expired", "attempts"
]
"""Why an attempt was not a delivery, in classes: what plugins say of it is without number."""

MOST_CODES: Final = 30
"""Reasons that are told apart of each channel; more of them, and the rest are counted together."""
OTHER_CODES: Final = "other"
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

OUTBOUND_STATES: Final = {
    EventType.MESSAGE_SENT: "sent",
    EventType.MESSAGE_DELIVERED: "delivered",
    EventType.MESSAGE_READ: "read",
    EventType.MESSAGE_FAILED: "failed",
    EventType.MESSAGE_UNKNOWN: "unknown",
}
"""Which event tells that an outbound message has come into a state."""
POSSIBLE: Final[tuple[tuple[Outcome, Reason], ...]] = (
    ("delivered", ""),
    ("retry", "destination"),
    ("retry", "item"),
    ("retry", "throttled"),
    ("retry", "internal"),
    ("dead", "refused"),
    ("dead", "unknown"),
    ("dead", "attempts"),
    ("dead", "expired"),
)
"""How an attempt can end, and why."""
_DEAD: Final[dict[str, Reason]] = {
    "expired": "expired",
    "unknown": "unknown",
    "attempts": "attempts",
    "held_too_long": "attempts",
}


@dataclass(slots=True, eq=False)
class ChannelFigures:
    """What came in from one channel."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    """Could not be kept safe: the daemon was overloaded or its store failed."""
    unauthorized: int = 0
    """Requests, not items: strangers' bodies are not read."""
    quarantined: int = 0
    """Requests that proved authentic and were not understood."""
    acknowledge_seconds: Histogram = field(default_factory=lambda: Histogram(QUICK_SECONDS))
    """From the hand-over of items until they were on disk."""
    response_seconds: Histogram = field(default_factory=lambda: Histogram(RESPONSE_SECONDS))
    """From when a customer began to wait until they were answered."""
    first_response_seconds: Histogram = field(default_factory=lambda: Histogram(RESPONSE_SECONDS))
    """The same for answers that were the first in their conversation."""


@dataclass(slots=True, eq=False)
class DestinationFigures:
    """What went to one destination."""

    outcomes: Counter[tuple[Outcome, Reason]] = field(
        default_factory=lambda: Counter(dict.fromkeys(POSSIBLE, 0))
    )
    attempt_seconds: Histogram = field(default_factory=lambda: Histogram(ATTEMPT_SECONDS))
    delivery_seconds: Histogram = field(default_factory=lambda: Histogram(DELIVERY_SECONDS))
    """From when it was owed until it was delivered."""
    last_error: str = ""
    last_error_at: int | None = None
    """Milliseconds since 1970."""

    def delivered(self, waited_ms: int) -> None:
        """Count a delivery of what was owed for so long."""
        self.outcomes["delivered", ""] += 1
        self.delivery_seconds.observe(waited_ms / 1000)

    def failed(self, outcome: Outcome, reason: Reason, error: str, now: int) -> None:
        """Count what was not delivered, and remember why."""
        self.outcomes[outcome, reason] += 1
        self.last_error, self.last_error_at = error, now

    def died(self, why: str, error: str, now: int) -> None:
        """Count a dead letter; ``why`` is the reason that stands in it."""
        self.failed("dead", _DEAD.get(why, "refused"), error, now)

    @property
    def deliveries(self) -> int:
        """How many items the destination has taken."""
        return self.outcomes["delivered", ""]

    @property
    def failures(self) -> int:
        """How often something was not delivered, whatever became of it."""
        return self.outcomes.total() - self.deliveries


@dataclass(slots=True, eq=False)
class Figures:
    """Everything that the flow counts."""

    channels: dict[str, ChannelFigures] = field(default_factory=dict)
    destinations: dict[tuple[Direction, str], DestinationFigures] = field(default_factory=dict)
    events: Counter[tuple[EventType, str | None]] = field(default_factory=Counter)
    """(type, channel) → how many were recorded."""
    leases_lost: int = 0
    calls: Counter[tuple[str, CallState]] = field(default_factory=Counter)
    """(channel, end) → how many calls ended so."""
    calls_refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(channel, code) → how many wishes for a call a rule was against."""

    def channel(self, name: str) -> ChannelFigures:
        """Return the figures of a channel of the configuration."""
        found = self.channels.get(name)
        if found is None:
            found = self.channels[name] = ChannelFigures()
        return found

    def destination(self, direction: Direction, name: str) -> DestinationFigures:
        """Return the figures of a destination of the configuration."""
        return self.destinations.setdefault((direction, name), DestinationFigures())

    def recorded(self, events: Sequence[RecordedEvent]) -> None:
        """Count events that were committed."""
        counts = self.events
        for event in events:
            counts[event.type, event.channel] += 1

    def answered(self, waits: Sequence[Waited]) -> None:
        """Count waits that ended with an answer."""
        for waited in waits:
            figures, seconds = self.channel(waited.channel), waited.milliseconds / 1000
            figures.response_seconds.observe(seconds)
            if waited.first:
                figures.first_response_seconds.observe(seconds)

    def called(self, changes: Sequence[CallChanged]) -> None:
        """Count calls that have ended."""
        for changed in changes:
            if changed.has_ended:
                self.calls[changed.channel, changed.call.state] += 1

    def refused_a_call(self, channel: str, code: str) -> None:
        """Count a wish for a call that a rule was against. Codes are the plugin's: few are told apart."""
        codes = {known for name, known in self.calls_refused if name == channel}
        is_word = code in codes or (len(codes) < MOST_CODES and _CODE.fullmatch(code) is not None)
        self.calls_refused[channel, code if is_word else OTHER_CODES] += 1

    @property
    def attempts(self) -> int:
        """How often anything was tried."""
        return sum(known.attempt_seconds.count for known in self.destinations.values())

    @property
    def delivered(self) -> int:
        """How many items were delivered anywhere."""
        return sum(known.deliveries for known in self.destinations.values())

    @property
    def dead(self) -> int:
        """How many items were set aside as dead."""
        return sum(
            count
            for known in self.destinations.values()
            for (outcome, _), count in known.outcomes.items()
            if outcome == "dead"
        )
