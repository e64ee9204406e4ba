"""Operators hear of a channel that stays down, not of one whose state comes and goes. In virtual time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

import omnigate
from omnigate.flow import channel_alerts
from omnigate.flow.channel_alerts import ChannelAlerts
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.destinations import Health
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from tests.flow.simulation import virtual_time

HOUR = 3600.0


class Operators:
    """Alerts about one channel, and what operators were told, with the time in seconds."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.alerts = ChannelAlerts(store)
        self.health = Health(0)
        self.channel = self.another()

    def another(self) -> ChannelRunner:
        """Return the channel made anew, as by a reload."""
        key, config = ChannelKey("poll", "polling"), omnigate.ChannelConfig()
        return ChannelRunner(key, config, self.health, self.alerts.changed)

    async def told(self) -> list[tuple[str, float]]:
        await asyncio.sleep(0.1)  # virtual: until what was told is stored

        def read(connection: Connection) -> list[Any]:
            query = (
                "SELECT type, recorded_at, body FROM event JOIN event_body USING (position)"
                " ORDER BY position"
            )
            return list(connection.exec_driver_sql(query).all())

        found = []
        for kind, recorded_at, body in await self.store.read(read):
            assert json.loads(body)["data"]["channel"]["name"] == "poll"
            found.append((kind.partition(".")[2], round(recorded_at / 1000)))
        return found


@asynccontextmanager
async def operators(folder: Path) -> AsyncIterator[Operators]:
    loop = asyncio.get_running_loop()
    async with open_store(f"sqlite:///{folder}/store.db", clock=loop.time) as store:
        made = Operators(store)
        made.alerts.open([made.channel])
        yield made
        made.alerts.close()


async def toggle(channel: ChannelRunner, seconds: float) -> None:
    """Be down for ten seconds and up for one, again and again."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        channel.report("down", "the platform is away")
        await asyncio.sleep(10)
        channel.report("up")
        await asyncio.sleep(1)


def test_a_channel_that_stays_down_is_told_of_after_half_a_minute_and_at_once_when_back(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with operators(tmp_path) as known:
            known.channel.report("up")
            await asyncio.sleep(100)
            known.channel.report("down", "the platform is away")
            await asyncio.sleep(29)
            assert await known.told() == []
            await asyncio.sleep(471)
            known.channel.report("up")
            assert await known.told() == [("down", 130), ("up", 600)]

    virtual_time.run(scenario())


def test_a_channel_that_comes_and_goes_for_an_hour_is_not_told_of(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with operators(tmp_path) as known:
            await toggle(known.channel, HOUR)
            assert await known.told() == []

    virtual_time.run(scenario())


def test_alerts_that_do_not_wait_cry_wolf(tmp_path: Path, monkeypatch: Any) -> None:
    """The sabotage twin."""
    monkeypatch.setattr(channel_alerts, "HOLD_SECONDS", 0.0)
    monkeypatch.setattr(channel_alerts, "APART_SECONDS", 0.0)

    async def scenario() -> None:
        async with operators(tmp_path) as known:
            await toggle(known.channel, HOUR)
            assert len(await known.told()) > 600

    virtual_time.run(scenario())


@pytest.mark.parametrize("state", ["down", "stopped"])
def test_a_channel_that_goes_down_again_and_again_is_told_of_once_a_minute(
    tmp_path: Path, state: Any
) -> None:
    async def scenario() -> None:
        async with operators(tmp_path) as known:
            for _ in range(60):
                known.channel.report(state, "the platform is away")
                await asyncio.sleep(31)
                known.channel.report("up")
                await asyncio.sleep(1)
            told = await known.told()
            downs = [at for kind, at in told if kind == "down"]
            assert len(downs) > 10
            assert all(later - at >= 60 for at, later in itertools.pairwise(downs))
            assert [kind for kind, _ in told] == ["down", "up"] * len(downs)

    virtual_time.run(scenario())


def test_a_channel_that_only_an_operator_brings_back_is_told_of_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with operators(tmp_path) as known:
            await asyncio.sleep(5)
            known.channel.report("stopped", "the platform refuses our credentials")
            assert await known.told() == [("down", 5)]
            await asyncio.sleep(HOUR)
            assert await known.told() == [("down", 5)]

    virtual_time.run(scenario())


def test_a_channel_that_begins_anew_again_and_again_is_told_of_all_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with operators(tmp_path) as known:
            for _ in range(10):
                known.channel.report("down", "the platform is away")
                await asyncio.sleep(5)
                known.channel.report("starting")
                await asyncio.sleep(1)
            assert await known.told() == [("down", 30)]

    virtual_time.run(scenario())


def test_nobody_is_told_of_a_channel_that_was_paused_or_taken_out_meanwhile(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with operators(tmp_path) as known:
            known.channel.report("down", "the platform is away")
            await asyncio.sleep(10)
            known.alerts.forget("poll")
            await asyncio.sleep(HOUR)
            assert await known.told() == []
            channel = known.another()
            channel.report("down", "the platform is away")
            known.health.intake_closed, known.health.paused = True, "paused by the operator"
            await asyncio.sleep(HOUR)
            assert await known.told() == []

    virtual_time.run(scenario())


def test_before_channels_run_and_after_nothing_is_told_but_who_is_down_then_is(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with operators(tmp_path) as known:
            known.alerts.close()
            known.channel.report("stopped", "the plugin failed")
            assert await known.told() == []
            known.alerts.open([known.channel])
            assert await known.told() == [("down", 0)]
            known.channel = known.another()
            known.channel.report("down", "away")
            known.alerts.close()
            await asyncio.sleep(HOUR)
            assert await known.told() == [("down", 0)]

    virtual_time.run(scenario())
