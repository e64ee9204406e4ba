"""How fast a bot may send: to all, to one chat, to one group; and what a 429 of the platform means."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

import omnigate
from omnigate_telegram.places import Place

_PER_SECOND: Final = 30
_GROUP_PER_MINUTE: Final = 20
_CHAT_BURST: Final = 3
_REMEMBERED: Final = 10_000
_TOGETHER_SECONDS: Final = 5.0


class Pace:
    """Waits until a send is within the limits that the platform publishes."""

    def __init__(self, host: omnigate.ChannelHost) -> None:
        self._host = host
        self._all = host.limiter(_PER_SECOND, burst=_PER_SECOND)
        self._chats: OrderedDict[int, omnigate.Limiter] = OrderedDict()
        self._flooded: tuple[int, float] | None = None

    async def keep(self, place: Place) -> None:
        """Wait for the chat's turn, then for the bot's."""
        await self._of(place).acquire()
        await self._all.acquire()

    def too_many(self, place: Place, seconds: float) -> omnigate.OmnigateError:
        """Return what a 429 means: this chat waits, or the whole bot when another chat just had one."""
        now = time.monotonic()
        earlier, self._flooded = self._flooded, (place.chat, now)
        told = f"Telegram wants {seconds:g} s of silence"
        if (
            earlier is not None
            and earlier[0] != place.chat
            and now - earlier[1] < _TOGETHER_SECONDS
        ):
            return omnigate.DestinationUnavailable(
                f"{told} from the whole bot", retry_after_seconds=seconds, status=429
            )
        return omnigate.RetryLater(told, after_seconds=seconds, status=429)

    def _of(self, place: Place) -> omnigate.Limiter:
        limiter = self._chats.pop(place.chat, None)
        if limiter is None:
            if place.is_group:
                limiter = self._host.limiter(
                    _GROUP_PER_MINUTE, per_seconds=60, burst=_GROUP_PER_MINUTE
                )
            else:
                limiter = self._host.limiter(1, burst=_CHAT_BURST)
        self._chats[place.chat] = limiter
        if len(self._chats) > _REMEMBERED:
            self._chats.popitem(last=False)
        return limiter
