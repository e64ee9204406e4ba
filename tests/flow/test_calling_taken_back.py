"""Calls that are taken back: never dialled, or hung up until their end is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.flow.simulation.world import HOUR, MINUTE, World, simulate
from tests.flow.switchboard import (
    Office,
    Switchboard,
    after,
    at_work,
    office,
)


class TestTakingBack:
    def test_what_waits_is_never_dialled(self, tmp_path: Path) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> None:
            call = await office.ask(callback_at=after(MINUTE))
            taken = await office.desk.cancel(call.id)
            assert taken is not None
            assert taken.state == "cancelled"
            await asyncio.sleep(HOUR)

        office(tmp_path, board, scenario)
        assert board.told == []

    def test_what_rings_is_hung_up_until_its_end_is_told(self, tmp_path: Path) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> None:
            call = await office.ask()
            await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            await office.tell(call, "customer_ringing")
            board.unreachable = True
            await office.desk.cancel(call.id)
            await asyncio.sleep(5)
            assert board.hung_up == []
            board.unreachable = False
            await office.world.until(lambda: bool(board.hung_up), HOUR, "it is hung up")
            await office.tell(call, "cancelled")
            count = len(board.hung_up)
            await asyncio.sleep(HOUR)
            assert len(board.hung_up) == count

        office(tmp_path, board, scenario)

    def test_a_platform_that_cannot_end_a_call_is_asked_once(self, tmp_path: Path) -> None:
        board = Switchboard(ends=False)

        async def scenario(office: Office) -> None:
            call = await office.ask()
            await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            await office.tell(call, "customer_ringing")
            assert await office.desk.why_going_on(call.id, "phone") is None
            await office.desk.cancel(call.id)
            await asyncio.sleep(HOUR)
            assert board.end_asked == 1
            why = await office.desk.why_going_on(call.id, "phone")
            assert why is not None
            assert why.reason == "calls end by themselves here"
            said = [one for one in office.world.logs if one.get("reason") == why.reason]
            assert [one["call"] for one in said] == [call.id]
            assert (await office.now(call)).state == "customer_ringing"
            await office.tell(call, "completed")
            assert (await office.now(call)).state == "completed"
            assert await office.desk.why_going_on(call.id, "phone") is None

        office(tmp_path, board, scenario)

    def test_it_is_hung_up_again_after_a_restart(self, tmp_path: Path) -> None:
        board = Switchboard()

        async def scenario(world: World) -> None:
            async with at_work(world, board, is_cut=True) as office:
                call = await office.ask()
                await world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
                await office.tell(call, "bridged")
                board.unreachable = True
                await office.desk.cancel(call.id)
            board.unreachable = False
            async with at_work(world, board) as office:
                await world.until(lambda: bool(board.hung_up), MINUTE, "it is hung up")
                await office.tell(call, "cancelled")
                assert (await office.now(call)).state == "cancelled"

        simulate(tmp_path, scenario)

    @pytest.mark.parametrize("paused", [None, "paused by the operator"])
    def test_a_channel_that_is_drained_or_paused_still_ends_what_it_has_begun(
        self, tmp_path: Path, paused: str | None
    ) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> None:
            call = await office.ask()
            await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            await office.tell(call, "customer_ringing")
            office.runner.health.intake_closed = True
            office.runner.health.paused, office.runner.goes_on = paused, paused is not None
            other = await office.ask("+79161234568")
            await office.desk.cancel(call.id)
            await office.world.until(lambda: board.hung_up == [call.id], MINUTE, "it is hung up")
            assert (await office.now(other)).state == "requested", "it begins nothing new"

        office(tmp_path, board, scenario)
        assert len(board.told) == 1

    def test_a_channel_that_is_not_up_yet_is_told_to_end_it_as_soon_as_it_is(
        self, tmp_path: Path
    ) -> None:
        board = Switchboard(ends=False)

        async def scenario(office: Office) -> None:
            call = await office.ask()
            await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            await office.tell(call, "customer_ringing")
            office.runner.reported = "starting"
            await office.desk.cancel(call.id)
            await asyncio.sleep(3 * MINUTE)
            assert board.end_asked == 0
            asking = asyncio.create_task(office.desk.why_going_on(call.id, "phone"))
            await asyncio.sleep(0)
            office.runner.reported = "up"
            await office.world.until(lambda: board.end_asked == 1, 5, "it is told")
            why = await asking
            assert why is not None, "whoever asks hears what comes of it, not that nobody was there"
            assert why.reason == "calls end by themselves here"

        office(tmp_path, board, scenario)

    def test_a_daemon_that_stops_keeps_nobody_who_waits_for_the_end_of_a_call(
        self, tmp_path: Path
    ) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> None:
            call = await office.ask()
            await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            office.runner.reported = "starting"
            await office.desk.cancel(call.id)
            asking = asyncio.create_task(office.desk.why_going_on(call.id, "phone"))
            await asyncio.sleep(1)
            assert not asking.done()
            office.desk.stop()
            began = office.world.now
            assert await asking is None
            assert office.world.now - began < 1

        office(tmp_path, board, scenario)

    @pytest.mark.parametrize("delay_ms", range(0, 200, 10))
    def test_a_wish_that_is_taken_back_while_it_falls_due_is_not_dialled_afterwards(
        self, tmp_path: Path, delay_ms: int
    ) -> None:
        """At whatever moment: either it was being dialled and is hung up, or it never is."""
        board = Switchboard()

        async def scenario(office: Office) -> None:
            call = await office.ask(callback_at=after(10))
            await asyncio.sleep(9.9 - office.world.now + delay_ms / 1000)
            await office.desk.cancel(call.id)
            before = len(board.told)
            await asyncio.sleep(HOUR / 2)
            assert len(board.told) == before
            assert len(board.hung_up) >= before
            assert before or (await office.now(call)).state == "cancelled"

        office(tmp_path, board, scenario)
