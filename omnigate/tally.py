"""What a channel has counted in this hour and on this day, for limits that hold over restarts.

Hours and days are those of the clock, in UTC. Counts are kept among the channel's notes, one for each key
and day; those of earlier days are taken away with the ones that are kept later. A key should name nobody:
`Tally.name` makes of a number or an address what only this installation can make of it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic_core import from_json, to_json

from omnigate.hosting import ChannelHost, Notes

PREFIX: Final = "spent:"
"""How the notes begin; a channel keeps no others that do."""
OLD_NOTES_AT_ONCE: Final = 200
"""How many notes of earlier days are taken away with each that is kept."""


@dataclass(slots=True)
class _Counted:
    """What was counted of a key: of each unit in one hour, and on the day around it."""

    hour: int
    in_hour: list[int]
    in_day: list[int]

    def add(self, hour: int, amounts: tuple[int, ...]) -> None:
        if hour != self.hour:
            self.hour, self.in_hour = hour, [0] * len(self.in_hour)
        for unit, more in enumerate(amounts):
            self.in_hour[unit] = max(0, self.in_hour[unit] + more)
            self.in_day[unit] = max(0, self.in_day[unit] + more)

    def note(self) -> str:
        return to_json([self.hour, *self.in_hour, *self.in_day]).decode()


class Tally:
    """Counts by keys.

    What is added is not on disk before `keep` has returned, or what `note` returns is. Call `open` first,
    and once again costs nothing.
    """

    def __init__(
        self,
        host: ChannelHost,
        *,
        units: int = 1,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``units`` things are counted together of each key: messages and their segments, say."""
        self._host = host
        self._units = units
        self._now = now
        self._opening = asyncio.Lock()
        self._is_open = False
        self._day = ""
        self._counted: dict[str, _Counted] = {}
        self._old_notes: list[str] = []

    async def open(self) -> None:
        """Read what was counted before a restart, once. Raises `Overloaded` or `StoreError`."""
        if self._is_open:
            return
        async with self._opening:
            if self._is_open:
                return
            today = f"{PREFIX}{self.day}:"
            for key, value in (await self._host.notes(PREFIX)).items():
                if key.startswith(today):
                    self._counted[key.removeprefix(today)] = self._read(value)
                else:
                    self._old_notes.append(key)
            self._is_open = True

    @property
    def day(self) -> str:
        """The day that is counted now, as ``20261122``; a new one has begun when it changes."""
        self._turn_over()
        return self._day

    def in_hour(self, key: str, unit: int = 0) -> int:
        """Return how much was counted in this hour."""
        found = self._of(key)
        return found.in_hour[unit] if found.hour == self._now().hour else 0

    def in_day(self, key: str, unit: int = 0) -> int:
        """Return how much was counted on this day."""
        return self._of(key).in_day[unit]

    def add(self, key: str, *amounts: int) -> None:
        """Count so much of each unit; negative amounts take back what came to nothing."""
        found = self._of(key)
        self._counted[key] = found
        found.add(self._now().hour, amounts)

    def note(self, key: str) -> Notes:
        """Return what is to be noted of a key, to be put with something else; it was counted today."""
        return {self._key(key): self._of(key).note()}

    async def keep(self, *keys: str, notes: Notes | None = None) -> None:
        """Note what was counted of these keys, with other notes in the same moment; durable on return.

        Raises `Overloaded` or `StoreError`: what was added is the caller's to take back.
        """
        kept: dict[str, str | None] = {self._key(key): self._of(key).note() for key in keys}
        old = self._old_notes[:OLD_NOTES_AT_ONCE]
        del self._old_notes[: len(old)]
        try:
            await self._host.put(notes=dict.fromkeys(old) | kept | dict(notes or {}))
        except BaseException:
            self._old_notes += old
            raise

    def name(self, text: str) -> str:
        """Return a key for somebody: 32 hexadecimal digits, others in every installation."""
        return hmac.digest(self._host.secret("spent"), text.encode(), "sha256").hex()[:32]

    def _of(self, key: str) -> _Counted:
        self._turn_over()
        nothing = [0] * self._units
        return self._counted.get(key) or _Counted(-1, nothing, list(nothing))

    def _turn_over(self) -> None:
        """Begin a new day when there is one."""
        today = self._now().strftime("%Y%m%d")
        if today != self._day:
            self._old_notes += [self._key(key) for key in self._counted]
            self._day, self._counted = today, {}

    def _key(self, key: str) -> str:
        return f"{PREFIX}{self._day}:{key}"

    def _read(self, note: str) -> _Counted:
        hour, *counts = from_json(note)
        return _Counted(hour, counts[: self._units], counts[self._units :])
