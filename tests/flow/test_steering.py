"""Pause, drain and resume at awkward moments: one instance at most runs, and what was asked for holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import omnigate
from omnigate.config import ChannelSection, Config, Settings
from omnigate.flow import steering
from omnigate.flow.member import BY_OPERATOR, DRAINED
from omnigate.gateway import Gateway
from omnigate.store import destinations
from omnigate.store.store import Store, open_store

pytestmark = pytest.mark.anyio

SECONDS = 20.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "LOOK_SECONDS", 0.01)


class Work:
    """Who polls the platform, over all instances of the channel."""

    def __init__(self) -> None:
        self.instances: list[omnigate.Channel] = []
        """At work now."""
        self.begun = self.most_at_once = 0
        self.is_ending = False
        self.may_end = asyncio.Event()
        self.may_end.set()


WORK: dict[str, Work] = {}


class Polling(omnigate.Channel):
    """Polls, and ends when it is allowed to."""

    kind = "polling"
    capabilities = omnigate.Capabilities()

    async def run(self) -> None:
        work = WORK[self.host.name]
        work.begun += 1
        work.instances.append(self)
        work.most_at_once = max(work.most_at_once, len(work.instances))
        try:
            await asyncio.Event().wait()
        finally:
            work.is_ending = True
            await work.may_end.wait()
            work.instances.remove(self)

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


def configured(*names: str, priority: int = 100) -> dict[str, ChannelSection]:
    config = omnigate.ChannelConfig(priority=priority)
    return {name: ChannelSection(name, "polling", Polling, config) for name in names}


class House:
    """The parts of a daemon with two channels, and their rows in a real store."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.roster, self.steering = gateway.roster, gateway.steering
        self.before_write: Callable[[], Coroutine[Any, Any, None]] | None = None
        """Carried out once, while the next health is on its way to the store."""

    @property
    def health(self) -> destinations.Health:
        return self.roster.member("channel", "poll").health

    async def reload(self, *names: str, priority: int) -> None:
        channels = configured(*names, priority=priority)
        await self.roster.change(replace(self.gateway.reloader.config, channels=channels))

    async def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited too long until {what}"
            await asyncio.sleep(0.005)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async with (
        open_store(f"sqlite:///{tmp_path}/store.db") as store,
        _house(store, tmp_path) as made,
    ):
        write = store.writer.do

        async def interrupted(operation: Any, item: Any) -> Any:
            if operation is destinations.note and (happen := made.before_write) is not None:
                made.before_write = None
                await happen()
            return await write(operation, item)

        monkeypatch.setattr(store.writer, "do", interrupted)
        yield made
        for work in WORK.values():
            assert work.most_at_once == 1, "two instances were at work"


@asynccontextmanager
async def _house(store: Store, folder: Path) -> AsyncIterator[House]:
    for name in ("poll", "other"):
        WORK[name] = Work()
    config = Config(folder / "omnigate.toml", Settings(), configured("poll", "other"))
    gateway = Gateway(config, store, lambda: None)
    await gateway.start()
    async with gateway.roster.receiving() as group:
        group.start_soon(gateway.steering.watch_drains)
        made = House(gateway)
        await made.until(lambda: WORK["poll"].instances and WORK["other"].instances, "they run")
        yield made
        assert not group.cancel_scope.cancel_called, "the daemon would have ended"
    await gateway.roster.close()


def while_it_looks(
    house: House, monkeypatch: pytest.MonkeyPatch, happen: Callable[[], Coroutine[Any, Any, None]]
) -> asyncio.Event:
    """Have something happen, once, while a drain looks at what is owed; return when it has."""
    read, done = house.gateway.store.read, asyncio.Event()

    async def meanwhile(query: Any, *arguments: Any) -> Any:
        found = await read(query, *arguments)
        if query is destinations.owed_to and not done.is_set():
            await happen()
            done.set()
        return found

    monkeypatch.setattr(house.gateway.store, "read", meanwhile)
    return done


async def test_pausing_and_going_on_while_a_channel_still_ends_never_runs_it_twice(
    house: House,
) -> None:
    work = WORK["poll"]
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as asked:
        work.may_end.clear()
        asked.create_task(house.steering.pause("channel", "poll"))
        await house.until(lambda: work.is_ending, "it ends")
        resumed = asked.create_task(house.steering.resume("channel", "poll"))
        await asyncio.wait([resumed], timeout=0.1)  # it may be answered before, or wait
        asked.create_task(house.steering.pause("channel", "poll"))
        asked.create_task(house.steering.resume("channel", "poll"))
        work.may_end.set()
    await house.until(lambda: work.instances, "it runs again")
    async with asyncio.timeout(SECONDS):
        await house.steering.pause("channel", "poll")
    assert work.instances == []
    assert house.health.paused == BY_OPERATOR


async def test_a_pause_holds_for_the_instance_that_a_reload_puts_in_place_meanwhile(
    house: House,
) -> None:
    house.before_write = lambda: house.reload("poll", "other", priority=7)
    await house.steering.pause("channel", "poll")
    runner = house.roster.channel("poll")
    assert runner is not None
    assert (runner.key.priority, runner.is_paused, runner.is_running) == (7, True, False)
    assert WORK["poll"].instances == []
    await house.steering.resume("channel", "poll")
    await house.until(lambda: WORK["poll"].instances == [runner.channel], "the new one runs")


async def test_going_on_runs_the_instance_that_a_reload_puts_in_place_meanwhile(
    house: House,
) -> None:
    await house.steering.pause("channel", "poll")
    house.before_write = lambda: house.reload("poll", "other", priority=7)
    await house.steering.resume("channel", "poll")
    runner = house.roster.channel("poll")
    assert runner is not None
    await house.until(lambda: WORK["poll"].instances == [runner.channel], "the new one runs")


async def test_a_drain_that_ends_while_a_reload_exchanges_the_channel_stops_the_new_instance(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchanged = while_it_looks(
        house, monkeypatch, lambda: house.reload("poll", "other", priority=7)
    )
    await house.steering.drain("poll")
    await exchanged.wait()
    await house.until(lambda: house.health.paused == DRAINED, "it is drained")
    await house.until(lambda: not WORK["poll"].instances, "the new one has ended")


async def test_a_channel_that_says_that_it_is_gone_and_is_drained_ends_and_goes_on_once(
    house: House,
) -> None:
    house.health.paused = "the account is gone"
    await house.steering.drain("poll")
    assert WORK["poll"].instances == []
    await house.steering.resume("channel", "poll")
    await house.until(lambda: WORK["poll"].instances, "it runs again")


async def test_a_channel_that_says_that_it_is_gone_while_it_drains_ends(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "owed_to", lambda connection, destination_id: 1)
    await house.steering.drain("poll")
    assert WORK["poll"].instances
    house.health.paused = "the account is gone"
    await house.until(lambda: not WORK["poll"].instances, "it ends")
    assert house.health.paused == "the account is gone"


async def test_going_on_while_a_drain_looks_whether_it_is_over_holds(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumes: list[asyncio.Task[Any]] = []

    async def resume() -> None:
        resumes.append(asyncio.create_task(house.steering.resume("channel", "poll")))
        await asyncio.wait(resumes, timeout=0.1)  # it may be answered before, or wait

    looked = while_it_looks(house, monkeypatch, resume)
    await house.steering.drain("poll")
    await looked.wait()
    await resumes[0]
    await house.until(lambda: WORK["poll"].instances, "it runs")
    rounds = asyncio.get_running_loop().time() + 0.1
    await house.until(lambda: asyncio.get_running_loop().time() > rounds, "some looks later")
    assert WORK["poll"].instances
    assert (house.health.paused, house.health.intake_closed) == (None, False)


async def test_a_full_disk_does_not_end_the_watch_over_drains(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, refused = house.gateway.store.read, 0

    async def full(query: Any, *arguments: Any) -> Any:
        nonlocal refused
        if refused < 3:
            refused += 1
            raise omnigate.errors.StoreError("database or disk is full")
        return await read(query, *arguments)

    monkeypatch.setattr(house.gateway.store, "read", full)
    with capture_logs() as logged:
        await house.steering.drain("poll")
        await house.until(lambda: not WORK["poll"].instances, "it is drained all the same")
    assert refused == 3
    warned = [line for line in logged if line["log_level"] == "warning"]
    assert [(line["event"], line["channel"]) for line in warned] == [("drain waits", "poll")]


async def test_a_drain_that_waits_warns_once_for_each_reason(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = ["full", "full", "full", "broken", "broken", "full", "full"]
    looks = 0
    read = house.gateway.store.read

    async def refuse(query: Any, *arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks <= len(reasons):
            raise omnigate.errors.StoreError(reasons[looks - 1])
        return await read(query, *arguments)

    monkeypatch.setattr(house.gateway.store, "read", refuse)
    with capture_logs() as logged:
        await house.steering.drain("poll")
        await house.until(lambda: not WORK["poll"].instances, "it is drained")
    warned = [line["error"] for line in logged if line["event"] == "drain waits"]
    assert warned == ["full", "broken", "full"]


async def test_what_operators_do_with_a_channel_is_logged_under_its_name(house: House) -> None:
    with capture_logs() as logged:
        assert (await house.steering.pause("channel", "poll")).before == "running"
        assert (await house.steering.pause("channel", "poll")).before == "paused"
        assert (await house.steering.resume("channel", "poll")).before == "paused"
        await house.until(lambda: WORK["poll"].instances, "it runs")
        assert (await house.steering.resume("channel", "poll")).before == "running"
        assert (await house.steering.drain("poll")).before == "running"
        await house.until(lambda: not WORK["poll"].instances, "it is drained")
    said = [(line["event"], line["channel"]) for line in logged if line["event"] != "channel up"]
    assert said == [
        ("channel paused", "poll"),
        ("channel resumed", "poll"),
        ("channel drains", "poll"),
        ("channel drained", "poll"),
    ]


async def test_a_channel_that_is_drained_after_a_pause_sends_again_until_nothing_is_owed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = 1
    monkeypatch.setattr(destinations, "owed_to", lambda connection, destination_id: owed)
    await house.steering.pause("channel", "poll")
    assert (await house.steering.drain("poll")).before == "paused"
    await house.until(lambda: WORK["poll"].instances, "it runs")
    assert (house.health.paused, house.health.intake_closed) == (None, True)
    owed = 0
    await house.until(lambda: not WORK["poll"].instances, "it ends")
    assert house.health.paused == DRAINED


async def test_a_channel_that_ended_by_itself_is_started_again_when_told_to_go_on(
    house: House,
) -> None:
    runner = house.roster.channel("poll")
    assert runner is not None
    await runner.stop()
    runner.report("stopped", "the platform refuses our credentials")
    assert (await house.steering.resume("channel", "poll")).before == "stopped"
    await house.until(lambda: WORK["poll"].instances, "it runs again")


@pytest.mark.parametrize("taken", ["poll", "other"])
async def test_a_reload_that_takes_a_draining_channel_away_does_not_end_the_watch(
    house: House, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    left = "poll" if taken == "other" else "other"
    is_taken = while_it_looks(house, monkeypatch, lambda: house.reload(left, priority=100))
    async with asyncio.TaskGroup() as asked:  # both, before either is looked at
        asked.create_task(house.steering.drain("poll"))
        asked.create_task(house.steering.drain("other"))
    await is_taken.wait()
    await house.until(lambda: not WORK[left].instances, "the one that is left is drained")


@pytest.mark.parametrize("verb", ["pause", "resume"])
async def test_what_a_reload_takes_away_meanwhile_is_refused(house: House, verb: str) -> None:
    house.before_write = lambda: house.reload("other", priority=100)
    with pytest.raises(omnigate.Refused, match="poll"):
        await getattr(house.steering, verb)("channel", "poll")
    assert WORK["poll"].instances == []


async def test_what_is_not_paused_and_waits_is_tried_when_it_is_resumed(house: House) -> None:
    """The operator mended it and says so: nothing is waited for any longer."""
    breaker = house.roster.member("channel", "poll").destination.breaker  # type: ignore[union-attr]  # it runs
    now = house.gateway.store.now()
    breaker.failed(now, "no money", hint_seconds=900)
    assert breaker.limit(20, now + 1000) == 0
    await house.steering.resume("channel", "poll")
    assert breaker.limit(20, now + 1000) == 1
