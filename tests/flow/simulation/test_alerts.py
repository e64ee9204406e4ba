"""Operators hear of a destination that fails, at 4 failures, 1, 24 and 72 hours, and of its end."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

from omnigate.errors import DestinationUnavailable
from tests.flow.simulation.world import BEGIN, DAY, HOUR, MINUTE, World, simulate

HEARTBEAT = 5 * MINUTE
"""How late an alert may be that no failure brings."""


def down(arrival: Any) -> Exception:
    return DestinationUnavailable("connection refused")


async def told(world: World) -> list[tuple[str, float, dict[str, Any]]]:
    """Return what was reported: type, seconds since the beginning, the destination's health."""
    rows = await world.rows(
        "SELECT type, recorded_at, body FROM event JOIN event_body USING (position)"
        " WHERE type LIKE 'destination.%' ORDER BY position"
    )
    return [
        (kind, at / 1000 - BEGIN, json.loads(body)["data"]["destination"])
        for kind, at, body in rows
    ]


def build(world: World) -> Any:
    world.heartbeat_seconds = HEARTBEAT
    return world.add("crm", behave=down)


def test_four_alerts_in_four_days_each_at_its_time(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        build(world)
        async with world.living():
            await world.say("c-1", "c-2", "c-3")
            await asyncio.sleep(4 * DAY)
            reports = await told(world)
        assert [kind for kind, _, _ in reports] == ["destination.failing"] * 4
        times = [at for _, at, _ in reports]
        assert times[0] < 10 * MINUTE
        for at, hours in zip(times[1:], (1, 24, 72), strict=True):
            assert hours * HOUR <= at <= hours * HOUR + 2 * HEARTBEAT
        assert [health["failures"] >= 4 for _, _, health in reports] == [True] * 4
        for _, _, health in reports:
            assert (health["name"], health["direction"]) == ("crm", "backend")
            assert health["error"] == "connection refused"
            assert health["failing_since"] == reports[0][2]["failing_since"]
        errors = [line for line in world.logs if "keeps failing" in line["event"]]
        assert len(errors) == 4, "each is in the log as well"

    simulate(tmp_path, scenario)


def test_three_failures_are_nobodys_business(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        crm = build(world)
        crm.behave = lambda arrival: down(arrival) if len(crm.arrivals) <= 3 else None
        async with world.living():
            await world.say("c-1")
            await world.until_nothing_is_owed(HOUR)
            await asyncio.sleep(2 * HOUR)
            assert await told(world) == []
        assert len(crm.arrivals) > 3

    simulate(tmp_path, scenario)


def test_recovery_is_told_once_and_another_failure_begins_anew(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        crm = build(world)
        async with world.living():
            await world.say("c-1")
            await asyncio.sleep(2 * HOUR)
            crm.behave = lambda arrival: None
            await world.until_nothing_is_owed(HOUR)
            await world.say("c-2")
            await world.until_nothing_is_owed(HOUR)
            crm.behave = down
            await world.say("c-3")
            await asyncio.sleep(30 * MINUTE)
            reports = await told(world)
        assert [kind.partition(".")[2] for kind, _, _ in reports] == [
            "failing",
            "failing",
            "recovered",
            "failing",
        ]
        assert reports[2][2]["state"] == "ok"
        assert reports[2][2]["failing_since"] is None

    simulate(tmp_path, scenario)


async def over_restarts(world: World, between: Any) -> list[str]:
    """Fail for 30 hours with a restart every three; returns what was reported."""
    build(world)
    for life in range(10):
        async with world.living(drain=life % 2 == 0):
            if life == 0:
                await world.say("c-1", "c-2")
            await asyncio.sleep(3 * HOUR)
            reports = await told(world)
        between(world)
    return [kind for kind, _, _ in reports]


def test_a_restart_repeats_no_alert_and_forgets_none(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        assert await over_restarts(world, lambda world: None) == ["destination.failing"] * 3

    simulate(tmp_path, scenario)


def test_a_daemon_that_does_not_remember_its_alerts_repeats_them(tmp_path: Path) -> None:
    """The sabotage twin."""

    def forget(world: World) -> None:
        newest = max(world.folder.glob("store-*.db"), key=lambda path: path.stat().st_mtime)
        with sqlite3.connect(newest) as database:
            database.execute("UPDATE destination SET alerts = 0")
        database.close()

    async def scenario(world: World) -> None:
        assert len(await over_restarts(world, forget)) > 3

    simulate(tmp_path, scenario)
