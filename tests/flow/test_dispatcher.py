"""The dispatcher over a real store: it wakes when it should, and asks too much of nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

import omnigate
from omnigate.flow.breaker import Breaker
from omnigate.flow.carriers import BackendCarrier
from omnigate.flow.destination import Destination
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.retry import RetryPolicy
from omnigate.model.event import Event, EventType
from omnigate.model.outbound import Reply
from omnigate.model.samples import sample
from omnigate.store.destinations import Name, register
from omnigate.store.ingest import Intake, ingest
from omnigate.store.owing import Item, Lease
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Target

pytestmark = pytest.mark.anyio

SECONDS = 5.0
"""Far less than a heartbeat: what was lost sight of would come back with the renewal of leases."""
HOUR = 3600.0


class Clock:
    """The real time, which tests move on."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


class Crm(omnigate.Backend):
    """Notes what it is given and answers as it is told."""

    kind = "crm"

    def __init__(self) -> None:
        self.answer: Callable[[Event], Any] = lambda event: None
        self.asked: list[tuple[str, int]] = []
        self.at_once = self.most_at_once = 0

    async def deliver(self, event: Event) -> Reply | None:
        self.asked.append((event.id, event.attempt))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.answer(event)
            if asyncio.iscoroutine(answer):
                await answer
        finally:
            self.at_once -= 1
        return None


class House:
    """A store, a dispatcher and one backend."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.crm = Crm()
        self.policy = RetryPolicy((0.02,), jitter=0)
        self.destination: Destination
        self.dispatcher: Dispatcher

    async def put(self, *conversations: str) -> None:
        """Have one message come in for each conversation."""
        items = [
            omnigate.InboundMessage(
                external_id=str(time.monotonic_ns()),
                conversation=conversation,
                occurred_at=datetime.now(UTC),
                sender=omnigate.Profile(address=omnigate.Address(f"user:{conversation}")),
                text="hello",
            )
            for conversation in conversations
        ]
        await self.store.writer.do(ingest, Intake(ChannelKey("app", "http"), items))

    async def rows(self, query: str) -> list[Any]:
        def read(connection: Connection) -> list[Any]:
            return list(connection.exec_driver_sql(query).all())

        return await self.store.read(read)

    async def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited too long until {what}"
            await asyncio.sleep(0.005)

    async def wait_until_failed(self) -> None:
        """Wait until a failed attempt is on disk."""
        deadline = time.monotonic() + SECONDS
        while not await self.rows("SELECT 1 FROM attempt"):
            assert time.monotonic() < deadline, "waited too long until the attempt had failed"
            await asyncio.sleep(0.005)

    async def wait_until_delivered(self, count: int) -> None:
        await self.wait_until(
            lambda: self.dispatcher.figures.delivered >= count, f"{count} were delivered"
        )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = Clock()
    async with open_store(f"sqlite:///{tmp_path}/store.db", clock=clock) as store:
        yield House(store, clock)


@asynccontextmanager
async def running(house: House, concurrency: int = 4) -> AsyncIterator[Dispatcher]:
    """Run a dispatcher as the daemon does, with its backend's row as the store has it."""
    health = await house.store.writer.do(register, Name("backend", "crm"))
    house.store.routing = lambda channel, kind, owner: [Target(health.destination_id, True)]
    house.dispatcher = Dispatcher(house.store, house.policy)
    house.destination = Destination(
        name="crm",
        direction="backend",
        carrier=BackendCarrier(house.crm, lambda text: text, no_reply, house.store.now),
        breaker=Breaker(health),
        concurrency=concurrency,
    )
    house.dispatcher.add(house.destination)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(house.dispatcher.run())
        yield house.dispatcher
        await house.dispatcher.drain(SECONDS)
        run.cancel()


async def test_only_what_a_customer_did_is_answered(tmp_path: Path) -> None:
    """A bot that answered its own message.sent would never stop."""
    answered: list[str] = []

    class Bot(Crm):
        async def deliver(self, event: Event) -> Reply | None:
            return Reply.model_validate({"messages": [{"text": "Yes?"}]})

    async def note(event_id: str, reply: Reply, began_at: int) -> None:
        answered.append(event_id)

    carrier = BackendCarrier(Bot(), lambda text: text, note, lambda: 0)
    lease = Lease(1, "cnv", 1, False, 0, None, [], 1)
    for kind in ("message.received", "message.sent", "message.read", "button.pressed"):
        body = sample(EventType(kind)).model_dump_json()
        item = Item(1, 0, 0, 0, False, event_id=kind, event_type=kind, body=body)
        await carrier.carry(lease, item)
    assert answered == ["message.received", "button.pressed"]


async def no_reply(event_id: str, reply: Reply, began_at: int) -> None:
    raise AssertionError("nothing replies here")


def unavailable(**more: Any) -> Callable[[Event], Any]:
    def answer(event: Event) -> None:
        raise omnigate.DestinationUnavailable("down", **more)

    return answer


async def test_a_destination_that_asked_for_a_pause_is_asked_again_when_that_is_over(
    house: House,
) -> None:
    async with running(house):
        house.crm.answer = unavailable(retry_after_seconds=0.3)
        await house.put("a")
        await house.wait_until(lambda: len(house.crm.asked) == 1, "it was asked")
        house.crm.answer = lambda event: None
        await house.wait_until_delivered(2)  # the conversation's beginning, and the message


async def test_what_becomes_due_while_a_claim_is_committed_is_not_forgotten(house: House) -> None:
    house.policy = RetryPolicy((HOUR,), jitter=0)
    async with running(house):
        house.crm.answer = unavailable()
        await house.put("a")
        await house.wait_until(lambda: house.destination.timer is not None, "it waits")
        house.crm.answer = lambda event: None

        def leap(committed: Any) -> None:
            house.clock.ahead_seconds += 2 * HOUR
            house.store.writer.on_commit.remove(leap)

        # The claim finds nothing due; before it is told so, an hour passes.
        house.store.writer.on_commit.insert(0, leap)
        house.destination.hungry = True
        house.dispatcher._claims.feed(house.destination)  # as a timer does
        await house.store.writer.do(register, Name("backend", "other"))
        await house.wait_until_delivered(2)


async def test_an_open_breaker_lets_one_lane_through_after_its_pause_and_success_frees_all(
    house: House,
) -> None:
    async with running(house, concurrency=20):
        house.crm.answer = unavailable()
        await house.put(*(f"c{number}" for number in range(30)))
        await house.wait_until(lambda: house.destination.health.breaker == "open", "it opened")
        await house.wait_until(lambda: house.destination.busy == 0, "attempts under way ended")
        health = house.destination.health
        assert health.opened_for_ms == 30_000, "attempts under way did not make it longer"
        asked = len(house.crm.asked)
        house.crm.most_at_once = 0
        gate = asyncio.Event()
        house.crm.answer = lambda event: gate.wait()
        house.clock.ahead_seconds += 31
        house.dispatcher._claims.feed(house.destination)  # the timer runs by the real clock
        await house.wait_until(lambda: len(house.crm.asked) > asked, "it was probed")
        await house.put("another")
        assert len(house.crm.asked) == asked + 1
        gate.set()
        await house.wait_until_delivered(62)


async def test_a_lone_conversation_is_tried_at_every_probe_however_late_its_own_turn_is(
    house: House,
) -> None:
    house.policy = RetryPolicy((0.01, 0.01, 0.01, 0.01, HOUR), jitter=0)
    async with running(house):
        house.crm.answer = unavailable()
        await house.put("a")
        await house.wait_until(lambda: house.destination.health.breaker == "open", "it opened")
        await house.wait_until(lambda: house.destination.busy == 0, "the attempt ended")
        house.crm.answer = lambda event: None
        house.clock.ahead_seconds += 31
        house.dispatcher._claims.feed(house.destination)  # the timer runs by the real clock
        await house.wait_until_delivered(2)


async def test_a_backend_that_passes_a_test_is_not_kept_waiting_by_its_breaker(
    house: House,
) -> None:
    async with running(house) as dispatcher:
        house.crm.answer = unavailable()
        await house.put("a", "b", "c", "d", "e", "f")
        await house.wait_until(lambda: house.destination.health.breaker == "open", "it opened")
        await house.wait_until(lambda: house.destination.busy == 0, "attempts under way ended")
        house.crm.answer = lambda event: None
        assert await dispatcher.proven(house.destination)
        await house.wait_until_delivered(12)


@pytest.mark.parametrize(
    ("failures", "asked_for"), [(1, None), (5, None), (1, HOUR), (5, HOUR)], ids=str
)
async def test_a_backend_that_passes_a_test_is_not_kept_waiting_by_anything(
    house: House, failures: int, asked_for: float | None
) -> None:
    """Nor by the schedule before the breaker opens, nor by what it asked for itself."""
    house.policy = RetryPolicy((HOUR,), jitter=0)
    async with running(house, concurrency=1) as dispatcher:
        house.crm.answer = unavailable(retry_after_seconds=asked_for)
        await house.put(*(f"c-{number}" for number in range(failures)))
        tries = failures if asked_for is None else 1
        await house.wait_until(lambda: len(house.crm.asked) == tries, "it was tried")
        await house.wait_until(lambda: house.destination.busy == 0, "the attempt ended")
        assert (house.destination.health.breaker == "open") == (failures == 5 and not asked_for)
        house.crm.answer = lambda event: None
        assert await dispatcher.proven(house.destination)
        assert not await dispatcher.proven(house.destination), "nothing held it back any more"
        await house.wait_until_delivered(2 * failures)


async def test_a_breaker_that_takes_a_test_for_any_success_keeps_its_lanes_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin."""
    monkeypatch.setattr(Breaker, "proven", Breaker.succeeded)
    house.policy = RetryPolicy((HOUR,), jitter=0)
    async with running(house) as dispatcher:
        house.crm.answer = unavailable()
        await house.put("a")
        await house.wait_until(lambda: len(house.crm.asked) == 1, "it was tried")
        await house.wait_until(lambda: house.destination.busy == 0, "the attempt ended")
        await house.wait_until_failed()
        house.crm.answer = lambda event: None
        assert not await dispatcher.proven(house.destination)
        ((waits_ms,),) = await house.rows("SELECT run_at FROM lane WHERE pending")
        assert waits_ms > house.store.now() + HOUR * 900
    assert len(house.crm.asked) == 1


async def test_a_failure_that_is_over_is_not_told_after_the_daemon_was_killed(house: House) -> None:
    async with running(house):
        house.crm.answer = unavailable()
        await house.put("a")
        await house.wait_until(lambda: house.destination.health.failures > 0, "it failed")
        house.crm.answer = lambda event: None
        await house.wait_until_delivered(2)
        deadline = time.monotonic() + SECONDS
        while await house.rows("SELECT failures, first_failure_at FROM destination") != [(0, None)]:
            assert time.monotonic() < deadline, "the store still tells of the failure"
            await asyncio.sleep(0.005)


async def test_who_refused_our_credentials_is_tried_at_once_when_it_says_that_it_is_up(
    house: House,
) -> None:
    def refuses(event: Event) -> None:
        raise omnigate.CredentialsRejected("wrong password")

    house.policy = RetryPolicy((HOUR,), jitter=0)
    async with running(house) as dispatcher:
        house.crm.answer = refuses
        await house.put("a")
        await house.wait_until(lambda: len(house.crm.asked) == 1, "it was tried")
        await house.wait_until(lambda: house.destination.busy == 0, "the attempt ended")
        house.crm.answer = lambda event: None
        dispatcher.hope(house.destination)
        await house.wait_until_delivered(2)


@pytest.mark.parametrize("state", ["open", "probing"])
async def test_a_breaker_that_was_not_closed_when_the_daemon_ended_is_probed_after_the_restart(
    house: House, state: str
) -> None:
    async with running(house):
        house.crm.answer = unavailable()
        await house.put(*(f"c{number}" for number in range(8)))
        await house.wait_until(lambda: house.destination.health.breaker == "open", "it opened")
        house.destination.health.breaker = state  # type: ignore[assignment]  # one of the three
        house.destination.health.retry_at = house.store.now() + 200
    house.crm.answer = lambda event: None
    async with running(house):
        assert house.destination.health.breaker == state
        await house.wait_until_delivered(16)
    assert await house.rows("SELECT breaker, first_failure_at FROM destination") == [
        ("closed", None)
    ]


async def test_a_destination_that_was_gone_stays_paused_over_a_restart_until_it_is_resumed(
    house: House,
) -> None:
    async with running(house) as dispatcher:
        house.crm.answer = unavailable(status=410, pause=True)
        await house.put("a", "b")
        await house.wait_until(lambda: house.destination.health.paused is not None, "it paused")
    house.crm.answer = lambda event: None
    asked = len(house.crm.asked)
    async with running(house) as dispatcher:
        await house.put("c")
        assert len(house.crm.asked) == asked
        assert await dispatcher.resume(house.destination)
        assert not await dispatcher.resume(house.destination), "it runs already"
        await house.wait_until_delivered(6)


async def test_an_outage_before_does_not_use_up_the_patience_with_an_item(house: House) -> None:
    calls = 0

    def answer(event: Event) -> None:
        nonlocal calls
        calls += 1
        if calls <= 4:
            raise omnigate.DestinationUnavailable("down")
        if calls <= 8:
            raise omnigate.RetryLater("not this one, not now")

    async with running(house):
        house.crm.answer = answer
        await house.put("a")
        await house.wait_until_delivered(2)
        assert house.dispatcher.figures.dead == 0


async def test_what_follows_in_a_lane_starts_with_full_patience(house: House) -> None:
    seen: dict[str, int] = {}

    def answer(event: Event) -> None:
        seen[event.id] = seen.get(event.id, 0) + 1
        if len(seen) == 1:
            house.clock.ahead_seconds += 240
        if seen[event.id] <= 4:
            raise omnigate.RetryLater("not yet")

    async with running(house):
        house.crm.answer = answer
        await house.put("a")
        await house.wait_until_delivered(2)
        assert house.dispatcher.figures.dead == 0


async def test_a_full_half_of_waiting_retries_leaves_the_rest_to_first_attempts(
    house: House,
) -> None:
    gate = asyncio.Event()
    async with running(house, concurrency=4):
        house.crm.answer = lambda event: _raise(omnigate.RetryLater("no"))
        await house.put("a", "b", "c")
        await house.wait_until(lambda: len(house.crm.asked) == 3, "each was tried")
        house.crm.answer = lambda event: gate.wait() if event.attempt > 1 else None
        await house.wait_until(lambda: house.crm.at_once == 2, "retries took their half")
        await house.put("d")
        await house.wait_until_delivered(2)
        gate.set()
        await house.wait_until_delivered(8)


def _raise(error: Exception) -> None:
    raise error


async def test_stopping_keeps_what_was_not_tried(house: House) -> None:
    async with running(house):
        await house.put("a")
        await house.wait_until_delivered(2)
        gate = asyncio.Event()
        house.crm.answer = lambda event: gate.wait()
        await house.put("b", "c", "d", "e", "f", "g")
        await house.wait_until(lambda: house.crm.at_once == 4, "its slots are busy")
        asyncio.get_running_loop().call_later(0.05, gate.set)
    left = await house.rows("SELECT count(*) FROM outbox")
    assert left == [(12 - (house.dispatcher.figures.delivered - 2),)]
    house.crm.answer = lambda event: None
    async with running(house):
        await house.wait_until(lambda: len({name for name, _ in house.crm.asked}) == 14, "all went")
    assert await house.rows("SELECT count(*) FROM outbox") == [(0,)]
