"""Calls under way of which nothing is heard any more: their platforms are asked, and they are held.

Theory of operation. A platform forgets a call, or what it told is lost: nobody would ever end it, and it
would keep its line. The store says when anything was heard of a call last, over restarts too.

1. Once that is longer ago than the channel says it may be (`CallChannel.quiet_seconds`), `follow_up` is
   asked: at the earliest a minute into a run of the daemon, when platforms have told what they could not
   tell before.
2. What is told is news: the call is asked about again after a while, however long it goes on.
3. Where nobody can tell, or the platform does not know of the call any more, it is held as ``unknown``. One
   that cannot be asked is asked again, and held after `UNANSWERED_SECONDS`.

Of a channel that does not run nothing can be heard: its calls wait until it is back. While the clock is
in doubt nothing is held, or asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from omnigate.calling import TALK_SECONDS, CallChannel
from omnigate.errors import StoreError
from omnigate.flow.asking import ask
from omnigate.flow.holding import hold_call
from omnigate.flow.inbox import Inbox
from omnigate.flow.spans import said_seconds
from omnigate.flow.supervisor import ChannelRunner
from omnigate.model.call import Call
from omnigate.store.callends import Held
from omnigate.store.callreads import CallFound
from omnigate.store.store import Store
from omnigate.store.transaction import CallChanged

SETTLING_SECONDS: Final = 60.0
"""For so long after a call was first seen in a run of the daemon it is not asked about."""
ASK_AGAIN_SECONDS: Final = 60.0
"""After so long a platform that could not be asked, or a channel that was away, is tried again."""
GOES_ON_SECONDS: Final = 300.0
"""After so long one that told of a silent call is asked again."""
UNANSWERED_SECONDS: Final = 900.0
"""A call that nobody could be asked about for so long is held."""

log = structlog.get_logger("calls")


class Silence:
    """Knows when a call is to be asked about because nothing is heard of it, and does it."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        channels: Callable[[], Mapping[str, ChannelRunner]],
        running: Callable[[str], CallChannel | None],
        doubted_until: Callable[[], int | None],
    ) -> None:
        """``running`` returns a channel that hears of its calls now."""
        self._store = store
        self._inbox = inbox
        self._channels = channels
        self._running = running
        self._doubted_until = doubted_until
        self._not_before: dict[str, float] = {}
        """Until when each call is let be, by the loop's clock."""
        self._unanswered: dict[str, tuple[int, float]] = {}
        """Since when nobody could be asked about a call, and when it was heard of last before that."""

    def hear(self, changed: CallChanged) -> None:
        """Hear that a call has changed."""
        if changed.has_ended:
            self.forget(changed.call.id)

    def forget(self, call_id: str) -> None:
        """Remember nothing more of a call: it has ended."""
        self._not_before.pop(call_id, None)
        self._unanswered.pop(call_id, None)

    def is_due(self, found: CallFound) -> bool:
        """Tell whether a call under way is to be asked about now; it is not otherwise in doubt.

        Of one that is to be ended since it lasts too long `omnigate.flow.overlong` asks.
        """
        if found.call.state == "unknown" or found.cut_at is not None:
            return False
        soonest = self._not_before.setdefault(found.call.id, _now() + SETTLING_SECONDS)
        if _now() < soonest or self._doubted_until() is not None:
            return False
        return self._quiet_seconds(found) > self.quiet_seconds(found.channel, found.call)

    def takes_line(self, found: CallFound) -> bool:
        """Tell whether a call that has begun may be under way: one that is held may be for a while."""
        if found.call.state != "unknown":
            return True
        if found.cut_at is not None:
            return False
        age_seconds = (self._store.now() - found.begun_at) / 1000
        return age_seconds <= self.quiet_seconds(found.channel, found.call)

    def quiet_seconds(self, name: str, call: Call) -> float:
        """Return for how long a channel need tell nothing of a call."""
        return said_seconds(
            self._channels().get(name), lambda channel: channel.quiet_seconds(call), TALK_SECONDS
        )

    async def ask(self, found: CallFound) -> None:
        """Ask about a call; hold it where nobody can tell, or could be asked for long."""
        call, name = found.call, found.channel
        channel, runner = self._running(name), self._channels().get(name)
        self._let_be(call, ASK_AGAIN_SECONDS)
        if channel is None or runner is None:
            return
        log.info("nothing is heard of a call: its platform is asked", call=call.id, channel=name)
        heard = await ask(channel, runner.key, self._inbox, call)
        if heard.came == "told":
            self._unanswered.pop(call.id, None)
            self._let_be(call, GOES_ON_SECONDS)
        elif heard.came != "not now" or self._unanswered_seconds(found) > UNANSWERED_SECONDS:
            await self._hold(found, heard.why)

    async def _hold(self, found: CallFound, why: str) -> None:
        minutes = self._quiet_seconds(found) / 60
        error = f"nothing was heard of the call for {minutes:.0f} min, and it cannot be asked about: {why}"
        held = Held(found.call.id, f"{error}; say how it ended", heard_at=found.heard_at)
        try:
            await hold_call(self._store, found.channel, held)
        except StoreError as problem:
            log.warning("a silent call is not held", call=found.call.id, error=str(problem))

    def _quiet_seconds(self, found: CallFound) -> float:
        return (self._store.now() - found.heard_at) / 1000

    def _unanswered_seconds(self, found: CallFound) -> float:
        """Return for how long nobody could be asked about a call, this time included."""
        heard_at, since = self._unanswered.get(found.call.id, (found.heard_at, _now()))
        if heard_at != found.heard_at:
            since = _now()
        self._unanswered[found.call.id] = (found.heard_at, since)
        return _now() - since

    def _let_be(self, call: Call, seconds: float) -> None:
        self._not_before[call.id] = _now() + seconds


def _now() -> float:
    return asyncio.get_running_loop().time()
