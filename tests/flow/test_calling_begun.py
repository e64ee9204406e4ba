"""Wishes for a call: taken where a rule allows it, and dialled once when they are due."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import omnigate
from omnigate.errors import Refused
from omnigate.flow.figures import MOST_CODES, OTHER_CODES
from omnigate.store.idempotency import IdempotencyKey
from tests.flow.simulation.world import HOUR, MINUTE
from tests.flow.switchboard import (
    NUMBER,
    Office,
    Switchboard,
    after,
    office,
    settled,
)


class TestBeginning:
    def test_a_wish_is_dialled_at_once_and_once(self, tmp_path: Path) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> omnigate.Call:
            call = await office.ask()
            await settled()
            return await office.now(call)

        call = office(tmp_path, board, scenario)
        assert board.told == [(call.id, 1)]
        assert (call.state, call.provider_ids) == ("dialling", {"leg_a": f"a-{call.id}-1"})

    def test_one_for_later_is_dialled_then(self, tmp_path: Path) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> None:
            await office.ask(callback_at=after(HOUR / 2))
            await asyncio.sleep(HOUR / 2 - MINUTE)
            assert board.told == []
            await office.world.until(lambda: len(board.told) == 1, 2 * MINUTE, "it is dialled")

        office(tmp_path, board, scenario)

    def test_a_channel_that_is_paused_or_away_dials_nothing_until_it_is_back(
        self, tmp_path: Path
    ) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> None:
            office.runner.report("down", "the switchboard is away")
            await office.ask()
            await settled()
            office.runner.health.paused = "by the operator"
            office.runner.report("up")
            await settled()
            assert board.told == []
            office.runner.health.paused = None
            await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")

        office(tmp_path, board, scenario)

    def test_what_a_rule_is_against_is_not_stored(self, tmp_path: Path) -> None:
        board = Switchboard(refusal=Refused("limit_reached", "too many calls to this number"))

        async def scenario(office: Office) -> list[str]:
            with pytest.raises(Refused, match="limit_reached"):
                await office.ask()
            assert office.inbox.figures.calls_refused == {("phone", "limit_reached"): 1}
            return await office.events()

        assert office(tmp_path, board, scenario) == []

    def test_a_plugin_that_makes_up_reasons_makes_few_series(self, tmp_path: Path) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> None:
            for code in [
                *(f"reason_{number}" for number in range(100)),
                "+79161234567",
                "reason_1",
            ]:
                board.refusal = Refused(code, "no")
                with pytest.raises(Refused):
                    await office.ask()
            refused = office.inbox.figures.calls_refused
            assert len(refused) == MOST_CODES + 1
            assert refused["phone", "reason_1"] == 2
            assert refused["phone", OTHER_CODES] == 101 - MOST_CODES

        office(tmp_path, board, scenario)

    def test_the_same_wish_at_the_same_time_is_counted_and_dialled_once(
        self, tmp_path: Path
    ) -> None:
        board = Switchboard()

        async def scenario(office: Office) -> set[str]:
            wanted = omnigate.CallWanted(number=NUMBER)
            key = IdempotencyKey("widget", "k", "same")
            asked = (office.desk.request("phone", wanted, key) for _ in range(5))
            calls = await asyncio.gather(*asked)
            await settled()
            return {call.id for call in calls}

        assert len(office(tmp_path, board, scenario)) == 1
        assert (board.admitted, len(board.told)) == (1, 1)

    def test_there_must_be_such_a_channel(self, tmp_path: Path) -> None:
        async def scenario(office: Office) -> None:
            with pytest.raises(Refused, match="no_channel"):
                await office.desk.request("fax", omnigate.CallWanted(number=NUMBER))
            assert office.desk.offer("fax") is None
            assert office.desk.offer("phone") is not None

        office(tmp_path, Switchboard(), scenario)
