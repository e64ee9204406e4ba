"""Ending a call: soon again where that failed, and nothing of it is remembered once it is over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow.dialling import Dialler
from tests.flow.simulation.world import HOUR, MINUTE, World, simulate
from tests.flow.switchboard import Office, Phone, Switchboard, at_work


class TellsAtOnce(Phone):
    """Its platform tells that a call is over before it answers that it has ended it."""

    office: Office

    async def hang_up(self, call: omnigate.Call) -> None:
        await super().hang_up(call)
        await self.office.tell(call, "cancelled")
        await asyncio.sleep(1)


async def ringing(office: Office, board: Switchboard) -> omnigate.Call:
    call = await office.ask()
    await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
    await office.tell(call, "customer_ringing")
    return call


def test_a_phone_rings_on_for_seconds_where_its_platform_failed_once(tmp_path: Path) -> None:
    board = Switchboard()

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await ringing(office, board)
            board.unreachable = True
            await office.desk.cancel(call.id)
            await asyncio.sleep(1)
            board.unreachable = False
            await world.until(lambda: bool(board.hung_up), 5, "it is hung up")
            await asyncio.sleep(10)
            assert len(board.hung_up) == 1, "one that was told to end it has a while for that"

    simulate(tmp_path, scenario)


def test_one_that_fails_for_long_is_asked_less_and_less(tmp_path: Path) -> None:
    board = Switchboard()

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await ringing(office, board)
            board.unreachable = True
            await office.desk.cancel(call.id)
            await asyncio.sleep(10 * MINUTE)
            tries = [one for one in world.logs if one["event"] == "a call could not be ended"]
            assert 5 <= len(tries) <= 7

    simulate(tmp_path, scenario)


async def ended(world: World) -> set[str]:
    """Have a call ended while its platform still answers; return where anything is kept of it."""
    board = Switchboard(quiet_seconds=10 * MINUTE)
    async with at_work(world, board) as office:
        channel = office.runner.channel = TellsAtOnce(board, world)
        channel.office = office
        call = await ringing(office, board)
        await office.desk.cancel(call.id)
        await office.until(call, "cancelled", MINUTE)
        await asyncio.sleep(HOUR)
        assert board.hung_up == [call.id]
        parts: list[Any] = [office.desk._dialler]
        parts += [parts[0]._doubts, parts[0]._silence, parts[0]._overlong]
        kept = [(part, name) for part in parts for name in vars(part)]
        return {name for part, name in kept if call.id in str(getattr(part, name))}


def test_nothing_is_remembered_of_a_call_that_ended_while_its_platform_answered(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        assert await ended(world) == set()

    simulate(tmp_path, scenario)


def test_sabotage_a_desk_that_forgets_only_what_it_hears_of_keeps_what_came_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(self: Any, call: omnigate.Call) -> None:
        self._under_way.pop(call.id)
        self._news.set()

    async def scenario(world: World) -> None:
        assert "_again_at" in await ended(world)

    monkeypatch.setattr(Dialler, "_done", done)
    simulate(tmp_path, scenario)
