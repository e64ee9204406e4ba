"""Calls that may have been begun: the platform is asked, and nobody is rung twice, crashes included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow.dialling import Dialler
from omnigate.store.callends import Resolution
from omnigate.store.callreads import CallFound
from tests.flow.simulation.world import HOUR, MINUTE, World, simulate
from tests.flow.switchboard import (
    ERRORS,
    Answer,
    Office,
    Phone,
    Switchboard,
    at_work,
    in_turn,
    office,
    settled,
)


class TestUncertain:
    @pytest.mark.parametrize("answer", ["lost", "never came", "hangs", "breaks"])
    def test_a_platform_that_can_be_asked_is_asked_before_anybody_is_rung_again(
        self, tmp_path: Path, answer: Answer
    ) -> None:
        board = Switchboard(in_turn(answer))

        async def scenario(office: Office) -> omnigate.Call:
            call = await office.ask()
            await office.world.until(lambda: bool(board.asked), HOUR, "it is asked")
            await settled()
            return await office.now(call)

        call = office(tmp_path, board, scenario)
        assert board.rung == {(call.id, 1): 1}
        assert len(board.told) == (2 if answer == "never came" else 1)
        assert call.state == ("dialling" if answer == "never came" else "agent_ringing")

    def test_it_is_asked_until_it_can_answer(self, tmp_path: Path) -> None:
        board = Switchboard(in_turn("lost"), unreachable=True)

        async def scenario(office: Office) -> None:
            call = await office.ask()
            await asyncio.sleep(5 * MINUTE)
            assert (await office.now(call)).state == "dialling"
            board.unreachable = False
            await office.until(call, "agent_ringing", 2 * MINUTE)

        office(tmp_path, board, scenario)
        assert len(board.told) == 1

    @pytest.mark.parametrize("is_mute", [True, False])
    def test_what_nobody_can_tell_is_held_and_the_operator_is_told(
        self, tmp_path: Path, is_mute: bool
    ) -> None:
        board = Switchboard(in_turn("lost"), knows=False, unreachable=is_mute)

        async def scenario(office: Office) -> tuple[list[str], list[Any]]:
            call = await office.ask()
            held = await office.until(call, "unknown")
            assert "the connection broke" in str(held.error)
            await asyncio.sleep(2 * HOUR)
            assert (await office.now(call)).state == "unknown"
            logs = [known for known in office.world.logs if known["log_level"] == "error"]
            return await office.events(), logs

        events, logs = office(tmp_path, board, scenario)
        assert events == ["call.requested", "call.unknown"]
        assert len(board.told) == 1
        assert ["omnigate call resolve" in known["remedy"] for known in logs] == [True]

    def test_what_is_held_can_be_tried_again_by_somebody_who_knows(self, tmp_path: Path) -> None:
        board = Switchboard(in_turn("lost"), knows=False)

        async def scenario(office: Office) -> omnigate.Call:
            call = await office.ask()
            await office.until(call, "unknown")
            await office.desk.resolve(Resolution(call.id, "again"))
            await office.world.until(lambda: len(board.told) == 2, MINUTE, "it is tried again")
            return call

        call = office(tmp_path, board, scenario)
        assert board.told == [(call.id, 1), (call.id, 2)]


class SlowPhone(Phone):
    """A channel whose platform takes its time: with ringing, and with saying what it knew when asked."""

    def __init__(self, board: Switchboard, world: World, ringing: float, asked: float) -> None:
        super().__init__(board, world)
        self.ringing_seconds = ringing
        self.asked_seconds = asked

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        answer = self.board.answers()
        self.board.told.append((call.id, call.attempt))
        if answer in ERRORS:
            raise ERRORS[answer]
        await asyncio.sleep(self.ringing_seconds)
        self.board.rung[call.id, call.attempt] += 1
        return {}

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        found = await super().follow_up(call)
        await asyncio.sleep(self.asked_seconds)
        return found


class TestLateAnswers:
    def test_what_has_been_put_off_meanwhile_is_not_asked_about(self, tmp_path: Path) -> None:
        """A round may have seen it when it was still being dialled; the answer would ring twice."""
        board = Switchboard(in_turn("later"))

        async def scenario(office: Office) -> omnigate.Call:
            office.runner.channel = SlowPhone(board, office.world, ringing=20, asked=10)
            call = await office.ask()
            waiting = await office.until(call, "queued")
            seen = waiting.model_copy(update={"state": "dialling", "attempt": 1})
            dialler = office.desk._dialler
            dialler._look_after(
                CallFound(seen, "phone", "cnv_1", is_cancelled=False, begun_at=0, heard_at=0)
            )
            await settled()
            await settled()
            return call

        call = office(tmp_path, board, scenario)
        assert board.asked == []
        assert board.rung == {(call.id, 1): 1}

    def test_an_answer_about_one_attempt_leaves_the_next_alone(self, tmp_path: Path) -> None:
        board = Switchboard(in_turn("never came"))

        async def scenario(office: Office) -> omnigate.Call:
            office.runner.channel = SlowPhone(board, office.world, ringing=25, asked=15)
            call = await office.ask()
            await office.world.until(lambda: bool(board.asked), MINUTE, "it is asked")
            begun = await office.now(call)
            retry_at = datetime.fromtimestamp(office.world.calendar() + 1, UTC)
            await office.tell(begun, "customer_busy", retry_at=retry_at)
            await office.world.until(lambda: len(board.told) == 2, MINUTE, "it is tried again")
            await settled()
            await settled()
            return call

        call = office(tmp_path, board, scenario)
        assert board.told == [(call.id, 1), (call.id, 2)]
        assert board.rung == {(call.id, 2): 1}


def crash(knows: bool) -> Callable[[World], Coroutine[Any, Any, tuple[Switchboard, str]]]:
    """Cut the power after the phones rang and before the platform's answer was stored."""

    async def scenario(world: World) -> tuple[Switchboard, str]:
        board = Switchboard(in_turn("hangs"), knows=knows)
        async with at_work(world, board, is_cut=True) as office:
            call = await office.ask()
            await world.until(lambda: bool(board.rung), MINUTE, "it rings")
        async with at_work(world, board) as office:
            await world.until(lambda: bool(board.asked), MINUTE, "it is asked")
            await settled()
            return board, (await office.now(call)).state

    return scenario


def judge(board: Switchboard, state: str, *, knows: bool) -> None:
    assert max(board.rung.values()) == 1, "a customer was called twice"
    assert len(board.told) == 1
    assert state == ("agent_ringing" if knows else "unknown")


@pytest.mark.parametrize("knows", [True, False])
def test_a_crash_while_it_rings_rings_nobody_twice(tmp_path: Path, knows: bool) -> None:
    judge(*simulate(tmp_path, crash(knows)), knows=knows)


def test_a_desk_that_dials_before_the_intent_is_on_disk_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same crash, and a daemon that notes what it has begun only afterwards."""
    from omnigate.store.callreads import open_calls
    from omnigate.store.dials import Claim, begin_dials

    async def careless(self: Any, name: str, due: int, taken: int) -> float:
        channel = self._at_work(name)
        for call in (await self._store.read(open_calls, name))[:due] if channel else ():
            begun = call.model_copy(update={"attempt": call.attempt + 1})
            if not self._doubts.is_taken(begun):
                self._doubts.take(begun)
                await channel.dial(begun)
                await self._store.writer.do(begin_dials, Claim(name, 1))
        return 1.0

    async def scenario(world: World) -> tuple[Switchboard, str]:
        board = Switchboard(in_turn("hangs"), knows=True)
        async with at_work(world, board, is_cut=True) as office:
            call = await office.ask()
            await world.until(lambda: bool(board.rung), MINUTE, "it rings")
        async with at_work(world, board) as office:
            await world.until(lambda: len(board.told) > 1, MINUTE, "it is dialled")
            await settled()
            return board, (await office.now(call)).state

    monkeypatch.setattr(Dialler, "_begin", careless)
    with pytest.raises(AssertionError):
        judge(*simulate(tmp_path, scenario), knows=True)
