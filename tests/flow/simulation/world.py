"""A simulated world around the real dispatcher and the real store: what is outside is scripted.

A `World` is one installation over its whole life: a store file that outlives restarts, a clock that
tests may set, and destinations whose receivers are `Outside`. What a receiver saw it notes as
`Arrival`s; promises are judged by these alone, never by what the dispatcher thinks of itself.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from sqlalchemy import Connection

import omnigate
from omnigate.backend import Order
from omnigate.flow import dispatcher
from omnigate.flow.breaker import Breaker
from omnigate.flow.carriers import BackendCarrier
from omnigate.flow.clockwatch import ClockWatch
from omnigate.flow.destination import Destination
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.retry import RetryPolicy
from omnigate.model.event import Event
from omnigate.model.outbound import Reply
from omnigate.store.destinations import Name, register
from omnigate.store.ingest import Intake, ingest
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Target
from tests.flow.simulation import virtual_time

BEGIN = 1_800_000_000.0
"""What the calendar shows when a simulation begins."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
APP = ChannelKey("app", "http", 50)

ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class Arrival:
    """One attempt as the receiver saw it."""

    at: float
    """Seconds since the simulation began."""
    conversation: str
    sequence: int
    type: str
    text: str | None
    event_id: str
    attempt: int
    gap: list[int]
    taken: bool = False
    """The receiver has it, whatever it answered."""
    accepted: bool = False
    """It also said so."""
    at_once: int = 0
    """How many attempts the receiver had at this moment, this one included."""
    ended_at: float = math.inf


Behaviour = Callable[[Arrival], Exception | None]


@dataclass(eq=False)
class Outside:
    """A receiver. ``behave`` says how it answers: None is success, an error is raised."""

    name: str
    concurrency: int = 20
    order: Order = "bounded"
    behave: Behaviour = lambda arrival: None
    latency_seconds: Callable[[], float] = lambda: 0.02
    arrivals: list[Arrival] = field(default_factory=list)
    at_once: int = 0

    @property
    def taken(self) -> list[Arrival]:
        """Return what the receiver has, repetitions included, as it came."""
        return [one for one in self.arrivals if one.taken]

    async def take(self, event: Event) -> None:
        """Be given one event."""
        known = json.loads(event.body)
        message = known["data"].get("message") or {}
        arrival = Arrival(
            asyncio.get_running_loop().time(),
            known["conversation"]["external_id"],
            known["sequence"],
            known["type"],
            message.get("text"),
            event.id,
            event.attempt,
            known["gap"],
        )
        self.arrivals.append(arrival)
        self.at_once += 1
        arrival.at_once = self.at_once
        try:
            await asyncio.sleep(self.latency_seconds())
            error = self.behave(arrival)
            if isinstance(error, Hangs):
                arrival.taken = error.takes
                await asyncio.sleep(DAY)
            if error is not None:
                raise error
            arrival.taken = arrival.accepted = True
        finally:
            self.at_once -= 1
            arrival.ended_at = asyncio.get_running_loop().time()


class Hangs(Exception):
    """The receiver never answers; it may have taken what it got."""

    def __init__(self, *, takes: bool = False) -> None:
        super().__init__()
        self.takes = takes


class _Backend(omnigate.Backend):
    kind = "simulated"

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def deliver(self, event: Event) -> Reply | None:
        await self._outside.take(event)
        return None


async def _no_reply(event_id: str, reply: Reply, began_at: int) -> None:
    raise AssertionError("nothing replies here")


class World:
    """One installation. `living` runs the daemon's moving parts over its store."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.random = random.Random(seed)
        self.policy = RetryPolicy()
        self.expiry_seconds = 5 * DAY
        self.outsides: list[Outside] = []
        self.clock_ahead_seconds = 0.0
        self.heartbeat_seconds = 15.0
        """How often leases are renewed; more rarely where days go by and no attempt lasts."""
        self.dispatcher_type: type[Dispatcher] = Dispatcher
        self.breaker_type: type[Breaker] = Breaker
        self.carrier_type: type[BackendCarrier] = BackendCarrier
        self.installs: list[Callable[[World], Coroutine[Any, Any, None]]] = []
        """Called at every start, for destinations of another kind."""
        self.logs: list[Any] = []
        self.store: Store
        self.dispatcher: Dispatcher
        self.clock: ClockWatch
        self.destinations: dict[str, Destination] = {}
        self._lives = self._said = 0

    @property
    def now(self) -> float:
        """Seconds since the simulation began."""
        return asyncio.get_running_loop().time()

    def calendar(self) -> float:
        """Return what the machine's clock shows; tests set it ahead or back."""
        return BEGIN + self.now + self.clock_ahead_seconds

    @asynccontextmanager
    async def living(self, *, drain: bool = True) -> AsyncIterator[None]:
        """Run until the block ends: in order, or else as if the power were cut."""
        self._lives += 1
        path = self.folder / f"store-{self._lives}.db"
        if self._lives > 1:
            self._inherit(self.folder / f"store-{self._lives - 1}.db", path)
        url = f"sqlite:///{path}"
        async with open_store(
            url, delivery_expiry_seconds=self.expiry_seconds, clock=self.calendar
        ) as store:
            self.store = store
            _do_without_the_disk(store)
            await self._build()
            # As the composition root does: before anything is stored.
            self.clock = self.dispatcher._clock
            await self.clock.look(self.destinations.values())
            run = asyncio.create_task(self.dispatcher.run())
            try:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(dispatcher, "RENEW_SECONDS", self.heartbeat_seconds)
                    yield
                if not drain:
                    # What is written after this moment is not there after the restart.
                    self._inherit(path, self.folder / "cut.db")
            finally:
                await self.dispatcher.drain(30.0 if drain else 0.0)
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
        if not drain:
            self._inherit(self.folder / "cut.db", path)

    async def _build(self) -> None:
        targets = []
        self.dispatcher = self.dispatcher_type(self.store, self.policy, self.random)
        for outside in self.outsides:
            health = await self.store.writer.do(register, Name("backend", outside.name))
            targets.append(Target(health.destination_id, outside.order != "unordered"))
            self.destinations[outside.name] = Destination(
                name=outside.name,
                direction="backend",
                carrier=self.carrier_type(
                    _Backend(outside), lambda text: text, _no_reply, self.store.now
                ),
                breaker=self.breaker_type(health),
                concurrency=outside.concurrency,
                order=outside.order,
            )
            self.dispatcher.add(self.destinations[outside.name])
        for install in self.installs:
            await install(self)
        # What the daemon reports of itself belongs to no conversation, and is not what is judged.
        self.store.routing = lambda channel, kind, owner: targets if channel else ()

    @staticmethod
    def _inherit(old: Path, new: Path) -> None:
        """Copy a store as it is on the disk; no transaction is open between two steps of the loop."""
        for ending in ("", "-wal"):
            source = old.with_name(old.name + ending)
            copied = new.with_name(new.name + ending)
            copied.unlink(missing_ok=True)
            if source.exists():
                shutil.copy(source, copied)

    def add(self, name: str, **more: Any) -> Outside:
        """Add a receiver of everything that comes in."""
        self.outsides.append(Outside(name, **more))
        return self.outsides[-1]

    async def say(self, *conversations: str, channel: ChannelKey = APP) -> None:
        """Have one message come in for each conversation; returns once they are acknowledged."""
        items = []
        for conversation in conversations:
            self._said += 1
            items.append(
                omnigate.InboundMessage(
                    external_id=f"x-{self._said}",
                    conversation=conversation,
                    occurred_at=datetime.fromtimestamp(BEGIN, UTC),
                    sender=omnigate.Profile(address=omnigate.Address(f"user:{conversation}")),
                    text=f"text {self._said}",
                )
            )
        await self.store.writer.do(ingest, Intake(channel, items))

    async def go_on(self, name: str) -> bool:
        """Be the operator who ends a pause; False when there was none."""
        return await self.dispatcher.resume(self.destinations[name])

    async def rows(self, query: str) -> list[Any]:
        """Read the store."""

        def read(connection: Connection) -> list[Any]:
            return list(connection.exec_driver_sql(query).all())

        return await self.store.read(read)

    async def owed(self) -> int:
        """Return how many items are still owed."""
        return int((await self.rows("SELECT count(*) FROM outbox"))[0][0])

    async def until_nothing_is_owed(self, seconds: float) -> float:
        """Wait until all is delivered or dead; fails after ``seconds``. Returns how long it took."""
        began = self.now
        while await self.owed():
            assert self.now - began < seconds, f"{await self.owed()} still owed"
            await asyncio.sleep(min(1.0, seconds / 100))
        return self.now - began

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition; fails after ``seconds``."""
        began = self.now
        while not condition():
            assert self.now - began < seconds, f"waited too long until {what}"
            await asyncio.sleep(0.05)


def simulate(
    folder: Path, scenario: Callable[[World], Coroutine[Any, Any, ResultT]], seed: int = 0
) -> ResultT:
    """Run a scenario in virtual time."""

    async def whole() -> ResultT:
        world = World(folder, seed)
        with structlog.testing.capture_logs() as world.logs:
            return await scenario(world)

    try:
        return virtual_time.run(whole())
    except BaseExceptionGroup as group:
        # The store runs in a task group: what failed in a scenario comes wrapped.
        raise first_of(group) from group


def first_of(error: BaseException) -> BaseException:
    """Return what failed first, out of the groups that it comes wrapped in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _do_without_the_disk(store: Store) -> None:
    """Leave out the syncs: what a loss of power leaves behind is judged elsewhere."""
    with store._engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA synchronous=OFF").close()


def first_taken(outside: Outside) -> dict[str, list[Arrival]]:
    """Return per conversation what the receiver took, without repetitions, as it came."""
    seen: set[str] = set()
    by_conversation: dict[str, list[Arrival]] = {}
    for arrival in outside.taken:
        if arrival.event_id not in seen:
            seen.add(arrival.event_id)
            by_conversation.setdefault(arrival.conversation, []).append(arrival)
    return by_conversation


def judge_order(outside: Outside, *, complete: int | None = None) -> None:
    """Check that every conversation came in sequence, and that what is missing was announced.

    ``complete`` is how many events must have come in all.
    """
    total = 0
    for conversation, arrivals in first_taken(outside).items():
        expected = 1
        for arrival in arrivals:
            missing = list(range(expected, arrival.sequence))
            assert arrival.sequence >= expected, f"{conversation}: {arrival} came too late"
            assert arrival.gap == missing, f"{conversation}: {arrival} does not say what is missing"
            expected = arrival.sequence + 1
        total += len(arrivals)
    assert complete is None or total == complete, f"{total} of {complete} came"
