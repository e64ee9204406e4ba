"""Calls whose channel was taken out of the configuration: held, decided about, and picked up again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow import absence
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.callends import Resolution
from omnigate.store.callreads import count_calls
from omnigate.store.destinations import Health
from tests.flow.simulation.world import BEGIN, DAY, HOUR, MINUTE, World, simulate
from tests.flow.switchboard import PHONE, Office, Switchboard, at_work

Stage = Callable[[Office, omnigate.Call], Any]


async def dialled(office: Office, call: omnigate.Call) -> None:
    """Leave it where the platform was told to dial."""


async def ringing(office: Office, call: omnigate.Call) -> None:
    await office.tell(call, "customer_ringing")


async def talking(office: Office, call: omnigate.Call) -> None:
    await office.tell(call, "bridged")


async def taken_back(office: Office, call: omnigate.Call) -> None:
    office.world.logs.clear()
    await office.tell(call, "agent_ringing")
    office.runner.channel.board.unreachable = True  # type: ignore[union-attr]  # the test's own
    await office.desk.cancel(call.id)


async def begun(world: World, board: Switchboard, stage: Stage) -> omnigate.Call:
    """Have a call begun in a run of the daemon that the power ends."""
    async with at_work(world, board, is_cut=True) as office:
        call = await office.ask()
        await world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
        await stage(office, call)
    return call


def mute(office: Office) -> None:
    """Have something else go by the channel's name."""
    other = ChannelRunner(PHONE, None, Health(0), lambda runner: None)
    other.channel = Mute()
    office.channels["phone"] = other


def broken(office: Office) -> None:
    office.channels["phone"] = ChannelRunner(PHONE, None, Health(0), lambda runner: None)


class Mute(omnigate.Channel):
    kind = "mute"

    def __init__(self) -> None:
        pass

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


@pytest.mark.parametrize("stage", [dialled, ringing, talking, taken_back])
def test_a_call_whose_channel_is_gone_is_held_and_can_be_ended(
    tmp_path: Path, stage: Stage
) -> None:
    board = Switchboard()

    async def scenario(world: World) -> None:
        call = await begun(world, board, stage)
        async with at_work(world, board, is_configured=False) as office:
            held = await office.until(call, "unknown", 5 * MINUTE)
            assert "phone is not in the configuration any more" in str(held.error)
            assert "say how it ended" in str(held.error)
            said = [one for one in office.world.logs if "resolve" in str(one.get("remedy"))]
            assert [one["call"] for one in said] == [call.id]
            await asyncio.sleep(HOUR)
            done = await office.desk.resolve(Resolution(call.id, "completed"))
            assert done.is_done
            assert (await office.now(call)).state == "completed"
            assert await world.store.read(count_calls) == {}
            assert (await office.events())[-2:] == ["call.unknown", "call.ended"]

    simulate(tmp_path, scenario)


GONE = (
    (lambda office: office.channels.clear(), "not in the configuration any more"),
    (mute, "calls nobody any more"),
    (broken, "is broken"),
)


@pytest.mark.parametrize(("leave", "why"), GONE)
def test_a_channel_may_also_go_while_the_daemon_runs(
    tmp_path: Path, leave: Callable[[Office], None], why: str
) -> None:
    board = Switchboard()

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await office.ask()
            await world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            await office.tell(call, "bridged")
            await asyncio.sleep(HOUR)
            assert (await office.now(call)).state == "bridged"
            leave(office)
            held = await office.until(call, "unknown", 5 * MINUTE)
            assert why in str(held.error)

    simulate(tmp_path, scenario)


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize(("leave", "why"), GONE)
def test_whoever_takes_back_a_call_whose_channel_is_gone_waits_for_nobody(
    tmp_path: Path, leave: Callable[[Office], None], why: str, is_held: bool
) -> None:
    board = Switchboard()

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await office.ask()
            await world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            await office.tell(call, "bridged")
            leave(office)
            if is_held:
                assert why in str((await office.until(call, "unknown", 5 * MINUTE)).error)
            taken = await office.desk.take_back(call.id)
            assert taken.outcome == "asked"
            began = world.now
            assert await office.desk.why_going_on(call.id, "phone") is None
            assert world.now == began
            held = await office.until(call, "unknown", 5 * MINUTE)
            assert why in str(held.error), "what is told of it is the same"

    simulate(tmp_path, scenario)


def test_what_a_channel_that_comes_back_tells_of_its_call_counts(tmp_path: Path) -> None:
    board = Switchboard()

    async def scenario(world: World) -> None:
        call = await begun(world, board, ringing)
        async with at_work(world, board, is_configured=False) as office:
            await office.until(call, "unknown", 5 * MINUTE)
        async with at_work(world, board) as office:
            assert [known.id for known in await office.desk.open_calls("phone")] == [call.id]
            await office.tell(call, "customer_answered")
            assert (await office.now(call)).state == "customer_answered"
            assert (await office.now(call)).error is None
            await asyncio.sleep(HOUR)
            await office.tell(call, "completed")
            assert (await office.now(call)).state == "completed"
        assert len(board.told) == 1

    simulate(tmp_path, scenario)


def test_one_that_is_exchanged_or_paused_was_not_away(tmp_path: Path) -> None:
    board = Switchboard(quiet_seconds=DAY)

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await office.ask()
            await world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            for _ in range(5):
                del office.channels["phone"]
                await asyncio.sleep(absence.ABSENT_SECONDS / 2)
                office.channels["phone"] = office.runner
                await asyncio.sleep(3 * absence.ABSENT_SECONDS)
            office.runner.report("down", "the switchboard is away")
            office.runner.health.paused = "by the operator"
            await asyncio.sleep(HOUR)
            assert (await office.now(call)).state == "dialling"

    simulate(tmp_path, scenario)


@pytest.mark.parametrize("is_for_later", [False, True])
def test_one_that_waits_expires_and_says_that_its_channel_is_gone(
    tmp_path: Path, is_for_later: bool
) -> None:
    board = Switchboard(lines=0, expiry=timedelta(minutes=12))
    later = datetime.fromtimestamp(BEGIN + 10 * MINUTE, UTC) if is_for_later else None

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await office.ask(callback_at=later)
        async with at_work(world, board, is_configured=False) as office:
            expired = await office.until(call, "expired", 2 * HOUR)
            assert "no channel phone calls people any more" in str(expired.error)
            assert (await office.events())[-1] == "call.missed"
            assert any("expired" in one["event"] for one in office.world.logs)

    simulate(tmp_path, scenario)
    assert board.told == []
