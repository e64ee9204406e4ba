"""How fast a bot may send: to all, to one chat, to one group; and what a 429 of the platform means.

Windows, not buckets: a bucket that lets twenty through at once lets nearly forty into its first minute.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Final

import omnigate
from omnigate_telegram.places import Place

PER_BOT: Final = (30, 1.0)
PER_CHAT: Final = (3, 3.0)
PER_GROUP: Final = (20, 60.0)
"""So many in so many seconds, as the platform publishes."""
LONGEST_WAIT_SECONDS: Final = 2.0
"""Who must wait longer gives way to others, and comes again then."""
_REMEMBERED: Final = 10_000
_TOGETHER_SECONDS: Final = 5.0


class Pace:
    """Waits until a send is within the limits that the platform publishes."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._all = _Window(*PER_BOT)
        self._chats: OrderedDict[int, _Window] = OrderedDict()
        self._flooded: tuple[int, float] | None = None

    async def keep(self, place: Place, *, is_message: bool = True) -> None:
        """Wait for the turn of the chat and of the bot; raises `RetryLater` when it is long to come.

        What the platform publishes about chats is about messages: a change of one is not counted there.
        """
        began = self._clock()
        while seconds := self._take(place, is_message=is_message):
            if self._clock() + seconds > began + LONGEST_WAIT_SECONDS:
                raise omnigate.RetryLater(
                    f"Telegram takes no more just now; in {seconds:.1f} s", after_seconds=seconds
                )
            await self._sleep(seconds)

    def too_many(self, place: Place, seconds: float) -> omnigate.OmnigateError:
        """Return what a 429 means: this chat waits, or the whole bot when another chat just had one."""
        now = self._clock()
        self._of(place).rest_until(now + seconds)
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

    def _take(self, place: Place, *, is_message: bool) -> float:
        """Book a call and return 0, or return after how many seconds to ask again."""
        now, chat = self._clock(), self._of(place)
        for_the_chat = chat.seconds_until_free(now) if is_message else chat.seconds_of_rest(now)
        if seconds := max(for_the_chat, self._all.seconds_until_free(now)):
            return seconds
        self._all.book(now)
        if is_message:
            chat.book(now)
        return 0.0

    def _of(self, place: Place) -> _Window:
        window = self._chats.pop(place.chat, None)
        if window is None:
            window = _Window(*(PER_GROUP if place.is_group else PER_CHAT))
        self._chats[place.chat] = window
        if len(self._chats) > _REMEMBERED:
            self._chats.popitem(last=False)
        return window


class _Window:
    """Lets so many through in any span of so many seconds."""

    __slots__ = ("_most", "_resting_until", "_seconds", "_sent")

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._sent: deque[float] = deque()
        self._resting_until = float("-inf")

    def seconds_until_free(self, now: float) -> float:
        while self._sent and self._sent[0] <= now - self._seconds:
            self._sent.popleft()
        full = self._sent[0] + self._seconds - now if len(self._sent) >= self._most else 0.0
        return max(full, self.seconds_of_rest(now))

    def seconds_of_rest(self, now: float) -> float:
        return max(self._resting_until - now, 0.0)

    def book(self, now: float) -> None:
        self._sent.append(now)

    def rest_until(self, moment: float) -> None:
        self._resting_until = max(self._resting_until, moment)
