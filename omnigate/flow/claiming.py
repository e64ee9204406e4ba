"""Asking for due lanes, in the writer's turns.

Claims are not made by a loop of their own: the writer asks (`Writer.last_words`) when it puts a turn
together, so that settling, taking in and claiming share one transaction. A destination is asked about when
it is *hungry*: something became due, a slot became free while more was due, or its timer ran out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from omnigate import failpoints
from omnigate.flow.destination import Destination
from omnigate.flow.held import LEASE_SECONDS
from omnigate.store import lanes, leases
from omnigate.store.lanes import Claim, Claimed
from omnigate.store.owing import Lease
from omnigate.store.store import Store
from omnigate.store.turns import Committed
from omnigate.store.writer import LastWord

ELDER_EVERY: Final = 4
"""One of so many lanes is taken by age, whatever its priority."""
CLAIM_AGAIN_SECONDS: Final = 1.0

log = structlog.get_logger("dispatcher")


class Claims:
    """The destinations that are worked on, and what is claimed for them."""

    def __init__(self, store: Store, begin_work: Callable[[Destination, Lease], None]) -> None:
        """Take who is told of each lane that was leased, once that is committed."""
        self.destinations: dict[int, Destination] = {}
        self._store = store
        self._writer = store.writer
        self._begin_work = begin_work
        self._is_stopped = False

    def start(self) -> None:
        """Claim from now on, also what an earlier run owed: that goes out without waiting for news."""
        self._writer.last_words = self._wanted
        self._writer.on_commit.append(self._committed)
        self._writer.nudge()

    def stop(self) -> None:
        """Claim nothing more, ever; what was claimed and not begun is given back."""
        self._is_stopped = True
        self.pause()

    def pause(self) -> None:
        """Claim nothing until `start`."""
        self._writer.last_words = tuple
        if self._committed in self._writer.on_commit:
            self._writer.on_commit.remove(self._committed)
        for destination in self.destinations.values():
            if destination.timer is not None:
                destination.timer.cancel()

    def feed(self, destination: Destination) -> None:
        """Have the destination asked about in the next turn, or as soon as that is of use."""
        if not self.is_known(destination):
            return
        destination.hungry = True
        if destination.claiming or self._is_stopped:
            return
        if self._room(destination) > 0:
            self._writer.nudge()
        else:
            self._wake_when_allowed(destination)

    def is_known(self, destination: Destination) -> bool:
        """Tell whether a destination is one of those that are worked on."""
        return self.destinations.get(destination.health.destination_id) is destination

    def _committed(self, committed: Committed) -> None:
        for destination_id in committed.due:
            destination = self.destinations.get(destination_id)
            if destination is not None:
                self.feed(destination)

    def _wanted(self) -> list[LastWord]:
        """Return a claim for every hungry destination that has room; asked by the writer."""
        if self._is_stopped:
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
        if self._is_stopped:
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
            self.feed(destination)

    def _begin(self, destination: Destination, leased: Sequence[Lease]) -> None:
        """Have lanes worked on; those that the breaker no longer lets through are given back."""
        allowed = max(0, self._room(destination))
        self._give_back(leased[allowed:])
        if leased[:allowed]:
            failpoints.reached("claim")
            destination.breaker.probe()
        for lease in leased[:allowed]:
            self._begin_work(destination, lease)

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
        destination.timer = loop.call_later(seconds + 0.001, self.feed, destination)


def _given_back(future: asyncio.Future[None]) -> None:
    """Leave a lane that could not be given back to its lease's end."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("a lane could not be given back", error=str(error))
