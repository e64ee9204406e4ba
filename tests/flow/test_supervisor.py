"""A channel that is away is said to be so once, and once that it is back."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

import omnigate
from omnigate.flow import supervisor
from omnigate.flow.contained import PluginMisbehaved
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.destinations import Health
from omnigate.store.threads import ChannelKey
from omnigate.testing import FakeHost

pytestmark = pytest.mark.anyio

SECONDS = 20.0


class Polling(omnigate.Channel):
    """Asks a platform that is sometimes away."""

    kind = "polling"
    capabilities = omnigate.Capabilities()
    away = True
    rounds = 0

    async def run(self) -> None:
        self.rounds += 1
        await asyncio.sleep(0.01)
        if self.away:
            raise omnigate.NotReady("the platform is away")
        await asyncio.Event().wait()

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


class Suicidal(Polling):
    """Cancels the task that it runs in."""

    kind = "suicidal"

    async def run(self) -> None:
        self.rounds += 1
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)


class Generating(Polling):
    """Raises what only a generator that is thrown away should see."""

    kind = "generating"

    async def run(self) -> None:
        self.rounds += 1
        raise GeneratorExit


class Slow(Polling):
    """Takes its time to end, and counts how many of it are at work."""

    kind = "slow"
    at_once = most_at_once = ended = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.may_end = asyncio.Event()

    async def run(self) -> None:
        self.rounds += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.Event().wait()
        finally:
            await self.may_end.wait()
            self.at_once -= 1
            self.ended += 1


def runner_of(plugin: type[Polling], states: list[str] | None = None) -> ChannelRunner:
    told = [] if states is None else states
    runner = ChannelRunner(
        ChannelKey("poll", plugin.kind),
        omnigate.ChannelConfig(),
        Health(0),
        lambda changed: told.append(changed.reported),
    )
    runner.channel = plugin(omnigate.ChannelConfig(), FakeHost())
    return runner


@asynccontextmanager
async def running(states: list[str]) -> AsyncIterator[Polling]:
    runner = runner_of(Polling, states)
    channel = runner.channel
    assert isinstance(channel, Polling)
    task = asyncio.create_task(runner.run())
    try:
        yield channel
    finally:
        await runner.stop()
        await task


async def until(condition: Callable[[], object]) -> None:
    deadline = asyncio.get_running_loop().time() + SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited too long"
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.005)


async def test_trying_again_does_not_count_as_being_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PROVEN_SECONDS", 0.5)
    states: list[str] = []
    async with running(states) as channel:
        await until(lambda: channel.rounds > 10)
        assert states == ["down"]
        channel.away = False
        await until(lambda: states == ["down", "up"])


async def test_who_takes_every_start_for_a_recovery_cries_wolf(monkeypatch: Any) -> None:
    """The sabotage twin."""
    monkeypatch.setattr(supervisor, "PROVEN_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "SETTLED_SECONDS", 0.0)
    states: list[str] = []
    async with running(states) as channel:
        await until(lambda: channel.rounds > 10)
        assert states.count("up") > 3


class Persisting(Polling):
    """Tries again by itself, and says once what keeps it from its work."""

    async def run(self) -> None:
        self.rounds += 1
        runner = self.runner
        runner.report("down", "the platform refuses connections")
        while self.away:  # noqa: ASYNC110  # as it would sleep between attempts
            await asyncio.sleep(0.005)
        runner.report("up", "connected")
        await asyncio.Event().wait()

    runner: ChannelRunner


async def test_a_channel_that_says_that_it_is_down_is_so_until_it_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "PROVEN_SECONDS", 0.05)
    states: list[str] = []
    runner = runner_of(Persisting, states)
    channel = runner.channel
    assert isinstance(channel, Persisting)
    channel.runner = runner
    task = asyncio.create_task(runner.run())
    await until(lambda: "down" in states)
    await asyncio.sleep(0.3)  # six times as long as silence takes for proof
    assert states == ["down"]
    channel.away = False
    await until(lambda: states == ["down", "up"])
    assert runner.message == "connected"
    await runner.stop()
    await task


class LoggingIn(Polling):
    """Is let in, or not, and takes its time over it."""

    answer: asyncio.Event
    lets_in = True
    runner: ChannelRunner

    async def run(self) -> None:
        self.rounds += 1
        await self.answer.wait()
        if not self.lets_in:
            raise omnigate.CredentialsRejected("the password is wrong")
        self.runner.report("up", "logged in")
        await asyncio.Event().wait()


async def logged_in(*, lets_in: bool) -> list[str]:
    """Return the states of a channel whose login the platform answers once it has been asked for."""
    states: list[str] = []
    runner = runner_of(LoggingIn, states)
    channel = runner.channel
    assert isinstance(channel, LoggingIn)
    channel.runner, channel.answer, channel.lets_in = runner, asyncio.Event(), lets_in
    task = asyncio.create_task(runner.run())
    await until(lambda: channel.rounds)
    await asyncio.sleep(0.05)  # whoever speaks too early has the time for it
    channel.answer.set()
    await until(lambda: ("up" if lets_in else "stopped") in states)
    await runner.stop()
    await task
    return states


async def test_a_channel_is_up_when_it_is_let_in_and_not_before() -> None:
    assert await logged_in(lets_in=True) == ["up"]
    assert await logged_in(lets_in=False) == ["stopped"]


async def test_whoever_takes_a_start_for_success_speaks_too_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sabotage twin."""
    monkeypatch.setattr(supervisor, "SETTLED_SECONDS", 0.0)
    assert await logged_in(lets_in=False) == ["up", "stopped"]


async def test_a_channel_that_never_says_how_it_is_is_up_once_it_has_run_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "SETTLED_SECONDS", 0.2)
    states: list[str] = []
    async with running(states) as channel:
        channel.away = False
        await until(lambda: channel.rounds)
        assert states == []
        await until(lambda: states == ["up"])


class Resting(Polling):
    """Has nothing to do beside its endpoints, once the platform is there."""

    async def run(self) -> None:
        self.rounds += 1
        if self.away:
            raise omnigate.NotReady("the platform is away")


async def test_a_channel_with_nothing_to_do_is_up_at_once_also_after_a_failure() -> None:
    states: list[str] = []
    runner = runner_of(Resting, states)
    channel = runner.channel
    assert isinstance(channel, Resting)
    task = asyncio.create_task(runner.run())
    await until(lambda: "down" in states)
    channel.away = False
    await asyncio.wait_for(task, SECONDS)
    assert states == ["down", "up"]


class Failing(Polling):
    """Fails at a moment that the test chooses."""

    async def run(self) -> None:
        self.rounds += 1
        await self.may_fail.wait()
        raise omnigate.NotReady("the platform is away")

    def __init__(self, config: omnigate.ChannelConfig, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        self.may_fail = asyncio.Event()


@pytest.mark.parametrize("ticks", range(6))
async def test_a_channel_that_fails_as_it_is_told_to_end_leaves_no_complaint_behind(
    ticks: int,
) -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    runner = runner_of(Failing)
    channel = runner.channel
    assert isinstance(channel, Failing)
    task = asyncio.create_task(runner.run())
    await until(lambda: channel.rounds)
    channel.may_fail.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    await runner.stop()
    await task
    gc.collect()  # asyncio complains of an error that nobody has seen when its task goes
    loop.set_exception_handler(handler)
    assert complaints == []


@pytest.mark.parametrize("plugin", [Suicidal, Generating])
async def test_a_channel_that_ends_its_own_task_is_down_and_begins_anew(
    plugin: type[Polling],
) -> None:
    """It would end the daemon as if somebody had asked for that."""
    states: list[str] = []
    runner = runner_of(plugin, states)
    channel = runner.channel
    assert isinstance(channel, Polling)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.run)
        await until(lambda: channel.rounds > 3)
        assert states == ["down"]
        assert PluginMisbehaved.__name__ in runner.message
        await runner.stop()
        assert not group.cancel_scope.cancel_called
    assert not runner.is_running


async def test_a_channel_that_goes_on_while_it_ends_waits_and_can_be_ended_again() -> None:
    runner = runner_of(Slow)
    channel = runner.channel
    assert isinstance(channel, Slow)
    async with anyio.create_task_group() as group, asyncio.timeout(SECONDS):
        group.start_soon(runner.run)
        await until(lambda: channel.at_once)
        stops = [asyncio.create_task(runner.stop())]
        await until(lambda: not runner.is_running)
        group.start_soon(runner.run)  # the second begins while the first ends
        group.start_soon(runner.run)  # and this is one too many
        await until(lambda: runner.is_running)
        stops.append(asyncio.create_task(runner.stop()))
        await until(lambda: not runner.is_running)
        group.start_soon(runner.run)
        await until(lambda: runner.is_running)
        assert (channel.rounds, channel.ended) == (1, 0)
        channel.may_end.set()
        await asyncio.gather(*stops)
        await until(lambda: channel.at_once)
        assert channel.rounds == 2, "the second never began"
        assert (channel.at_once, channel.most_at_once) == (1, 1)
        await runner.stop()
    assert channel.at_once == 0


async def test_a_channel_whose_place_another_took_never_runs_again() -> None:
    runner = runner_of(Slow)
    channel = runner.channel
    assert isinstance(channel, Slow)
    await runner.retire()
    async with asyncio.timeout(SECONDS):
        await runner.run()
    assert channel.rounds == 0


class Teaming(Polling):
    """Does its work in tasks of its own, which end together."""

    kind = "teaming"
    failures: tuple[Exception, ...] = ()

    async def run(self) -> None:
        self.rounds += 1
        async with asyncio.TaskGroup() as tasks:
            for failure in self.failures:
                tasks.create_task(self._fail(failure))

    async def _fail(self, failure: Exception) -> None:
        raise failure


@pytest.mark.parametrize(
    ("failures", "state", "message"),
    [
        ((omnigate.CredentialsRejected("no"),), "stopped", "refuses our credentials: no"),
        (
            (omnigate.NotReady("away"), omnigate.CredentialsRejected("no")),
            "stopped",
            "refuses our credentials: no",
        ),
        ((omnigate.NotReady("away"),), "down", "away"),
        ((omnigate.NotReady("away"), omnigate.NotReady("far")), "down", "away"),
        ((ValueError("oops"),), "down", "ValueError: oops"),
        ((ValueError("oops"), omnigate.NotReady("away")), "down", "ExceptionGroup: unhandled"),
    ],
    ids=["rejected", "rejected of two", "away", "both away", "broken", "broken of two"],
)
async def test_what_a_task_of_a_channel_raises_counts_as_if_the_channel_had(
    failures: tuple[Exception, ...], state: str, message: str
) -> None:
    states: list[str] = []
    runner = runner_of(Teaming, states)
    assert isinstance(runner.channel, Teaming)
    runner.channel.failures = failures
    task = asyncio.create_task(runner.run())
    await until(lambda: state in states)
    assert message in runner.message
    await runner.stop()
    await task
