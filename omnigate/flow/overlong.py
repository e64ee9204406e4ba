"""Calls that go on for longer than any may: asked about, ended by their channels, held where they go on.

Theory of operation. A platform may say of a call for ever that it goes on, by a mistake of its own: it would
cost money every minute, and keep a line. The store says when the attempt was begun, over restarts too.

1. Once that is longer ago than the channel says a call lasts (`CallChannel.longest_seconds`), its platform is
   asked a last time: perhaps only the news of its end was lost. What it has forgotten is held as ``unknown``.
2. One that is not over then is *cut*: that is stored, and it is hung up, again and again
   (`omnigate.flow.ringing`). However it ends, it is not tried again.
3. Where the platform cannot end it, or does not tell that it is over `END_SECONDS` after it was first asked
   to end it, it is held as ``unknown`` for the operator, and takes no line. It is still hung up now and
   then, and its end still counts; that it goes on does not.

Of a channel that does not run nothing can be heard: its calls wait until it is back. While the clock is
in doubt nothing is asked, cut or held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from omnigate.calling import LONGEST_SECONDS, CallChannel
from omnigate.errors import StoreError
from omnigate.flow.asking import ask
from omnigate.flow.doubts import Doubts
from omnigate.flow.holding import hold_call
from omnigate.flow.inbox import Inbox
from omnigate.flow.silence import ASK_AGAIN_SECONDS, SETTLING_SECONDS
from omnigate.flow.spans import said_seconds
from omnigate.flow.supervisor import ChannelRunner
from omnigate.model.call import Call
from omnigate.store.callends import Cut, Held, cut_calls
from omnigate.store.callreads import CallFound
from omnigate.store.store import Store
from omnigate.store.transaction import CallChanged

END_SECONDS: Final = 120.0
"""How long a platform has to tell that a call is over which it was asked to end."""

log = structlog.get_logger("calls")


class Overlong:
    """Knows when a call lasts too long, and sees to its end."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        channels: Callable[[], Mapping[str, ChannelRunner]],
        running: Callable[[str], CallChannel | None],
        doubted_until: Callable[[], int | None],
        doubts: Doubts,
    ) -> None:
        """``running`` returns a channel that hears of its calls now."""
        self._store = store
        self._inbox = inbox
        self._channels = channels
        self._running = running
        self._doubted_until = doubted_until
        self._doubts = doubts
        self._not_before: dict[str, float] = {}
        """Until when each call is let be, by the loop's clock."""

    def hear(self, changed: CallChanged) -> None:
        """Hear that a call has changed."""
        if changed.has_ended:
            self.forget(changed.call.id)

    def forget(self, call_id: str) -> None:
        """Remember nothing more of a call: it has ended."""
        self._not_before.pop(call_id, None)

    def is_due(self, found: CallFound) -> bool:
        """Tell whether something is to be done now about the length of a call."""
        soonest = self._not_before.setdefault(found.call.id, _now() + SETTLING_SECONDS)
        if found.call.state == "unknown" or self._doubted_until() is not None or _now() < soonest:
            return False
        if found.cut_at is not None:
            return self._goes_on(found.call)
        return self._age_seconds(found) > self.longest_seconds(found.channel, found.call)

    def longest_seconds(self, name: str, call: Call) -> float:
        """Return how long after it was begun an attempt at a call is over at the latest."""
        return said_seconds(
            self._channels().get(name),
            lambda channel: channel.longest_seconds(call),
            LONGEST_SECONDS,
        )

    async def see_to(self, found: CallFound) -> None:
        """Ask about a call that lasts too long; have it hung up, or hold what cannot be ended."""
        call, name = found.call, found.channel
        channel, runner = self._running(name), self._channels().get(name)
        self._not_before[call.id] = _now() + ASK_AGAIN_SECONDS
        if channel is None or runner is None:
            return
        heard = await ask(channel, runner.key, self._inbox, call)
        try:
            if found.cut_at is None and heard.came not in ("forgotten", "never begun"):
                await self._cut(found)
            else:
                await self._hold(found, heard.why or "its platform says that it goes on")
        except StoreError as error:
            log.warning("a call that lasts too long waits", call=call.id, error=str(error))

    async def _cut(self, found: CallFound) -> None:
        call = found.call
        cut = await self._store.writer.do(cut_calls, Cut(call.id, call.attempt))
        if cut is None:  # it is over
            return
        self._not_before[call.id] = _now()
        log.warning(
            "a call lasts longer than any may, and is ended",
            call=call.id,
            channel=found.channel,
            minutes=round(self._age_seconds(found) / 60),
            remedy="see at the platform why it did not end the call itself",
        )

    async def _hold(self, found: CallFound, why: str) -> None:
        minutes = self._age_seconds(found) / 60
        ended = "" if found.cut_at is None else ", it was to be ended"
        error = f"the call lasts longer than any may ({minutes:.0f} min){ended}, and {why}"
        held = Held(found.call.id, f"{error}; have it ended there, then say how it ended")
        await hold_call(self._store, found.channel, held)

    def _goes_on(self, call: Call) -> bool:
        """Tell whether a call that was to be ended goes on, as far as anybody knows."""
        if self._doubts.why_going_on(call.id) is not None:
            return True
        asked_seconds = self._doubts.ending_seconds(call)
        return asked_seconds is not None and asked_seconds > END_SECONDS

    def _age_seconds(self, found: CallFound) -> float:
        return (self._store.now() - found.begun_at) / 1000


def _now() -> float:
    return asyncio.get_running_loop().time()
