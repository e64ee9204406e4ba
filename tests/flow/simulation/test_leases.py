"""Workers that stand still longer than their lease: the next owner delivers, the late result counts not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow.carriers import BackendCarrier
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.held import HeldLeases
from omnigate.store import leases, settling
from omnigate.store.owing import Item, Lease
from tests.flow.simulation.world import (
    HOUR,
    Arrival,
    Outside,
    World,
    first_taken,
    judge_order,
    simulate,
)
from tests.seeds import draw_seed

FROZEN_SECONDS = 200.0


class FreezingCarrier(BackendCarrier):
    """Stands still now and then, as a process does that was stopped, before it delivers."""

    freezes: Callable[[Lease, Item], float] = staticmethod(lambda lease, item: 0.0)
    frozen: set[tuple[str, int]] = set()

    async def carry(self, lease: Lease, item: Item) -> None:
        key = (lease.stream, lease.token)
        self.frozen.add(key)
        await asyncio.sleep(self.freezes(lease, item))
        self.frozen.discard(key)
        await super().carry(lease, item)


class FreezingLeases(HeldLeases):
    """Renews no lease whose worker stands still."""

    async def renew(self) -> None:
        still = {
            held
            for held in self._held
            if (held.lease.stream, held.lease.token) in FreezingCarrier.frozen
        }
        self._held -= still
        await super().renew()
        self._held |= still


class FreezingDispatcher(Dispatcher):
    """Holds its leases so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leases = FreezingLeases(self._store, self.figures)


async def one_freezes(world: World) -> tuple[World, Outside]:
    """R12. The first attempt stands still for 200 s; the lease is 60 s long."""
    waits = [FROZEN_SECONDS]
    FreezingCarrier.freezes = staticmethod(lambda lease, item: waits.pop() if waits else 0.0)
    world.dispatcher_type, world.carrier_type = FreezingDispatcher, FreezingCarrier
    crm = world.add("crm")
    async with world.living():
        await world.say("a", "a", "a")
        await asyncio.sleep(FROZEN_SECONDS / 2)
        judge_order(crm, complete=4)
        assert crm.arrivals[0].at < 60 + 15 + 1, "the next owner delivered it"
        await world.say("a")
        await asyncio.sleep(FROZEN_SECONDS)
        judge_order(crm, complete=5)
        again = [one for one in crm.arrivals if one.at >= FROZEN_SECONDS]
        assert again[0].event_id == crm.arrivals[0].event_id, "the frozen one woke up"
        assert len(again) <= 2, "and stopped when it learnt that it had lost its lease"
        await judge_ledger(world, 5)
        assert world.dispatcher.figures.leases_lost in (1, 2)
    return world, crm


async def judge_ledger(world: World, count: int) -> None:
    """Check that the store knows each item to be delivered exactly once."""
    assert await world.rows("SELECT count(*), count(DISTINCT position) FROM delivery_done") == [
        (count, count)
    ]
    assert await world.rows("SELECT sum(pending) FROM lane") == [(await world.owed(),)]


def test_what_a_frozen_worker_holds_is_delivered_by_the_next_and_its_own_end_rejected(
    tmp_path: Path,
) -> None:
    simulate(tmp_path, one_freezes)


def unfenced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "is_held", lambda lease, row: row is not None)


def immortal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leases, "expire_leases", lambda transaction, items: [0] * len(items))


@pytest.mark.parametrize("sabotage", [unfenced, immortal])
def test_leases_that_do_not_fence_or_never_end_are_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, IndexError)):
        simulate(tmp_path, one_freezes)


async def many_freeze(world: World) -> Outside:
    chance = world.random
    FreezingCarrier.freezes = staticmethod(
        lambda lease, item: chance.uniform(30, 300) if chance.random() < 0.1 else 0.0
    )
    world.dispatcher_type, world.carrier_type = FreezingDispatcher, FreezingCarrier

    def behave(arrival: Arrival) -> Exception | None:
        drawn = chance.random()
        if drawn < 0.05:
            return omnigate.RetryLater("answered 409", status=409)
        return omnigate.DestinationUnavailable("answered 500") if drawn < 0.1 else None

    crm = world.add("crm", order="strict", behave=behave)
    crm.latency_seconds = lambda: chance.uniform(0.01, 2)
    async with world.living():
        for _ in range(50):
            await world.say(*(f"c{chance.randrange(20)}" for _ in range(20)))
            await asyncio.sleep(chance.uniform(0, 60))
        await world.until_nothing_is_owed(4 * HOUR)
        await judge_ledger(world, 1000 + len(first_taken(crm)))
        assert world.dispatcher.figures.leases_lost > 10
    return crm


def test_many_workers_that_freeze_cost_repetitions_and_nothing_else(tmp_path: Path) -> None:
    FreezingCarrier.frozen.clear()
    crm = simulate(tmp_path, many_freeze, draw_seed())
    judge_order(crm, complete=1000 + len(first_taken(crm)))


def test_a_slow_attempt_keeps_its_lease_as_long_as_it_takes(tmp_path: Path) -> None:
    """Renewal works: what takes longer than a lease, but goes on, is delivered once."""

    class SlowCarrier(BackendCarrier):
        async def carry(self, lease: Lease, item: Item) -> None:
            await asyncio.sleep(150)
            await super().carry(lease, item)

    async def scenario(world: World) -> Any:
        world.carrier_type = SlowCarrier
        crm = world.add("crm")
        async with world.living():
            await world.say("a", "b")
            await world.until_nothing_is_owed(400)
            assert world.dispatcher.figures.leases_lost == 0
        return crm

    crm = simulate(tmp_path, scenario)
    assert len(crm.arrivals) == 4
