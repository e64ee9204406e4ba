"""Dialling: calls that are due are begun, once an attempt, and those in doubt are asked about.

What is said to a channel, and what its answer means, is in `omnigate.flow.ringing`; here is when.

Theory of operation. The store says what is to be done (`omnigate.store.callreads.look_ahead`); a round
does it, and the next round comes with the next commit that is about a call, or when something falls due.

1. What is due is *claimed*: state ``dialling`` and the attempt are committed, and only then is
   `CallChannel.dial` called. No more calls of a channel are under way than its `CallChannel.capacity`: those
   that have begun and not ended are counted in the store, so that a restart forgets none.
2. What the platform surely did not begin goes back to the queue as the same attempt; what it refused ends.
3. A ``dialling`` call whose platform has not answered in this run of the daemon - the answer was lost, it
   took too long, or the daemon died - is in doubt. It is never dialled again before `follow_up` has said
   that the platform does not know of it. Where nobody can tell it is held as ``unknown``.
   So is one, at whatever stage, of which nothing is heard any more (`omnigate.flow.silence`).
   So is one that goes on for longer than any may, and cannot be ended (`omnigate.flow.overlong`).
   So is what was begun, at whatever stage, once its channel is gone (`omnigate.flow.absence`); what a
   channel that comes back tells of it counts all the same.
4. What is taken back while it is under way, or lasts too long, is hung up, again and again until its end is
   told; a platform that cannot end what it has begun is asked once. One that was claimed and not dialled
   yet never is dialled: that is looked at last before the plugin is called.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from omnigate import failpoints
from omnigate.calling import CallChannel
from omnigate.errors import Refused, StoreError
from omnigate.flow.absence import Absence
from omnigate.flow.contained import contained
from omnigate.flow.doubts import Doubts
from omnigate.flow.inbox import Inbox
from omnigate.flow.overlong import Overlong
from omnigate.flow.ringing import Ringing
from omnigate.flow.silence import Silence
from omnigate.flow.supervisor import ChannelRunner
from omnigate.flow.tasks import Tasks
from omnigate.model.call import Call
from omnigate.store.callends import Expiry, expire_calls
from omnigate.store.callreads import CallFound, look_ahead
from omnigate.store.dials import Claim, begin_dials
from omnigate.store.store import Store
from omnigate.store.turns import Committed

END_SECONDS: Final = 10.0
"""How long whoever takes a call back waits to hear whether its platform can end it."""
ROOM_SECONDS: Final = 1.0
"""How often a channel that has no line free, or is not up, is looked at while calls of it are due."""
BEGUN_AT_ONCE: Final = 100
"""So many calls of a channel are claimed in one transaction, whatever its capacity."""
WATCH_SECONDS: Final = 60.0
"""How often it is looked whether the channels of calls under way are still there, and tell of them."""
IDLE_SECONDS: Final = 3600.0
"""How often the store is looked at when nothing is expected."""
EXPIRED_AT_ONCE: Final = 100
FAILED_SECONDS: Final = 5.0
_AWAY: Final = frozenset({"starting", "down", "stopped"})

log = structlog.get_logger("calls")


class Dialler:
    """Has channels begin, follow up and end calls."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        channels: Callable[[], Mapping[str, ChannelRunner]],
        doubted_until: Callable[[], int | None],
    ) -> None:
        self._store = store
        self._channels = channels
        self._doubted_until = doubted_until
        self._tasks = Tasks()
        self._news = asyncio.Event()
        self._at_it = False
        self._stopping = False
        self._doubts = Doubts()
        self._absence = Absence(channels)
        self._ringing = Ringing(
            store, inbox, channels, self._at_work, self._running, self._doubts, self._absence
        )
        self._silence = Silence(store, inbox, channels, self._running, doubted_until)
        self._overlong = Overlong(
            store, inbox, channels, self._running, doubted_until, self._doubts
        )
        self._under_way: Counter[str] = Counter()
        """How often a channel is being told or asked about each call at this moment.

        More than once where an answer about one attempt is still awaited when the next is dialled.
        """
        self._ended: set[str] = set()
        """Of those the ones that have ended meanwhile."""

    def committed(self, committed: Committed) -> None:
        """Hear what was committed of calls."""
        for changed in committed.calls:
            self._doubts.hear(changed)
            self._silence.hear(changed)
            self._overlong.hear(changed)
            if changed.has_ended and changed.call.id in self._under_way:
                self._ended.add(changed.call.id)
            self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        self._at_it = True
        try:
            while True:
                await self._work()
        finally:
            self._at_it = False

    async def why_going_on(self, call_id: str, channel: str) -> Refused | None:
        """Return why a call that was taken back goes on: its platform cannot end it. None otherwise.

        Where the platform was not asked yet, in this run, waits for that at most `END_SECONDS`; not where
        the channel is gone, and nobody can ask.
        """
        if self._at_it and not self._stopping and self._absence.look(channel) is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._doubts.wait_asked_to_end(call_id)
        return self._doubts.why_going_on(call_id)

    def stop(self) -> None:
        """Begin nothing more: the channels end. Who waits to hear of an end waits no longer."""
        self._stopping = True
        self._doubts.wake_all()

    async def drain(self, seconds: float) -> int:
        """Wait for what channels are being told; return how many answers were not waited for."""
        self._stopping = True
        return await self._tasks.finish(seconds)

    # A round

    async def _work(self) -> None:
        """Do a round, and wait until the next one is due."""
        try:
            wait_seconds = await self._round()
        except StoreError as error:
            log.warning("calls wait", error=str(error))
            wait_seconds = FAILED_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                await self._news.wait()
        self._news.clear()

    async def _round(self) -> float:
        """Do what there is to do; return in how many seconds to look again."""
        if self._stopping:
            return IDLE_SECONDS
        outlook = await self._store.read(look_ahead, self._store.now())
        waits = [IDLE_SECONDS]
        if outlook.is_late:
            waits.append(await self._expire())
        taken = Counter(
            found.channel for found in outlook.under_way if self._silence.takes_line(found)
        )
        for name, due in outlook.due.items():
            waits.append(await self._begin(name, due, taken[name]))
        waits += [self._look_after(found) for found in outlook.under_way]
        if outlook.next_at is not None:
            waits.append((outlook.next_at - self._store.now()) / 1000 + 0.001)
        return max(0.0, min(waits))

    async def _expire(self) -> float:
        """End what was not tried in time; while the clock is in doubt nothing is given up."""
        if (until := self._doubted_until()) is not None:
            return (until - self._store.now()) / 1000 + 1
        expiry = Expiry(EXPIRED_AT_ONCE, self._absence.present())
        for call in await self._store.writer.do(expire_calls, expiry):
            log.warning(
                "a call expired: it was not tried in time; call the customer back",
                call=call.id,
                requested_at=call.requested_at.isoformat(),
                error=call.error,
            )
        return ROOM_SECONDS

    async def _begin(self, name: str, due: int, taken: int) -> float:
        """Claim what is due of a channel, as far as it has lines that are not taken, and have it dialled."""
        channel = self._at_work(name)
        room = _capacity(name, channel) - taken if channel is not None else 0
        if room <= 0:
            return ROOM_SECONDS
        begun = await self._store.writer.do(
            begin_dials, Claim(name, int(min(room, due, BEGUN_AT_ONCE)))
        )
        if begun:
            failpoints.reached("claim")
        for call in begun:
            self._under_way[call.id] += 1
            self._tasks.start(self._dial(name, call))
        return ROOM_SECONDS if due > len(begun) else IDLE_SECONDS

    def _look_after(self, found: CallFound) -> float:
        """See to a call under way, if it needs that; return when to look again."""
        call = found.call
        if call.id in self._under_way:
            return IDLE_SECONDS
        rest_seconds = self._doubts.rest_seconds(call)
        work: Callable[[CallFound], Awaitable[None]]
        if call.state != "unknown" and self._absence.look(found.channel) is not None:
            rest_seconds = max(rest_seconds, self._absence.rest_seconds(found.channel))
            work = self._ringing.hold
        elif call.state == "dialling" and not self._doubts.is_taken(call):
            work = self._ringing.follow_up
        elif self._overlong.is_due(found):
            rest_seconds = 0.0
            work = self._overlong.see_to
        elif self._silence.is_due(found):
            rest_seconds = 0.0
            work = self._silence.ask
        elif _is_to_end(found) and self._doubts.why_going_on(call.id) is None:
            work = self._ringing.hang_up
        else:
            return IDLE_SECONDS if call.state == "unknown" else WATCH_SECONDS
        if self._doubts.is_outdated(call):
            return 0.0
        if rest_seconds > 0:
            return min(rest_seconds, WATCH_SECONDS)
        self._under_way[call.id] += 1
        self._tasks.start(self._see_to(found, work))
        return IDLE_SECONDS

    def _at_work(self, name: str) -> CallChannel | None:
        """Return a channel that calls people and may do so now."""
        runner = self._channels().get(name)
        if runner is None or runner.health.intake_closed or runner.health.paused is not None:
            return None
        return self._running(name)

    def _running(self, name: str) -> CallChannel | None:
        """Return a channel that can end calls now; while it is drained or paused it begins none."""
        runner = self._channels().get(name)
        if runner is None or self._stopping or runner.reported in _AWAY:
            return None
        if runner.health.paused is not None and not runner.goes_on:
            return None
        return runner.channel if isinstance(runner.channel, CallChannel) else None

    async def _dial(self, name: str, call: Call) -> None:
        try:
            await self._ringing.dial(name, call)
        finally:
            self._done(call)

    async def _see_to(self, found: CallFound, work: Callable[[CallFound], Awaitable[None]]) -> None:
        try:
            await work(found)
        finally:
            self._done(found.call)

    def _done(self, call: Call) -> None:
        self._under_way[call.id] -= 1
        if not self._under_way[call.id]:
            del self._under_way[call.id]
            if call.id in self._ended:  # whatever the answer had noted of it
                self._ended.discard(call.id)
                for memory in (self._doubts, self._silence, self._overlong):
                    memory.forget(call.id)
        self._news.set()


def _is_to_end(found: CallFound) -> bool:
    """Tell whether a call under way is to be hung up."""
    return found.is_cancelled or found.cut_at is not None


def _capacity(name: str, channel: CallChannel) -> float:
    """Return how many calls of a channel may be under way at once; none if it does not say."""
    try:
        with contained:
            capacity = channel.capacity()
            return math.inf if capacity is None else int(capacity)
    except Exception:
        log.exception("a channel does not say how many calls it takes at once", channel=name)
        return 0
