"""The dispatcher: one for both directions. Claims lanes, has their items carried, settles outcomes.

Theory of operation. Each destination has slots; a slot works on one lane at a time, so order within a
lane needs no further care. Claims are not made by a loop of their own: the writer asks
(`Writer.last_words`) when it puts a turn together, so that settling, taking in and claiming share one
transaction. A destination is asked about when it is *hungry*: something became due, a slot became free
while more was due, or its timer ran out.

The verdict on a failed attempt is pure (`omnigate.flow.retry`, `omnigate.flow.breaker`); this module
only asks for it and carries it out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from omnigate.backend import Order
from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    OmnigateError,
    Overloaded,
    Refused,
    RetryLater,
    StoreError,
)
from omnigate.flow.breaker import Breaker
from omnigate.flow.carriers import Carrier, Unproven
from omnigate.flow.retry import (
    HINT_CAP_SECONDS,
    RetryPolicy,
    Trial,
    Verdict,
    after_destination_failure,
    after_item_failure,
)
from omnigate.flow.tasks import Tasks
from omnigate.store import destinations, lanes, leases, settling
from omnigate.store.destinations import Health
from omnigate.store.lanes import Claim, Claimed, Item, Lease
from omnigate.store.leases import Waken
from omnigate.store.settling import Settlement
from omnigate.store.store import Store
from omnigate.store.writer import Committed, LastWord

LEASE_SECONDS: Final = 60.0
RENEW_SECONDS: Final = 15.0
WAKEN_CHUNK: Final = 500
ELDER_EVERY: Final = 4
"""One of so many lanes is taken by age, whatever its priority."""
UNSETTLED_LIMIT: Final = 1000
"""With more than this waiting to be written, a slot waits for its own settlement."""
REJECTED_HINT_SECONDS: Final = 300.0
CLAIM_AGAIN_SECONDS: Final = 1.0
POSTPONE_SECONDS: Final = 1.0

log = structlog.get_logger("dispatcher")


@dataclass(slots=True, eq=False)
class Destination:
    """Something that items are owed to, and how work on it stands."""

    name: str
    direction: destinations.Direction
    carrier: Carrier
    breaker: Breaker
    concurrency: int
    order: Order = "bounded"
    busy: int = 0
    busy_retrying: int = 0
    asked_for: int = 0
    """Lanes asked for since some were last taken by age alone."""
    hungry: bool = True
    claiming: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def health(self) -> Health:
        """The destination's row, as it is kept in memory."""
        return self.breaker.health


@dataclass(slots=True)
class DispatcherFigures:
    """Counters for the operator."""

    attempts: int = 0
    delivered: int = 0
    dead: int = 0
    leases_lost: int = 0


@dataclass(slots=True, eq=False)
class _Held:
    """A lease that is being worked on."""

    lease: Lease
    lost: bool = False


class Dispatcher:
    """Works on the lanes of all destinations."""

    def __init__(
        self, store: Store, policy: RetryPolicy, chance: random.Random | None = None
    ) -> None:
        self.figures = DispatcherFigures()
        self.destinations: dict[int, Destination] = {}
        self._store = store
        self._writer = store.writer
        self._policy = policy
        self._chance = chance or random.Random()
        self._tasks = Tasks()
        self._held: set[_Held] = set()
        self._stopping = False

    def add(self, destination: Destination) -> None:
        """Begin to work on a destination."""
        self.destinations[destination.health.destination_id] = destination
        self._writer.nudge()

    async def resume(self, direction: destinations.Direction, name: str) -> bool:
        """End the pause of a destination that works again; False when it was not paused."""
        for destination in self.destinations.values():
            if (destination.direction, destination.name) == (direction, name):
                break
        else:
            return False
        if not destination.breaker.resume(self._store.now()):
            return False
        log.info("destination goes on", destination=name)
        await self._note(destination)
        self._feed(destination)
        return True

    async def run(self) -> None:
        """Work until cancelled or `drain`; leases of an earlier run are void."""
        await self._writer.do(leases.void_leases, None)
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
        self._stopping = True
        self._stop_claiming()
        cut = await self._tasks.finish(seconds)
        await asyncio.gather(*(self._note(known) for known in self.destinations.values()))
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
        destination.hungry = True
        if destination.claiming or self._stopping:
            return
        if self._room(destination) > 0:
            self._writer.nudge()
        else:
            self._wake_when_allowed(destination)

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
            destination.breaker.probe()
        for lease in leased[:allowed]:
            held = _Held(lease)
            destination.busy += 1
            destination.busy_retrying += lease.retrying
            self._held.add(held)
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

    async def _work(self, destination: Destination, held: _Held) -> None:
        lease = held.lease
        try:
            for item in lease.items:
                last = item is lease.items[-1]
                settlement = await self._try(destination, lease, item, last=last)
                settled = self._writer.do_nowait(settling.settle, settlement)
                settled.add_done_callback(partial(self._settled, held))
                if self._writer.waiting > UNSETTLED_LIMIT:
                    await asyncio.wait([settled])
                if settlement.last or held.lost:
                    return
            if not lease.items:
                log.error("lane without items", destination=destination.name, stream=lease.stream)
        finally:
            self._held.discard(held)
            destination.busy -= 1
            destination.busy_retrying -= lease.retrying
            if destination.hungry:
                self._feed(destination)

    async def _try(
        self, destination: Destination, lease: Lease, item: Item, *, last: bool
    ) -> Settlement:
        """Make one attempt and say what becomes of the item."""
        now = self._store.now()
        if item.expires_at <= now:
            return await self._dead(destination, lease, item, "expired", "not delivered in time")
        self.figures.attempts += 1
        try:
            await destination.carrier.carry(lease, item)
        except Unproven as error:
            return await self._dead(destination, lease, item, error.code, str(error))
        except Refused as error:
            self._succeeded(destination)
            return await self._dead(destination, lease, item, error.code, str(error))
        except (DestinationUnavailable, CredentialsRejected, NotReady) as error:
            return await self._destination_failed(destination, lease, item, error)
        except (StoreError, Overloaded) as error:
            return self._postpone(lease, item, error)
        except (RetryLater, OmnigateError) as error:
            return await self._item_failed(destination, lease, item, error)
        except Exception as error:
            # Whatever a plugin raises costs only this attempt.
            log.exception("plugin raised", destination=destination.name, item=item.id)
            return await self._item_failed(destination, lease, item, error)
        self._succeeded(destination)
        self.figures.delivered += 1
        lease.gap, lease.failures, lease.first_failure_at = [], 0, None
        return Settlement(lease, item, "delivered", last=last)

    def _settled(self, held: _Held, future: asyncio.Future[bool]) -> None:
        if future.cancelled():
            return
        if future.exception() is not None:
            log.error("settling failed", stream=held.lease.stream, error=str(future.exception()))
        elif not future.result():
            held.lost = True
            self.figures.leases_lost += 1
            log.warning("lease lost", stream=held.lease.stream)

    def _postpone(self, lease: Lease, item: Item, error: StoreError | Overloaded) -> Settlement:
        """Have the item tried again soon: what failed is ours, neither its nor the destination's."""
        seconds = getattr(error, "retry_after_seconds", POSTPONE_SECONDS)
        run_at = self._store.now() + int(seconds * 1000)
        return Settlement(
            lease, item, "retry", last=True, run_at=run_at, error=str(error), counts=False
        )

    # Outcomes

    def _succeeded(self, destination: Destination) -> None:
        if destination.breaker.succeeded(self._store.now()):
            log.info("destination works again", destination=destination.name)
            self._tasks.start(self._recover(destination))

    async def _destination_failed(
        self, destination: Destination, lease: Lease, item: Item, error: OmnigateError
    ) -> Settlement:
        hint = getattr(error, "retry_after_seconds", None)
        if isinstance(error, CredentialsRejected):
            hint = REJECTED_HINT_SECONDS
        hint = min(hint, HINT_CAP_SECONDS) if hint else None
        now, text = self._store.now(), str(error)
        first = destination.health.first_failure_at is None
        opened = destination.breaker.failed(now, text, hint)
        if getattr(error, "pause", False):
            destination.health.paused = text
            log.error(
                "destination is gone; paused, its queue is kept. Once it is back, a test that it passes"
                " lets it go on: omnigate backend test",
                destination=destination.name,
            )
        elif opened:
            log.warning("destination fails; waiting", destination=destination.name, error=text)
        elif first:
            log.warning("destination failed", destination=destination.name, error=text)
        if first or opened or hint or destination.health.paused:
            await self._note(destination)
        trial = self._trial(lease, item, now)
        verdict = after_destination_failure(self._policy, trial, self._chance.random(), hint)
        return await self._sentence(destination, lease, item, verdict, error)

    async def _item_failed(
        self, destination: Destination, lease: Lease, item: Item, error: Exception
    ) -> Settlement:
        status = getattr(error, "status", None)
        if destination.breaker.blames_destination(lease.stream, status):
            refused_by_all = DestinationUnavailable(f"refuses everything: {error}", status=status)
            return await self._destination_failed(destination, lease, item, refused_by_all)
        trial = self._trial(lease, item, self._store.now())
        verdict = after_item_failure(
            self._policy,
            destination.order,
            trial,
            self._chance.random(),
            getattr(error, "after_seconds", None),
        )
        settlement = await self._sentence(destination, lease, item, verdict, error)
        settlement.blames_item = True
        return settlement

    def _trial(self, lease: Lease, item: Item, now: int) -> Trial:
        since = lease.first_failure_at or now
        return Trial(
            attempts=item.attempts + 1,
            own_failures=lease.failures + 1,
            held_seconds=(now - since) / 1000,
            left_seconds=(item.expires_at - now) / 1000,
        )

    async def _sentence(
        self,
        destination: Destination,
        lease: Lease,
        item: Item,
        verdict: Verdict,
        error: Exception,
    ) -> Settlement:
        text = str(error) or type(error).__name__
        if verdict.outcome == "dead":
            return await self._dead(destination, lease, item, verdict.reason, text)
        return Settlement(
            lease,
            item,
            "retry",
            last=True,
            run_at=self._store.now() + int(verdict.delay_seconds * 1000),
            error=text,
            status=getattr(error, "status", None),
        )

    async def _dead(
        self, destination: Destination, lease: Lease, item: Item, reason: str, error: str
    ) -> Settlement:
        await destination.carrier.give_up(item, reason if reason == "expired" else error)
        self.figures.dead += 1
        log.error(
            "delivery is dead",
            destination=destination.name,
            item=item.event_id or item.message_id,
            reason=reason,
            error=error,
        )
        return Settlement(lease, item, "dead", last=True, reason=reason, error=error)

    async def _recover(self, destination: Destination) -> None:
        """Make all waiting lanes due, in chunks: recovery matters more than back-off.

        Only then is the recovery noted: after a crash in between, the next success does this anew.
        """
        wanted = Waken(destination.health.destination_id, WAKEN_CHUNK)
        while await self._writer.do(leases.waken, wanted) == WAKEN_CHUNK:
            pass
        await self._note(destination)

    async def _note(self, destination: Destination) -> None:
        await self._writer.do(destinations.note, destination.health)

    # Leases

    async def _keep_leases(self) -> None:
        """Renew what is being worked on, and free what nobody works on any more."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._renew()
            except StoreError as error:
                # A full disk ends no work under way: a lease that runs out is only worked on twice.
                log.warning("leases were not renewed", error=str(error))

    async def _renew(self) -> None:
        until = self._store.now() + int(LEASE_SECONDS * 1000)
        working = list(self._held)
        wanted = [(held.lease, until) for held in working]
        for held, renewed in zip(working, await self._writer.do(leases.renew, wanted), strict=True):
            held.lost = held.lost or not renewed
        await self._writer.do(leases.expire_leases, None)


def _given_back(future: asyncio.Future[None]) -> None:
    """Leave a lane that could not be given back to its lease's end."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("a lane could not be given back", error=str(error))
