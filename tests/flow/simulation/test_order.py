"""Order: what a receiver takes comes in sequence, whatever it answered, or says what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow import retry
from omnigate.flow.attempts import Attempts
from omnigate.flow.carriers import BackendCarrier
from omnigate.store import lanes, owing
from omnigate.store.owing import Item, Lease
from tests.flow.simulation.world import (
    DAY,
    HOUR,
    MINUTE,
    Arrival,
    Hangs,
    Outside,
    World,
    first_taken,
    judge_order,
    simulate,
)
from tests.seeds import draw_seed

CONVERSATIONS = 100
MESSAGES = 10_000


def moody(world: World) -> Callable[[Arrival], Exception | None]:
    """Fail at random in every way there is, and be down altogether for two minutes."""
    chance = world.random

    def behave(arrival: Arrival) -> Exception | None:
        if 5 * MINUTE < arrival.at < 7 * MINUTE:
            return omnigate.DestinationUnavailable("connection refused")
        drawn = chance.random()
        if drawn < 0.01:
            return Hangs(takes=chance.random() < 0.5)
        if drawn < 0.03:
            return omnigate.DestinationUnavailable("answered 500", status=500)
        if drawn < 0.04:
            return omnigate.DestinationUnavailable("answered 429", retry_after_seconds=2)
        if drawn < 0.06:
            return omnigate.RetryLater("answered 409", status=409)
        if drawn < 0.07:
            return ValueError("a bug of the plugin")
        return None

    return behave


def many_messages(count: int) -> Callable[[World], Any]:
    async def scenario(world: World) -> None:
        chance = world.random
        outsides = [
            world.add("careful", order="strict", behave=moody(world)),
            world.add("usual", behave=moody(world)),
        ]
        for outside in outsides:
            outside.latency_seconds = lambda: chance.uniform(0.001, 0.2)
        async with world.living():
            for _ in range(0, count, 100):
                await world.say(*(f"c{chance.randrange(CONVERSATIONS)}" for _ in range(100)))
                await asyncio.sleep(chance.uniform(0, 6))
            await world.until_nothing_is_owed(DAY)
        for outside in outsides:
            judge_order(outside, complete=count + len(first_taken(outside)))

    return scenario


def test_first_successes_of_a_conversation_come_in_sequence(tmp_path: Path) -> None:
    """R8. Two receivers, random errors and time-outs, an outage: all comes, and in order."""
    simulate(tmp_path, many_messages(MESSAGES), draw_seed())


def newest_first(patch: pytest.MonkeyPatch) -> None:
    fill = owing.fill

    def reversed_fill(
        transaction: Any, destination_id: int, depth: int, leases: dict[str, Lease]
    ) -> None:
        fill(transaction, destination_id, depth, leases)
        for lease in leases.values():
            lease.items.reverse()

    patch.setattr(lanes, "fill", reversed_fill)


def goes_on_after_a_failure(patch: pytest.MonkeyPatch) -> None:
    make = Attempts.make

    async def careless(self: Any, destination: Any, lease: Any, item: Any, *, last: bool) -> Any:
        settlement = await make(self, destination, lease, item, last=last)
        settlement.last = last
        return settlement

    patch.setattr(Attempts, "make", careless)


def drops_what_fails(patch: pytest.MonkeyPatch) -> None:
    make = Attempts.make

    async def careless(self: Any, destination: Any, lease: Any, item: Any, *, last: bool) -> Any:
        settlement = await make(self, destination, lease, item, last=last)
        if settlement.outcome == "retry":
            settlement.outcome, settlement.last = "delivered", last
        return settlement

    patch.setattr(Attempts, "make", careless)


@pytest.mark.parametrize("sabotage", [newest_first, goes_on_after_a_failure, drops_what_fails])
def test_a_dispatcher_that_breaks_the_order_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=r"came|come|missing|owed"):
        simulate(tmp_path, many_messages(500), 1)


# One message that only it fails


POISON = "text 3"
REFUSALS: dict[str, Callable[[], Exception]] = {
    "refused": lambda: omnigate.RetryLater("answered 422", status=422),
    "never": lambda: omnigate.Refused("unacceptable", "not this one"),
    "a bug": lambda: KeyError("of the plugin"),
}


def poisoned(refusal: Callable[[], Exception], order: str = "bounded") -> Callable[[World], Any]:
    """Have one message refused for ever, more behind it, and others beside it."""

    async def scenario(world: World) -> Outside:
        crm = world.add(
            "crm",
            order=order,
            behave=lambda arrival: refusal() if arrival.text == POISON else None,
        )
        world.heartbeat_seconds = 5 * MINUTE
        async with world.living():
            await world.say("ill", "well", "ill")
            for number in range(20):
                await world.say("ill", f"c{number}", "well")
                await asyncio.sleep(30)
            await asyncio.sleep(DAY if order == "strict" else HOUR)
            dead = await world.rows("SELECT reason, attempts FROM dead")
            if order != "strict":
                assert len(dead) == 1, dead
                assert world.dispatcher.figures.dead == 1
                assert await world.owed() == 0
        return crm

    return scenario


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=list(REFUSALS))
def test_a_poison_message_holds_its_conversation_a_quarter_of_an_hour_and_is_announced(
    refusal: Callable[[], Exception], tmp_path: Path
) -> None:
    """R9."""
    judge_poison(simulate(tmp_path, poisoned(refusal)))


def judge_poison(crm: Outside) -> None:
    judge_order(crm)
    came = first_taken(crm)
    assert POISON not in [one.text for one in came["ill"]]
    tries = [one for one in crm.arrivals if one.text == POISON]
    assert 1 <= len(tries) <= 5
    after = came["ill"][came["ill"].index(next(one for one in came["ill"] if one.gap)) :]
    # Twenty more were said to it, and the first of them says what is missing.
    assert len(after) == 20
    assert after[0].gap == [tries[0].sequence]
    assert after[0].at - tries[0].at <= 15 * MINUTE + 5
    others = [one for name, some in came.items() if name != "ill" for one in some]
    assert len(others) == 2 * 20 + 1 + 21  # with the beginnings of 21 conversations
    assert max(one.attempt for one in others) == 1


def endless_patience(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retry, "BOUNDED_ATTEMPTS", 10**9)
    patch.setattr(retry, "BOUNDED_SECONDS", 1e12)


def says_nothing(patch: pytest.MonkeyPatch) -> None:
    carry = BackendCarrier.carry

    async def silent(self: BackendCarrier, lease: Lease, item: Item) -> None:
        lease.gap = []
        await carry(self, lease, item)

    patch.setattr(BackendCarrier, "carry", silent)


@pytest.mark.parametrize("sabotage", [endless_patience, says_nothing])
def test_a_poison_message_that_holds_all_or_vanishes_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_poison(simulate(tmp_path, poisoned(REFUSALS["refused"])))


def test_strict_holds_a_conversation_for_as_long_as_it_takes_and_no_other(tmp_path: Path) -> None:
    crm = simulate(tmp_path, poisoned(REFUSALS["refused"], "strict"))
    came = first_taken(crm)
    assert [one.text for one in came["ill"]] == [None, "text 1"]
    assert len(came) == 22
    assert len(came["well"]) == 22


def test_unordered_has_nothing_wait_for_a_poison_message(tmp_path: Path) -> None:
    crm = simulate(tmp_path, poisoned(REFUSALS["refused"], "unordered"))
    came = first_taken(crm)
    assert len(came["ill"]) == 22
    tries = [one for one in crm.arrivals if one.text == POISON]
    assert len(tries) == 5
    # What was said beside and after it was there before it was even tried again.
    assert all(one.at < tries[1].at for one in came["ill"][:3])
    assert not any(one.gap for one in crm.arrivals)


def test_what_many_conversations_in_a_row_are_refused_alike_for_is_the_receivers_fault(
    tmp_path: Path,
) -> None:
    """A bad deploy that answers 422 to everything for two hours empties no queue."""

    async def scenario(world: World) -> Outside:
        crm = world.add("crm")
        crm.behave = lambda one: REFUSALS["refused"]() if one.at < 2 * HOUR else None
        async with world.living():
            for _ in range(40):
                await world.say(*(f"c{world.random.randrange(50)}" for _ in range(10)))
                await asyncio.sleep(3 * MINUTE)
            await world.until_nothing_is_owed(10 * MINUTE)
            assert world.dispatcher.figures.dead == 0
        return crm

    crm = simulate(tmp_path, scenario, draw_seed())
    judge_order(crm, complete=400 + len(first_taken(crm)))
