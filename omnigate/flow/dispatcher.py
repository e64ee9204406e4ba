"""The dispatcher: one for both directions. Claims lanes, has their items carried, settles outcomes.

Theory of operation. Each destination has slots; a slot works on one lane at a time, so order within a
lane needs no further care. What is claimed for a destination, and when, is `omnigate.flow.claiming`; what
an attempt comes to is decided in `omnigate.flow.attempts`; what is remembered of a destination, and how
its lanes are woken when it works again, is `omnigate.flow.recovery`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from omnigate.errors import StoreError
from omnigate.flow.alerts import Alerts
from omnigate.flow.attempts import Attempts
from omnigate.flow.claiming import Claims
from omnigate.flow.clockwatch import ClockWatch
from omnigate.flow.destination import Destination
from omnigate.flow.figures import Figures
from omnigate.flow.held import Held, HeldLeases
from omnigate.flow.recovery import Recovery
from omnigate.flow.retry import RetryPolicy
from omnigate.flow.tasks import Tasks
from omnigate.store import leases
from omnigate.store.owing import Lease
from omnigate.store.store import Store

RENEW_SECONDS: Final = 15.0
UNSETTLED_LIMIT: Final = 1000
"""With more than this waiting to be written, a slot waits for its own settlement."""
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
        self._claims = Claims(store, self._begin)
        self.destinations = self._claims.destinations
        self._store = store
        self._writer = store.writer
        self._tasks = Tasks()
        self._alerts = Alerts(store)
        self._clock = clock or ClockWatch(store)
        self._recovery = Recovery(store, self._alerts)
        self._attempts = Attempts(
            store, policy, chance or random.Random(), self._tasks.start, self._recovery, self._clock
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
            if self._claims.is_known(destination):
                destination.held = None
                self._claims.feed(destination)

    def remove(self, destination: Destination) -> None:
        """Work on a destination no more; what is owed to it stays. Hold it first."""
        self.destinations.pop(destination.health.destination_id, None)
        if destination.timer is not None:
            destination.timer.cancel()

    async def pause(self, destination: Destination, reason: str) -> None:
        """Claim nothing more for a destination until `resume`, also after a restart."""
        destination.health.paused = reason
        await self._recovery.note(destination)

    async def resume(self, destination: Destination) -> bool:
        """Go on with a destination; one that failed before is probed first. False: it was not paused."""
        if not destination.breaker.resume(self._store.now()):
            return False
        await self._recovery.note(destination)
        await self._recovery.waken(destination)
        self._claims.feed(destination)
        return True

    async def proven(self, destination: Destination) -> bool:
        """Go on with a destination that has just shown that it works; False if nothing held it back."""
        if not destination.breaker.proven(self._store.now()):
            return False
        await self._recovery.recover(destination)
        self._claims.feed(destination)
        return True

    def hope(self, destination: Destination, *, insisted: bool = False) -> None:
        """Try again at once a destination that failed and may work again; never waits.

        That it asked for a pause itself counts for nothing where an operator insisted.
        """
        if destination.breaker.hope(self._store.now(), insisted=insisted):
            self._tasks.start(self._look_again(destination))

    async def _look_again(self, destination: Destination) -> None:
        await self._recovery.note(destination)
        await self._recovery.waken(destination)
        self._claims.feed(destination)

    async def run(self) -> None:
        """Work until cancelled or `drain`; leases of an earlier run are void."""
        await self._writer.do(leases.void_leases, None)
        await self._clock.look(self.destinations.values())
        self._claims.start()
        try:
            await self._keep_leases()
        finally:
            self._claims.pause()

    async def drain(self, seconds: float) -> int:
        """Claim nothing new and wait for attempts in flight; return how many were cut short.

        What is cut short stays owed: its lease is void at the next start.
        """
        self._stopping = self._leases.stopping = True
        self._claims.stop()
        cut = await self._tasks.finish(seconds)
        await asyncio.gather(*(self._recovery.note(known) for known in self.destinations.values()))
        return cut

    # Working on one lane

    def _begin(self, destination: Destination, lease: Lease) -> None:
        held = self._leases.hold(lease)
        destination.busy += 1
        destination.busy_retrying += lease.retrying
        self._tasks.start(self._work(destination, held))

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
                self._claims.feed(destination)

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
