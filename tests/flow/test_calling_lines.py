"""How many calls are under way at once: as many as the channel takes, over restarts too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow.dialling import BEGUN_AT_ONCE
from omnigate.flow.silence import Silence
from omnigate.store.callreads import read_call
from tests.flow.simulation.world import HOUR, MINUTE, World, simulate
from tests.flow.switchboard import (
    PHONE,
    Office,
    Switchboard,
    at_work,
    in_turn,
    office,
    settled,
    update,
)


async def six_with_two_lines(office: Office, board: Switchboard) -> list[omnigate.Call]:
    """Have six calls made over two lines, and count in the store how many are under way at once."""
    calls = [await office.ask(f"+7916123456{number}") for number in range(6)]
    for _ in calls:
        await asyncio.sleep(5)
        under_way = [call for call in calls if (await office.now(call)).state == "dialling"]
        assert len(under_way) <= 2, f"{len(under_way)} at once"
        await office.tell(under_way[0], "completed")
    return calls


class TestLines:
    def test_no_more_are_under_way_than_the_channel_takes(self, tmp_path: Path) -> None:
        board = Switchboard(lines=2)

        async def scenario(office: Office) -> list[omnigate.Call]:
            return await six_with_two_lines(office, board)

        calls = office(tmp_path, board, scenario)
        assert [told[0] for told in board.told] == [call.id for call in calls]

    def test_sabotage_a_desk_that_counts_nothing_takes_too_many(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Silence, "takes_line", lambda self, found: False)
        board = Switchboard(lines=2)

        async def scenario(office: Office) -> list[omnigate.Call]:
            return await six_with_two_lines(office, board)

        with pytest.raises(AssertionError, match="at once"):
            office(tmp_path, board, scenario)

    def test_lines_that_are_taken_are_known_after_a_restart(self, tmp_path: Path) -> None:
        board = Switchboard(lines=2)

        async def scenario(world: World) -> None:
            async with at_work(world, board, is_cut=True) as office:
                calls = [await office.ask(f"+7916123456{number}") for number in range(3)]
                await world.until(lambda: len(board.told) == 2, MINUTE, "two are dialled")
                await office.tell(calls[0], "agent_ringing")
                await office.tell(calls[1], "bridged")
            async with at_work(world, board) as office:
                await settled()
                assert len(board.told) == 2
                await office.tell(calls[1], "completed")
                await world.until(lambda: len(board.told) == 3, MINUTE, "the third is dialled")

        simulate(tmp_path, scenario)

    def test_what_is_held_keeps_a_line_only_as_long_as_it_can_last(self, tmp_path: Path) -> None:
        board = Switchboard(in_turn("lost"), lines=1, knows=False, quiet_seconds=20 * MINUTE)

        async def scenario(office: Office) -> None:
            held = await office.ask()
            await office.until(held, "unknown")
            await office.ask("+79161234568")
            await asyncio.sleep(10 * MINUTE)
            assert len(board.told) == 1
            await office.world.until(lambda: len(board.told) == 2, HOUR / 4, "the line is free")
            assert (await office.now(held)).state == "unknown"

        office(tmp_path, board, scenario)

    def test_one_that_rings_though_it_was_said_not_to_takes_a_line_from_then_on(
        self, tmp_path: Path
    ) -> None:
        board = Switchboard(in_turn("later"), lines=1)

        async def scenario(office: Office) -> None:
            call = await office.ask()
            waiting = await office.until(call, "queued")
            await asyncio.sleep(2)
            begun, told_at = waiting.model_copy(update={"attempt": 1}), office.world.store.now()
            await office.inbox.put(PHONE, [update(begun, "agent_ringing")])
            found = await office.world.store.read(read_call, call.id)
            assert found is not None
            assert found.begun_at >= told_at
            await office.ask("+79161234568")
            await settled()

        office(tmp_path, board, scenario)
        assert len(board.told) == 1

    def test_a_channel_that_takes_any_number_is_given_all_that_are_due(
        self, tmp_path: Path
    ) -> None:
        board = Switchboard(lines=None)

        async def scenario(office: Office) -> None:
            for number in range(BEGUN_AT_ONCE + 20):
                await office.ask(f"+7916123{number:04}")
            told = BEGUN_AT_ONCE + 20
            await office.world.until(lambda: len(board.told) == told, MINUTE, "all are dialled")

        office(tmp_path, board, scenario)

    @pytest.mark.parametrize("nonsense", [-1, 0, "two", float("nan")])
    def test_a_channel_that_does_not_say_how_many_it_takes_is_given_none(
        self, tmp_path: Path, nonsense: Any
    ) -> None:
        board = Switchboard(lines=nonsense)

        async def scenario(office: Office) -> None:
            call = await office.ask()
            await settled()
            assert (await office.now(call)).state == "requested"

        office(tmp_path, board, scenario)
        assert board.told == []
