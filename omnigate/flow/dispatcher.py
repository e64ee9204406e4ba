"""The dispatcher: one for both directions. Claims lanes, has their items carried, settles outcomes.

Theory of operation. Each destination has slots; a slot works on one lane at a time, so order within a
lane needs no further care. Claims are not made by a loop of their own: the writer asks
(`Writer.last_words`) when it puts a turn together, so that settling, taking in and claiming share one
transaction. A destination is asked about when it is *hungry*: something became due, a slot became free
while more was due, or its timer ran out.

What an attempt comes to is decided in `omnigate.flow.attempts`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import structlog

from omnigate import failpoints
from omnigate.errors import StoreError
from omnigate.flow.alerts import Alerts
from omnigate.flow.attempts import Attempts
from omnigate.flow.clockwatch import ClockWatch
from omnigate.flow.destination import Destination
from omnigate.flow.figures import Figures
from omnigate.flow.held import LEASE_SECONDS, Held, HeldLeases
from omnigate.flow.retry import RetryPolicy
from omnigate.flow.tasks import Tasks
from omnigate.store import lanes, leases
from omnigate.store.lanes import Claim, Claimed, Lease
from omnigate.store.store import Store
from omnigate.store.writer import Committed, LastWord

RENEW_SECONDS: Final = 15.0
ELDER_EVERY: Final = 4
"""One of so many lanes is taken by age, whatever its priority."""
UNSETTLED_LIMIT: Final = 1000
"""With more than this waiting to be written, a slot waits for its own settlement."""
CLAIM_AGAIN_SECONDS: Final = 1.0
HOLD_SECONDS: Final = 30.0
"""How long a destination's attempts may take to end when its plugin is exchanged."""

log = structlog.get_logger("dispatcher")


class Dispatcher:
    """Works on the lanes of all destinations."""

    def __init__(
        self,
        store: Store,
        policy: RetryPolicy,
        chance: random.Random | None = None,
        figures: Figures | None = None,
        clock: ClockWatch | None = None,
    ) -> None:
        self.destinations: dict[int, Destination] = {}
        self._store = store
        self._writer = store.writer
        self._tasks = Tasks()
        self._alerts = Alerts(store)
        self._clock = clock or ClockWatch(store)
        self._attempts = Attempts(
            store, policy, chance or random.Random(), self._tasks.start, self._alerts, self._clock
        )
        self.figures = figures or Figures()
        self._leases = HeldLeases(store, self.figures)
        self._stopping = False

    def add(self, destination: Destination) -> None:
        """Begin to work on a destination."""
        destination.figures = self.figures.destination(destination.direction, destination.name)
        self.destinations[destination.health.destination_id] = destination
        self._writer.nudge()

    def configure(self, policy: RetryPolicy, *, keeps_all_exchanges: bool) -> None:
        """Take over another schedule; what waits already keeps the time it was given."""
        self._attempts.policy = policy
        self._attempts.keeps_all_exchanges = keeps_all_exchanges

    @asynccontextmanager
    async def held(self, destination: Destination) -> AsyncIterator[None]:
        """Have nothing under way at a destination while its plugin is exchanged or taken away.

        Waits for attempts in flight, which their own time limits end; one that does not end is left
        behind, loudly. Its outcome still counts if its lease does.
        """
        destination.held = quiet = asyncio.Event()
        try:
            if destination.busy or destination.claiming:
                with suppress(TimeoutError):
                    async with asyncio.timeout(HOLD_SECONDS):
                        await quiet.wait()
            if destination.busy:
                log.error(
                    "attempts do not end; going on without them",
                    destination=destination.name,
                    count=destination.busy,
                )
            yield
        finally:
            # One that was removed stays held: an attempt left behind must be its plugin's last.
            if self._is_known(destination):
                destination.held = None
                self._feed(destination)

    def remove(self, destination: Destination) -> None:
        """Work on a destination no more; what is owed to it stays. Hold it first."""
        self.destinations.pop(destination.health.destination_id, None)
        if destination.timer is not None:
            destination.timer.cancel()

    async def pause(self, destination: Destination, reason: str) -> None:
        """Claim nothing more for a destination until `resume`, also after a restart."""
        destination.health.paused = reason
        await self._attempts.note(destination)

    async def resume(self, destination: Destination) -> bool:
        """Go on with a destination; one that failed before is probed first. False: it was not paused."""
        if not destination.breaker.resume(self._store.now()):
            return False
        await self._attempts.note(destination)
        await self._attempts.waken(destination)
        self._feed(destination)
        return True

    async def proven(self, destination: Destination) -> bool:
        """Go on with a destination that has just shown that it works; False if nothing held it back."""
        if not destination.breaker.proven(self._store.now()):
            return False
        await self._attempts.recover(destination)
        self._feed(destination)
        return True

    async def run(self) -> None:
        """Work until cancelled or `drain`; leases of an earlier run are void."""
        await self._writer.do(leases.void_leases, None)
        await self._clock.look(self.destinations.values())
        self._writer.last_words = self._claims
        self._writer.on_commit.append(self._committed)
        self._writer.nudge()  # what an earlier run owed goes out without waiting for news
        try:
            await self._keep_leases()
        finally:
            self._writer.on_commit.remove(self._committed)
            self._stop_claiming()

    async def drain(self, seconds: float) -> int:
        """Claim nothing new and wait for attempts in flight; return how many were cut short.

        What is cut short stays owed: its lease is void at the next start.
        """
        self._stopping = self._leases.stopping = True
        self._stop_claiming()
        cut = await self._tasks.finish(seconds)
        await asyncio.gather(*(self._attempts.note(known) for known in self.destinations.values()))
        return cut

    def _stop_claiming(self) -> None:
        self._writer.last_words = tuple
        for destination in self.destinations.values():
            if destination.timer is not None:
                destination.timer.cancel()

    # Claiming

    def _committed(self, committed: Committed) -> None:
        for destination_id in committed.due:
            destination = self.destinations.get(destination_id)
            if destination is not None:
                self._feed(destination)

    def _feed(self, destination: Destination) -> None:
        """Have the destination asked about in the next turn, or as soon as that is of use."""
        if not self._is_known(destination):
            return
        destination.hungry = True
        if destination.claiming or self._stopping:
            return
        if self._room(destination) > 0:
            self._writer.nudge()
        else:
            self._wake_when_allowed(destination)

    def _is_known(self, destination: Destination) -> bool:
        return self.destinations.get(destination.health.destination_id) is destination

    def _claims(self) -> list[LastWord]:
        """Return a claim for every hungry destination that has room; asked by the writer."""
        if self._stopping:
            return []
        words: list[LastWord] = []
        for destination in self.destinations.values():
            if not destination.hungry or destination.claiming:
                continue
            room = self._room(destination)
            if room <= 0:
                self._wake_when_allowed(destination)
                continue
            destination.hungry = False
            destination.claiming = True
            elders, destination.asked_for = divmod(destination.asked_for + room, ELDER_EVERY)
            claim = Claim(
                destination_id=destination.health.destination_id,
                lanes=room,
                retrying=self._retry_room(destination),
                depth=1 if destination.health.breaker != "closed" else destination.carrier.depth,
                lease_ms=int(LEASE_SECONDS * 1000),
                elders=elders,
            )
            future: asyncio.Future[Claimed] = asyncio.get_running_loop().create_future()
            future.add_done_callback(partial(self._claimed, destination, claim))
            words.append((lanes.claim, claim, future))
        return words

    def _room(self, destination: Destination) -> int:
        if destination.held is not None:
            return 0
        limit = destination.breaker.limit(destination.concurrency, self._store.now())
        return limit - destination.busy

    def _retry_room(self, destination: Destination) -> int:
        """Half of the slots are kept for first attempts, however many retries wait."""
        if destination.health.breaker != "closed":
            return 1
        return max(0, max(1, destination.concurrency // 2) - destination.busy_retrying)

    def _claimed(
        self, destination: Destination, claim: Claim, future: asyncio.Future[Claimed]
    ) -> None:
        destination.claiming = False
        destination.say_if_quiet()
        if future.cancelled():
            return
        if (error := future.exception()) is not None:
            log.error("claim failed", destination=destination.name, error=str(error))
            self._wake_in(destination, CLAIM_AGAIN_SECONDS)
            return
        claimed = future.result()
        if self._stopping:
            self._give_back(claimed.leases)
            return
        self._begin(destination, claimed.leases)
        overdue = False
        if len(claimed.leases) >= claim.lanes:
            destination.hungry = True
        elif claimed.next_due_at is not None:
            wait_ms = claimed.next_due_at - self._store.now()
            overdue = wait_ms <= 0
            if not overdue:
                self._wake_in(destination, wait_ms / 1000)
        # What is overdue became so during the commit, or waits for a slot for retries, which asks.
        destination.hungry = destination.hungry or overdue
        if destination.hungry and (
            claimed.leases or (overdue and self._retry_room(destination) > 0)
        ):
            self._feed(destination)

    def _begin(self, destination: Destination, leased: Sequence[Lease]) -> None:
        """Work on lanes; those that the breaker no longer lets through are given back."""
        allowed = max(0, self._room(destination))
        self._give_back(leased[allowed:])
        if leased[:allowed]:
            failpoints.reached("claim")
            destination.breaker.probe()
        for lease in leased[:allowed]:
            held = self._leases.hold(lease)
            destination.busy += 1
            destination.busy_retrying += lease.retrying
            self._tasks.start(self._work(destination, held))

    def _give_back(self, leased: Sequence[Lease]) -> None:
        for lease in leased:
            self._writer.do_nowait(leases.give_back, lease).add_done_callback(_given_back)

    def _wake_when_allowed(self, destination: Destination) -> None:
        """Ask again when the breaker lets the next attempt through; a busy slot asks by itself."""
        allowed_at = destination.breaker.opens_at()
        if allowed_at is not None and (wait_ms := allowed_at - self._store.now()) > 0:
            self._wake_in(destination, wait_ms / 1000)

    def _wake_in(self, destination: Destination, seconds: float) -> None:
        if destination.timer is not None:
            destination.timer.cancel()
        loop = asyncio.get_running_loop()
        destination.timer = loop.call_later(seconds + 0.001, self._feed, destination)

    # Working on one lane

    async def _work(self, destination: Destination, held: Held) -> None:
        lease = held.lease
        try:
            for item in lease.items:
                last = item is lease.items[-1]
                settlement = await self._attempts.make(destination, lease, item, last=last)
                if self._stopping or destination.is_held_back:
                    settlement.last = True  # whoever waits for this attempt need not wait for more
                settled = self._leases.settle(held, settlement)
                if self._writer.waiting > UNSETTLED_LIMIT:
                    await asyncio.wait([settled])
                if settlement.last or held.lost:
                    return
            if not lease.items:
                log.error("lane without items", destination=destination.name, stream=lease.stream)
        finally:
            self._leases.let_go(held)
            destination.busy -= 1
            destination.busy_retrying -= lease.retrying
            destination.say_if_quiet()
            if destination.hungry:
                self._feed(destination)

    # Leases

    async def _keep_leases(self) -> None:
        """Renew what is being worked on, and free what nobody works on any more."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._clock.look(self.destinations.values())
                await self._leases.renew()
                for destination in list(self.destinations.values()):
                    await self._alerts.look(destination)
            except StoreError as error:
                # A full disk ends no work under way: a lease that runs out is only worked on twice.
                log.warning("leases were not renewed", error=str(error))


def _given_back(future: asyncio.Future[None]) -> None:
    """Leave a lane that could not be given back to its lease's end."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("a lane could not be given back", error=str(error))
