"""Calls that were surely not begun or reached nobody: tried again in time, or ended."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

import omnigate
from tests.flow.simulation.world import HOUR, MINUTE
from tests.flow.switchboard import (
    ERRORS,
    Answer,
    Office,
    Switchboard,
    after,
    in_turn,
    office,
)


class TestTrouble:
    def test_a_platform_that_takes_no_calls_is_said_to_until_it_does(self, tmp_path: Path) -> None:
        board = Switchboard(in_turn("down", "down", "down"))

        async def scenario(office: Office) -> None:
            runner, until = office.runner, office.world.until
            runner.report("up")
            await office.ask()
            await until(lambda: len(board.told) == 2, HOUR, "it is tried again")
            assert runner.reported == "up"
            await until(lambda: runner.reported == "degraded", HOUR, "it is said")
            assert (len(board.told), runner.message) == (3, "calls are not begun: no connection")
            await until(lambda: runner.reported == "up", HOUR, "it is over")
            assert len(board.told) == 4
            # Not at every try.
            assert await office.events() == ["call.requested", "call.queued"]

        office(tmp_path, board, scenario)

    def test_that_all_lines_are_taken_is_no_ailment_and_refused_credentials_are_one_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        board = Switchboard(in_turn("later", "later", "later", "later", "down"))
        monkeypatch.setitem(ERRORS, "down", omnigate.CredentialsRejected("wrong key"))

        async def scenario(office: Office) -> None:
            runner, until = office.runner, office.world.until
            runner.report("up")
            await office.ask()
            await until(lambda: len(board.told) == 5, HOUR, "it is tried again")
            assert runner.reported == "up"
            await until(lambda: runner.message == "calls are not begun: wrong key", MINUTE, "said")

        office(tmp_path, board, scenario)

    @pytest.mark.parametrize("answer", ["later", "down"])
    def test_what_was_surely_not_begun_is_tried_again_as_the_same_attempt(
        self, tmp_path: Path, answer: Answer
    ) -> None:
        board = Switchboard(in_turn(answer, answer))

        async def scenario(office: Office) -> omnigate.Call:
            call = await office.ask()
            await office.world.until(lambda: len(board.told) == 3, HOUR, "it is tried again")
            return call

        call = office(tmp_path, board, scenario)
        assert board.told == [(call.id, 1)] * 3
        assert board.rung == {(call.id, 1): 1}

    def test_a_platform_says_when_it_wants_to_be_told_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        board = Switchboard(in_turn("later"))
        error = omnigate.RetryLater("later", after_seconds=600)

        async def scenario(office: Office) -> None:
            call = await office.ask()
            waiting = await office.until(call, "queued")
            assert waiting.callback_at is not None
            assert 595 < (waiting.callback_at - call.requested_at).total_seconds() < 605

        monkeypatch.setitem(ERRORS, "later", error)
        office(tmp_path, board, scenario)

    def test_what_the_platform_refuses_ends(self, tmp_path: Path) -> None:
        async def scenario(office: Office) -> tuple[omnigate.Call, list[str]]:
            call = await office.ask()
            return await office.until(call, "failed"), await office.events()

        call, events = office(tmp_path, Switchboard(in_turn("refused")), scenario)
        assert "nobody has this number" in str(call.error)
        assert events == ["call.requested", "call.missed"]

    def test_what_could_not_be_tried_in_time_expires_with_a_warning(self, tmp_path: Path) -> None:
        board = Switchboard(lambda: "down", expiry=timedelta(minutes=10))

        async def scenario(office: Office) -> tuple[list[str], list[str]]:
            call = await office.ask()
            await office.until(call, "expired")
            told = len(board.told)
            await asyncio.sleep(HOUR)
            assert len(board.told) == told
            warnings = [known["event"] for known in office.world.logs if "call" in known]
            return await office.events(), warnings

        events, warnings = office(tmp_path, board, scenario)
        assert events == ["call.requested", "call.queued", "call.missed"]
        assert any("expired" in warning for warning in warnings)

    def test_a_busy_customer_is_tried_again_when_the_channel_says_so(self, tmp_path: Path) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> tuple[omnigate.Call, list[str]]:
            call = await office.ask()
            await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
            await office.tell(call, "customer_busy", cause=17, retry_at=after(5 * MINUTE))
            await office.until(call, "queued")
            await office.world.until(lambda: len(board.told) == 2, 10 * MINUTE, "once more")
            assert office.world.now >= 5 * MINUTE
            await office.tell(call, "customer_no_answer")
            return await office.now(call), await office.events()

        call, events = office(tmp_path, board, scenario)
        assert board.told == [(call.id, 1), (call.id, 2)]
        assert call.state == "customer_no_answer"
        assert events == ["call.requested", "call.queued", "call.missed"]
