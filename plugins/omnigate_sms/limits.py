"""How much is sent to one number and in all, so that nobody can have us pump money into theirs.

Counted are messages and segments, for each hour and each day of the clock (UTC). What is counted is
noted before a text goes out, so that neither a restart nor a crash gives anybody a fresh allowance. Notes
name numbers by what only this installation can make of them: whom somebody wrote to can be erased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

import omnigate

ALL: Final = "*"
"""Stands for all numbers together."""
_MESSAGES: Final = 0
_SEGMENTS: Final = 1


class Limits(BaseModel):
    """How much is sent at most, for each hour and day of the clock (UTC); 0 sets no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    messages_per_number_per_hour: int = Field(
        30, ge=0, description="Texts to one number in an hour: more is no conversation."
    )
    messages_per_number_per_day: int = Field(100, ge=0, description="Texts to one number in a day.")
    segments_per_number_per_hour: int = Field(
        90, ge=0, description="Segments, which are what costs money, to one number in an hour."
    )
    segments_per_number_per_day: int = Field(
        300, ge=0, description="Segments to one number in a day."
    )
    messages_per_hour: int = Field(
        1000,
        ge=0,
        description="Texts of the whole channel in an hour; raise it for large mailings.",
    )
    messages_per_day: int = Field(5000, ge=0, description="Texts of the whole channel in a day.")
    segments_per_hour: int = Field(
        3000, ge=0, description="Segments of the whole channel in an hour."
    )
    segments_per_day: int = Field(
        15000, ge=0, description="Segments of the whole channel in a day: the most a day can cost."
    )

    @staticmethod
    def key(unit: str, scope: str, span: str) -> str:
        """Return the name of a limit: of ``messages`` or ``segments``, of a ``number`` or the ``channel``."""
        return f"{unit}_per_number_per_{span}" if scope == "number" else f"{unit}_per_{span}"

    def most(self, unit: str, scope: str, span: str) -> int:
        """Return a limit; 0 for none."""
        most: int = getattr(self, self.key(unit, scope, span))
        return most


class Allowance:
    """What may still be sent."""

    def __init__(
        self,
        limits: Limits,
        host: omnigate.ChannelHost,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._limits = limits
        self._log = host.log
        self._now = now
        self._tally = omnigate.Tally(host, units=2, now=now)
        self._told_at: tuple[str, int] | None = None

    async def recall(self) -> None:
        """Read what was sent before a restart, for `require`; else that is done with the next text."""
        try:
            await self._tally.open()
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self._log.warning("what was sent before is not known yet", reason=str(error))

    def require(self, number: str, segments: int) -> None:
        """Raise `omnigate.Refused` (``limit_reached``) when a text of so many segments is too much."""
        self._require(self._tally.name(number), segments, "number", "to this number")
        try:
            self._require(ALL, segments, "channel", "in all")
        except omnigate.Refused as error:
            self._tell(error.reason)
            raise

    async def take(self, number: str, segments: int) -> None:
        """Count a text that is about to go out; durable on return.

        Raises:
            omnigate.Refused: it is too much (``limit_reached``).
            omnigate.RetryLater: it cannot be noted now; nothing is counted.
        """
        try:
            await self._tally.open()
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            raise omnigate.RetryLater(f"it cannot be seen what was sent before: {error}") from None
        self.require(number, segments)
        self._count(number, 1, segments)
        try:
            await self._tally.keep(self._tally.name(number), ALL)
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self._count(number, -1, -segments)
            raise omnigate.RetryLater(f"what is sent cannot be counted now: {error}") from None

    def give_back(self, number: str, segments: int) -> None:
        """Take back a text that surely did not go out; kept with the next that does."""
        self._count(number, -1, -segments)

    def _require(self, whose: str, segments: int, scope: str, said: str) -> None:
        tally = self._tally
        counted: Sequence[tuple[str, str, int]] = (
            ("messages", "hour", 1 + tally.in_hour(whose, _MESSAGES)),
            ("segments", "hour", segments + tally.in_hour(whose, _SEGMENTS)),
            ("messages", "day", 1 + tally.in_day(whose, _MESSAGES)),
            ("segments", "day", segments + tally.in_day(whose, _SEGMENTS)),
        )
        for unit, span, total in counted:
            most = self._limits.most(unit, scope, span)
            if 0 < most < total:
                key = self._limits.key(unit, scope, span)
                raise omnigate.Refused(
                    "limit_reached",
                    f"no more than {most} {unit} are sent {said} in one {span}; more may go from "
                    f"{self._next(span):%H:%M} UTC, or at once if limits.{key} allows it",
                )

    def _count(self, number: str, messages: int, segments: int) -> None:
        for whose in (self._tally.name(number), ALL):
            self._tally.add(whose, messages, segments)

    def _tell(self, reason: str) -> None:
        """Say once an hour that all texts are refused."""
        now = (self._tally.day, self._now().hour)
        if now != self._told_at:
            self._told_at = now
            self._log.warning("no text is sent", reason=reason)

    def _next(self, span: str) -> datetime:
        """Return when the next hour or day begins."""
        now = self._now()
        if span == "hour":
            return now.replace(minute=0) + timedelta(hours=1)
        return now.replace(hour=0, minute=0) + timedelta(days=1)
