"""How many calls are asked for and placed, so that nobody can have us ring phones or pay for it.

Wishes are counted by number, by the network address and the site that they came from; attempts and
seconds by the whole channel; all for each hour and each day of the clock (UTC). What is counted is noted
before anything comes of it, so that neither a restart nor a crash gives anybody a fresh allowance. Notes
name numbers and addresses by what only this installation can make of them: who asked can be erased.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, Literal

import omnigate

if TYPE_CHECKING:
    from omnigate_call.config import Limits

NETWORK_BITS_V6: Final = 64
"""What one customer has of IPv6: a home gets a whole /64."""

Scope = Literal["number", "address", "site"]

_CALLS: Final = "calls"
_SECONDS: Final = "seconds"
_SECONDS_PER_MINUTE: Final = 60


class Allowance:
    """What may still be asked for and placed."""

    def __init__(
        self,
        limits: Limits,
        host: omnigate.ChannelHost,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._limits = limits
        self._log = host.log
        self._tally = omnigate.Tally(host, now=now)
        self._told_on: str | None = None
        self._refused_on = ""
        self.refused: Counter[str] = Counter()
        """Refusals of today by their code, as far as this run of the daemon goes."""

    async def take_wish(self, number: str, *, address: str | None, site: str | None) -> None:
        """Count somebody's wish for a call; durable on return.

        Raises:
            omnigate.Refused: there were too many (``limit_reached``); nothing is counted.
            omnigate.Overloaded, omnigate.StoreError: it cannot be noted; nothing is counted.
        """
        await self._tally.open()
        whose: list[tuple[Scope, str]] = [("number", number)]
        if address is not None:
            whose.append(("address", network_of(address)))
        if site is not None:
            whose.append(("site", site))
        for scope, who in whose:
            self._require_wish(scope, who)
        self._require_day()
        await self._take({self._key(scope, who): 1 for scope, who in whose})

    async def take_attempt(self, notes: omnigate.Notes) -> None:
        """Count an attempt at calling, and keep notes of it in the same moment; raises as `take_wish`."""
        await self._tally.open()
        self._require_day()
        await self._take({_CALLS: 1}, notes)

    def give_back_attempt(self) -> None:
        """Take back an attempt that surely came to nothing; kept with the next that is counted."""
        self._tally.add(_CALLS, -1)

    async def take_seconds(self, seconds: float) -> omnigate.Notes:
        """Count what a call has lasted; return what to note with the news of its end."""
        await self._tally.open()
        self._tally.add(_SECONDS, round(seconds))
        self._alarm()
        return self._tally.note(_SECONDS)

    def give_back_seconds(self, seconds: float) -> None:
        """Take back what could not be noted; it is counted again with the news of the end."""
        self._tally.add(_SECONDS, -round(seconds))

    def count_refusal(self, code: str) -> int:
        """Count that somebody was refused; return how often today, for that reason."""
        if self._tally.day != self._refused_on:
            self._refused_on = self._tally.day
            self.refused.clear()
        self.refused[code] += 1
        return self.refused[code]

    def _require_wish(self, scope: Scope, who: str) -> None:
        whose = self._key(scope, who)
        counted: Sequence[tuple[str, int]] = (
            ("hour", self._tally.in_hour(whose)),
            ("day", self._tally.in_day(whose)),
        )
        for span, so_far in counted:
            key = f"per_{scope}_per_{span}"
            most: int = getattr(self._limits, key, 0)  # there is none of sites in a day
            if 0 < most <= so_far:
                raise omnigate.Refused(
                    "limit_reached",
                    f"no more than {most} calls {_SAID[scope]} are asked for in one {span}; "
                    f"limits.{key} allows more",
                )

    def _require_day(self) -> None:
        calls, seconds = self._tally.in_day(_CALLS), self._tally.in_day(_SECONDS)
        if 0 < self._limits.calls_per_day <= calls:
            self._tell(f"{calls} calls were placed today; limits.calls_per_day allows more")
        elif 0 < self._limits.minutes_per_day <= seconds / _SECONDS_PER_MINUTE:
            minutes = round(seconds / _SECONDS_PER_MINUTE)
            self._tell(
                f"calls have lasted {minutes} minutes today; limits.minutes_per_day allows more"
            )
        else:
            return
        raise omnigate.Refused("limit_reached", "no more calls are placed today")

    def _alarm(self) -> None:
        """Say at once, and not only when the next call is refused, that a day's allowance is used up."""
        try:
            self._require_day()
        except omnigate.Refused:
            return

    def _tell(self, reason: str) -> None:
        """Say once a day that no more calls are placed."""
        if self._told_on != self._tally.day:
            self._told_on = self._tally.day
            self._log.error("no more calls are placed today", reason=reason)

    async def _take(self, counted: dict[str, int], notes: omnigate.Notes | None = None) -> None:
        for key, more in counted.items():
            self._tally.add(key, more)
        try:
            await self._tally.keep(*counted, notes=notes)
        except BaseException:
            for key, more in counted.items():
                self._tally.add(key, -more)
            raise

    def _key(self, scope: Scope, who: str) -> str:
        return f"{scope}:{self._tally.name(f'{scope}:{who}')}"


_SAID: Final[dict[Scope, str]] = {
    "number": "to this number",
    "address": "from this network address",
    "site": "from this site",
}


def network_of(address: str) -> str:
    """Return what one customer has of the network: an IPv4 address, a /64 of IPv6; else the text itself."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), NETWORK_BITS_V6), strict=False))
