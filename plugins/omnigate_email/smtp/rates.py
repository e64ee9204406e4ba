"""How many mails may go out, by the provider's limits: an hour's and a day's, which outlive a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import omnigate

MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3600
SPANS: Final = {MINUTE_SECONDS: 60, HOUR_SECONDS: 24}
"""How many such intervals a limit looks back on, besides the present one."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """At most so many mails within any span of time, counted by intervals."""

    key: str
    """In the configuration."""
    span: str
    most: int
    note: str
    """Under this key it is kept how many were sent when: ``<interval since 1970>:<count>``, with spaces."""
    interval_seconds: int

    def counted(self, note: str, now: float) -> str:
        """Return the note with one mail more; raises `DestinationUnavailable` when there were enough."""
        present, back = int(now // self.interval_seconds), SPANS[self.interval_seconds]
        # The interval that began a whole span ago counts whole: its end lies within the span.
        counts = {
            one: sent for one, sent in _read(note).items() if present - back <= one <= present
        }
        if sum(counts.values()) >= self.most:
            frees_at = (min(counts) + back + 1) * self.interval_seconds
            raise omnigate.DestinationUnavailable(
                f"{self.most} mails were sent within {self.span}, as many as {self.key} allows",
                retry_after_seconds=min(frees_at - now, HOUR_SECONDS),
            )
        counts[present] = counts.get(present, 0) + 1
        return " ".join(f"{one}:{sent}" for one, sent in counts.items())


class Rates:
    """Counts what one account sends."""

    def __init__(
        self,
        host: omnigate.ChannelHost,
        per_hour: int | None,
        per_day: int | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._host = host
        self._clock = clock
        self._counting = asyncio.Lock()
        self._limits: list[_Limit] = []
        if per_hour is not None:
            limit = _Limit("per_hour", "an hour", per_hour, "sent/minutes", MINUTE_SECONDS)
            self._limits.append(limit)
        if per_day is not None:
            self._limits.append(_Limit("per_day", "a day", per_day, "sent/hours", HOUR_SECONDS))

    async def take(self) -> None:
        """Count one mail that is about to be sent; never waits for its turn.

        Raises `DestinationUnavailable` with the time of waiting when there have been enough: never more
        than ``per_hour`` in any hour, nor than ``per_day`` in any 24 hours. As many may go at once. What
        is refused is not counted. Raises as `ChannelHost.put` where the count is kept.
        """
        if not self._limits:
            return
        async with self._counting:
            now = self._clock()
            kept = [(await self._host.notes(one.note)).get(one.note, "") for one in self._limits]
            counted = [one.counted(note, now) for one, note in zip(self._limits, kept, strict=True)]
            names = [one.note for one in self._limits]
            await self._host.put(notes=dict(zip(names, counted, strict=True)))


def _read(note: str) -> dict[int, int]:
    pairs = (entry.partition(":") for entry in note.split())
    return {int(interval): int(sent) for interval, _, sent in pairs}
