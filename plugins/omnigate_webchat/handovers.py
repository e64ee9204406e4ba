"""Carrying on elsewhere: a one-time link for each channel, and as a QR code for the phone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import omnigate
from omnigate_webchat.answers import Frame, Refusal
from omnigate_webchat.limits import Buckets
from omnigate_webchat.tokens import Pass

_REUSED: Final = timedelta(minutes=10)
"""For how long who asks again gets the same links: a panel opened twice needs no second token."""
_NEARLY_OVER: Final = timedelta(minutes=1)
_MOST_KEPT: Final = 2000
_LINKS: Final = frozenset({"https", "http", "mailto", "sms"})
"""What the widget lets a visitor follow."""


class _Made(NamedTuple):
    """The latest links of a visitor."""

    at: datetime
    conversation_id: str
    """The daemon's."""
    handover: omnigate.Handover


class Handovers:
    """Hands out links; the tokens in them are the daemon's."""

    def __init__(
        self,
        channels: Sequence[str] | bool | None,
        host: omnigate.ChannelHost,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``channels`` are those that are offered; None: all that there are, False: none."""
        self._channels = channels
        self._host = host
        self._now = now
        self._made: OrderedDict[str, _Made] = OrderedDict()
        self._turn = asyncio.Lock()
        """Two tabs that ask at once get the same links."""
        self._rate = Buckets(6, per_seconds=600)
        self._network_rate = Buckets(60, per_seconds=600)

    def is_offered(self) -> bool:
        """Tell whether there is a channel to carry on in."""
        if self._channels is False:
            return False
        return any(self._is_wanted(name) for name in self._host.handover_channels())

    def check(self, who: Pass, *, renew: bool) -> None:
        """Raise `Refusal` when there is nowhere to carry on, or the visitor has had enough links."""
        if not self.is_offered():
            raise Refusal("not_found", "there is no channel to carry on in")
        if renew or self._latest(who.conversation) is None:
            self._count(who)

    def _count(self, who: Pass) -> None:
        if self._rate.wait_seconds(who.visitor) or self._network_rate.wait_seconds(who.network):
            raise Refusal("rate", "too many links at once")

    async def links(self, who: Pass, *, renew: bool) -> Frame:
        """Return the links of the visitor's conversation, which is known to the host.

        The same ones for a while, as long as they are good, unless new ones are wanted. Those before are
        good all the same until one of them is used: a phone may just have read them from the screen.
        Raises `Refusal` when the host has none, or the visitor has had enough. Call `check` before.
        """
        async with self._turn:
            known = await self._host.conversation(who.conversation)
            if known is None:
                raise Refusal("not_found", "there is no conversation to carry on")
            latest = None if renew else self._latest(who.conversation)
            made = await self._still_good(latest, known.id)
            if made is None:
                if latest is not None:
                    self._count(who)
                made = await self._host.handover(who.conversation)
                if made is None:
                    raise Refusal("not_found", "there is no channel to carry on in")
                self._keep(who.conversation, _Made(self._now(), known.id, made))
        return await self._shown(made)

    async def _still_good(
        self, latest: _Made | None, conversation_id: str
    ) -> omnigate.Handover | None:
        if latest is None or latest.conversation_id != conversation_id:
            return None  # whom that one was with was erased, and its links with it
        is_open = await self._host.handover_is_open(latest.handover.id)
        return latest.handover if is_open else None

    def _keep(self, conversation: str, made: _Made) -> None:
        self._made[conversation] = made
        self._made.move_to_end(conversation)
        while len(self._made) > _MOST_KEPT:
            self._made.popitem(last=False)

    def _latest(self, conversation: str) -> _Made | None:
        """Return the links that may be shown again, for all that is known here."""
        made = self._made.get(conversation)
        if made is None:
            return None
        ends_at = min(made.at + _REUSED, made.handover.expires_at - _NEARLY_OVER)
        return made if self._now() < ends_at else None

    async def _shown(self, made: omnigate.Handover) -> Frame:
        ways = [way for way in made.ways if self._is_wanted(way.channel) and _is_followed(way.url)]
        codes = await asyncio.to_thread(_codes, [way.url for way in ways])
        left = (made.expires_at - self._now()).total_seconds()
        return {
            "expires_in_seconds": max(0, min(int(left), 2**31)),
            "ways": [
                {"channel": way.channel, "kind": way.kind, "url": way.url, "qr": code}
                for way, code in zip(ways, codes, strict=True)
            ],
        }

    def _is_wanted(self, channel: str) -> bool:
        return isinstance(self._channels, bool | None) or channel in self._channels


def _is_followed(url: str) -> bool:
    return urlsplit(url).scheme in _LINKS


def _codes(urls: Sequence[str]) -> list[dict[str, Any] | None]:
    found = [omnigate.qr_path(url) for url in urls]
    return [None if code is None else {"size": code.size, "path": code.path} for code in found]
