"""A channel that is away is said to be so once, and once that it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import omnigate
from omnigate.flow import supervisor
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.destinations import Health
from omnigate.store.threads import ChannelKey
from omnigate.testing import FakeHost

pytestmark = pytest.mark.anyio

SECONDS = 20.0


@pytest.fixture
def anyio_backend():
    return "asyncio"


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


@asynccontextmanager
async def running(states: list[str]) -> AsyncIterator[Polling]:
    runner = ChannelRunner(
        ChannelKey("poll", "polling"),
        omnigate.ChannelConfig(),
        Health(0),
        lambda changed: states.append(changed.reported),
    )
    runner.channel = channel = Polling(omnigate.ChannelConfig(), FakeHost())
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
        assert states == ["up", "down"]
        channel.away = False
        await until(lambda: states == ["up", "down", "up"])


async def test_who_takes_every_start_for_a_recovery_cries_wolf(monkeypatch: Any) -> None:
    """The sabotage twin."""
    monkeypatch.setattr(supervisor, "PROVEN_SECONDS", 0.0)
    states: list[str] = []
    async with running(states) as channel:
        await until(lambda: channel.rounds > 10)
        assert states.count("up") > 3
