"""The dispatcher over a real store, with a carrier that does as the test says."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from omnigate.errors import RetryLater
from omnigate.flow import dispatcher as module
from omnigate.flow.breaker import Breaker
from omnigate.flow.dispatcher import Destination, Dispatcher
from omnigate.flow.retry import RetryPolicy
from omnigate.model.inbound import InboundMessage, Profile
from omnigate.store.destinations import Name, register
from omnigate.store.ingest import Intake, ingest
from omnigate.store.lanes import Item, Lease
from omnigate.store.ledger import ChannelKey
from omnigate.store.store import Store, open_store
from omnigate.store.transaction import Target

SECONDS = 10.0
CHANNEL = ChannelKey("app", "http")
NOBODY = Profile.model_validate({"address": "app:anna"})


class Recorder:
    """A carrier that notes what it was asked to bring, and lets a function decide how that ends."""

    def __init__(self, depth: int = 8) -> None:
        self.depth = depth
        self.brought: list[tuple[str, int, int]] = []
        self.busy = self.most = 0
        self.behave: Callable[[Lease, Item], Awaitable[None]] = _fine

    async def carry(self, lease: Lease, item: Item) -> None:
        self.brought.append((lease.stream, item.sequence or 0, item.attempts + 1))
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await self.behave(lease, item)
        finally:
            self.busy -= 1

    async def give_up(self, item: Item, reason: str) -> None:
        """Nothing to tell anybody."""


async def _fine(lease: Lease, item: Item) -> None:
    await asyncio.sleep(0)


class Bench:
    """A store, a dispatcher at work, and one destination."""

    def __init__(self, store: Store, dispatcher: Dispatcher, carrier: Recorder) -> None:
        self.store = store
        self.dispatcher = dispatcher
        self.carrier = carrier
        self._count = 0

    async def say(self, conversation: str, count: int = 1) -> None:
        """Take in messages; each new conversation adds an event of its own before them."""
        items = []
        for _ in range(count):
            self._count += 1
            items.append(
                InboundMessage(
                    external_id=f"m-{self._count}",
                    conversation=conversation,
                    occurred_at=datetime.now(UTC),
                    sender=NOBODY,
                    text="hello",
                )
            )
        await self.store.writer.do(ingest, Intake(CHANNEL, items))

    async def pending(self) -> int:
        def count(connection: Connection) -> int:
            return int(connection.execute(text("SELECT count(*) FROM outbox")).scalar_one())

        return await self.store.read(count)

    async def until(self, holds: Callable[[], Awaitable[object] | object], what: str) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    value = holds()
                    if await value if isinstance(value, Awaitable) else value:
                        return
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"waited too long until {what}") from None

    async def settled(self) -> None:
        """Wait until nothing is owed."""

        async def nothing() -> bool:
            return await self.pending() == 0

        await self.until(nothing, "nothing is owed")


@asynccontextmanager
async def bench(path: Path, *, concurrency: int = 4, wait: float = 0.05) -> AsyncIterator[Bench]:
    async with open_store(f"sqlite:///{path}") as store:
        health = await store.writer.do(register, Name("backend", "crm"))
        store.routing = lambda channel, event_type, owner: (Target(health.destination_id, True),)
        carrier = Recorder()
        dispatcher = Dispatcher(store, RetryPolicy((wait,), 0.0))
        dispatcher.add(
            Destination(
                name="crm",
                direction="backend",
                carrier=carrier,
                breaker=Breaker(health),
                concurrency=concurrency,
            )
        )
        running = asyncio.create_task(dispatcher.run())
        try:
            yield Bench(store, dispatcher, carrier)
        finally:
            await dispatcher.drain(1)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_lanes_run_in_parallel_up_to_the_limit_and_each_in_order(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path / "store.db", concurrency=3) as it:

            async def slow(lease: Lease, item: Item) -> None:
                await asyncio.sleep(0.005)

            it.carrier.behave = slow
            for number in range(6):
                await it.say(f"c-{number}", 10)
            await it.settled()
            seen: dict[str, list[int]] = defaultdict(list)
            for stream, sequence, attempt in it.carrier.brought:
                seen[stream].append(sequence)
                assert attempt == 1
            assert list(seen.values()) == [list(range(1, 12))] * 6
            assert it.carrier.most == 3

    asyncio.run(run())


def test_whatever_a_plugin_raises_costs_only_its_own_lane_and_attempt(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path / "store.db") as it:
            bad: set[str] = set()

            async def raise_twice(lease: Lease, item: Item) -> None:
                bad.add(lease.stream)
                if lease.stream == min(bad) and item.sequence == 2 and item.attempts < 2:
                    raise ZeroDivisionError("a mistake in a plugin")

            it.carrier.behave = raise_twice
            await it.say("c-0", 3)
            await it.settled()
            await it.say("c-1", 3)
            await it.settled()
            first = it.carrier.brought[0][0]
            assert [one[1:] for one in it.carrier.brought if one[0] == first] == [
                (1, 1),
                (2, 1),
                (2, 2),
                (2, 3),
                (3, 1),
                (4, 1),
            ]
            assert {one[2] for one in it.carrier.brought if one[0] != first} == {1}

    asyncio.run(run())


def test_half_of_the_slots_stay_with_first_attempts_while_retries_pile_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path / "store.db", concurrency=4, wait=0.0) as it:
            release = asyncio.Event()
            retrying: set[str] = set()

            async def hang_on_retry(lease: Lease, item: Item) -> None:
                if item.attempts > 0:
                    retrying.add(lease.stream)
                    await release.wait()
                elif not release.is_set() and len(it.carrier.brought) <= 4:
                    raise RetryLater("not now", status=len(it.carrier.brought))

            it.carrier.behave = hang_on_retry
            for number in range(4):
                await it.say(f"old-{number}")
            await it.until(lambda: len(retrying) == 2, "two retries hang")
            await it.say("new", 5)
            await it.until(
                lambda: sum(one[2] == 1 for one in it.carrier.brought) >= 4 + 6,
                "new ones go through",
            )
            assert len(retrying) == 2, "never more than half"
            release.set()
            await it.settled()

    asyncio.run(run())


def test_a_lease_is_renewed_while_its_attempt_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.1)

    async def run() -> None:
        async with bench(tmp_path / "store.db") as it:

            async def long(lease: Lease, item: Item) -> None:
                await asyncio.sleep(1.5 if item.sequence == 1 else 0)

            it.carrier.behave = long
            await it.say("c-1", 2)
            await it.settled()
            assert [one[1:] for one in it.carrier.brought] == [(1, 1), (2, 1), (3, 1)]
            assert it.dispatcher.figures.leases_lost == 0

    asyncio.run(run())


def test_a_lease_that_is_not_renewed_is_lost_and_its_result_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin of the test above: a daemon that forgot to renew delivers twice, and says so."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.1)

    async def run() -> None:
        async with bench(tmp_path / "store.db") as it:
            it.dispatcher._held = _Nothing()

            async def long(lease: Lease, item: Item) -> None:
                first = item.sequence == 1 and len(it.carrier.brought) == 1
                await asyncio.sleep(1.0 if first else 0)

            it.carrier.behave = long
            await it.say("c-1")
            await it.until(lambda: it.dispatcher.figures.leases_lost >= 1, "the lease is lost")
            await it.settled()
            assert [one[1] for one in it.carrier.brought].count(1) == 2
            assert [one[1] for one in it.carrier.brought][-1] == 2

    asyncio.run(run())


class _Nothing(set[Any]):
    """A set that forgets what is put into it."""

    def add(self, item: Any) -> None:
        """Forget it."""


def test_what_is_cut_short_at_the_end_stays_owed_and_goes_out_at_the_next_start(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"

    async def first() -> int:
        async with bench(path) as it:

            async def for_ever(lease: Lease, item: Item) -> None:
                await asyncio.Event().wait()

            it.carrier.behave = for_ever
            await it.say("c-1")
            await it.until(lambda: it.carrier.brought, "it is under way")
            assert await it.dispatcher.drain(0.05) == 1
            return await it.pending()

    async def second() -> list[tuple[str, int, int]]:
        async with bench(path) as it:
            await it.settled()
            return it.carrier.brought

    assert asyncio.run(first()) == 2
    assert [one[1:] for one in asyncio.run(second())] == [(1, 1), (2, 1)]
