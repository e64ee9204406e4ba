"""Calls of which a platform says for ever that they go on: ended, or held where it cannot end them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.calling import LONGEST_SECONDS
from omnigate.flow.overlong import END_SECONDS, Overlong
from omnigate.store.callends import Resolution
from tests.flow.simulation.world import HOUR, MINUTE, World, simulate
from tests.flow.switchboard import Office, Phone, Switchboard, at_work, update
from tests.flow.test_erased_calls import erase

LONGEST = 30 * MINUTE
OTHER = "+79161234568"


class Stubborn(Phone):
    """Its platform says of a call that it goes on, whatever became of it."""

    says: Any = "bridged"

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        self._reached()
        self.board.asked.append(call.id)
        return update(call, self.says, name=f"{call.id}-{len(self.board.asked)}")


class Forgetful(Phone):
    """Its platform has forgotten what it took."""

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        self.board.asked.append(call.id)
        return None


def stubborn(**more: Any) -> Switchboard:
    """Return a board whose calls are never over, and never quiet for long enough to be held for that."""
    return Switchboard(**{"quiet_seconds": HOUR, "longest_seconds": LONGEST, **more})


def staffed(office: Office, phone: type[Phone] = Stubborn) -> Office:
    """Put a phone at the place of the office's own."""
    channel = office.runner.channel
    assert isinstance(channel, Phone)
    office.runner.channel = phone(channel.board, channel.world)
    return office


async def begun(office: Office, state: Any = "bridged", **more: Any) -> omnigate.Call:
    """Return a call that the platform has taken, and that stands so."""
    call = await office.ask(**more)
    await asyncio.sleep(5)  # of the simulated clock
    await office.tell(call, state)
    return call


async def hung_up(world: World, board: Switchboard, seconds: float = LONGEST + 2 * MINUTE) -> None:
    await world.until(lambda: bool(board.hung_up), seconds, "it is hung up")


@pytest.mark.parametrize(
    ("stood", "told", "ends"),
    [
        ("bridged", "completed", "completed"),
        ("customer_ringing", "cancelled", "failed"),
        ("agent_answered", "customer_no_answer", "customer_no_answer"),
    ],
)
def test_a_call_that_goes_on_for_too_long_is_ended_and_not_tried_again(
    tmp_path: Path, stood: Any, told: Any, ends: str
) -> None:
    """Nobody took it back: who did not talk is to be called back. A cause of the phone's own stands."""

    async def scenario(world: World) -> None:
        board = stubborn()
        async with at_work(world, board) as office:
            staffed(office).runner.channel.says = stood  # type: ignore[union-attr]
            call = await begun(office, stood)
            await asyncio.sleep(LONGEST - MINUTE)
            assert board.hung_up == []
            await hung_up(world, board)
            assert board.asked == [call.id], "it is asked a last time"
            again = call.requested_at + timedelta(minutes=35)
            await office.tell(call, told, cause=17, cause_text="as told", retry_at=again)
            ended = await office.now(call)
            assert ended.state == ends
            is_ours = ends != "customer_no_answer"
            assert (ended.cause, ended.cause_text) == (
                (102, "too_long") if is_ours else (17, "as told")
            )
            assert (ended.error is not None and "longer than any" in ended.error) == is_ours
            await asyncio.sleep(HOUR)
            assert board.hung_up == [call.id]
            assert len(board.told) == 1
            (said,) = [one for one in world.logs if "minutes" in one]
            assert (said["call"], said["minutes"]) == (call.id, 30)

    simulate(tmp_path, scenario)


async def goes_on_for_ever(world: World) -> None:
    board = Switchboard(quiet_seconds=HOUR)
    async with at_work(world, board) as office:
        await begun(staffed(office))
        await hung_up(world, board, LONGEST_SECONDS + 2 * MINUTE)


def test_a_channel_that_says_nothing_of_it_has_calls_of_four_hours(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        await goes_on_for_ever(world)
        assert world.now > 4 * HOUR

    simulate(tmp_path, scenario)


def test_sabotage_a_desk_that_never_looks_believes_it_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Overlong, "is_due", lambda self, found: False)
    with pytest.raises(AssertionError, match="hung up"):
        simulate(tmp_path, goes_on_for_ever)


def test_one_whose_end_was_only_lost_is_not_hung_up(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = stubborn()
        async with at_work(world, board) as office:
            staffed(office).runner.channel.says = "completed"  # type: ignore[union-attr]
            call = await begun(office)
            ended = await office.until(call, "completed", LONGEST + 2 * MINUTE)
            assert ended.cause is None
            await asyncio.sleep(HOUR)
            assert board.end_asked == 0

    simulate(tmp_path, scenario)


def test_one_that_the_platform_has_forgotten_is_held_and_nobody_is_hung_up(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = stubborn()
        async with at_work(world, board) as office:
            call = await begun(staffed(office, Forgetful))
            held = await office.until(call, "unknown", LONGEST + 2 * MINUTE)
            assert "does not know of it any more" in str(held.error)
            await asyncio.sleep(HOUR)
            assert board.end_asked == 0

    simulate(tmp_path, scenario)


@pytest.mark.parametrize("can_end", [False, True])
def test_one_that_is_not_over_for_that_is_held_and_keeps_no_line(
    tmp_path: Path, can_end: bool
) -> None:
    async def scenario(world: World) -> None:
        board = stubborn(ends=can_end, lines=1)
        async with at_work(world, board) as office:
            call = await begun(staffed(office))
            await world.until(lambda: board.end_asked > 0, LONGEST + 2 * MINUTE, "it is ended")
            other = await office.ask(OTHER)
            held = await office.until(call, "unknown", END_SECONDS + 2 * MINUTE)
            assert "it was to be ended, and its platform says that it goes on" in str(held.error)
            await world.until(lambda: len(board.told) == 2, MINUTE, "the next is dialled")
            await office.tell(other, "completed")
            await office.tell(call, "bridged", name="it goes on")
            assert (await office.now(call)).state == "unknown"
            (said,) = [one for one in world.logs if "resolve" in str(one.get("remedy"))]
            assert said["call"] == call.id
            asked = len(board.asked)
            await asyncio.sleep(HOUR)
            assert len(board.asked) == asked, "what is held is not asked about"
            assert board.end_asked > 5 if can_end else board.end_asked == 1
            await office.tell(call, "completed")
            assert (await office.now(call)).cause_text == "too_long"

    simulate(tmp_path, scenario)


def test_who_has_found_out_may_have_it_tried_again_and_it_may_last_as_long_again(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        board = stubborn(ends=False)
        async with at_work(world, board) as office:
            call = await begun(staffed(office))
            await office.until(call, "unknown", LONGEST + 10 * MINUTE)
            await office.desk.resolve(Resolution(call.id, "again"))
            await world.until(lambda: len(board.told) == 2, MINUTE, "it is dialled again")
            await office.tell(call, "bridged")
            await asyncio.sleep(LONGEST - MINUTE)
            assert (await office.now(call)).state == "bridged"
            await office.until(call, "unknown", 10 * MINUTE)
            assert board.end_asked == 2

    simulate(tmp_path, scenario)


def test_a_loss_of_power_makes_no_call_longer_and_forgets_none_that_is_to_end(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        board = stubborn()
        async with at_work(world, board, is_cut=True) as office:
            call = await begun(staffed(office))
            await asyncio.sleep(LONGEST - 2 * MINUTE)
        async with at_work(world, board, is_cut=True) as office:
            staffed(office)
            await hung_up(world, board, 5 * MINUTE)
            board.hung_up.clear()
        async with at_work(world, board) as office:
            staffed(office)
            await hung_up(world, board, MINUTE)
            await office.until(call, "unknown", END_SECONDS + 5 * MINUTE)

    simulate(tmp_path, scenario)


def test_news_of_an_erased_customers_call_makes_it_no_longer(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = stubborn(ends=False)
        async with at_work(world, board) as office:
            call = await begun(staffed(office))
            await erase(world)
            for number in range(3):
                await asyncio.sleep(LONGEST / 3)
                await office.tell(call, None, name=f"news-{number}", cause=number, leg="agent")
            held = await office.until(call, "unknown", 5 * MINUTE)
            assert (held.customer, held.error) == ("", None)

    simulate(tmp_path, scenario)


def test_one_that_was_taken_back_and_never_ended_stays_taken_back(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = stubborn(ends=False)
        async with at_work(world, board) as office:
            call = await begun(staffed(office), "customer_ringing")
            await office.desk.cancel(call.id)
            await office.until(call, "unknown", LONGEST + 10 * MINUTE)
            await office.tell(call, "cancelled")
            ended = await office.now(call)
            assert (ended.state, ended.cause) == ("cancelled", None)

    simulate(tmp_path, scenario)


def test_of_a_channel_that_is_away_calls_wait_and_an_unreachable_platforms_are_held(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        board = stubborn(unreachable=True, quiet_seconds=24 * HOUR)
        async with at_work(world, board) as office:
            call = await begun(staffed(office))
            office.runner.health.paused = "by the operator"
            await asyncio.sleep(10 * HOUR)
            assert (await office.now(call)).state == "bridged"
            office.runner.health.paused = None
            held = await office.until(call, "unknown", END_SECONDS + 5 * MINUTE)
            assert "no connection" in str(held.error)

    simulate(tmp_path, scenario)


@pytest.mark.parametrize("nonsense", [-5.0, float("nan"), "for ever"])
def test_a_channel_that_talks_nonsense_of_how_long_a_call_lasts_harms_nothing(
    tmp_path: Path, nonsense: Any
) -> None:
    async def scenario(world: World) -> None:
        board = stubborn(longest_seconds=nonsense, quiet_seconds=24 * HOUR)
        async with at_work(world, board) as office:
            await begun(staffed(office))
            seconds = LONGEST_SECONDS if nonsense == "for ever" else 0
            await asyncio.sleep(seconds)
            assert board.end_asked == 0
            await hung_up(world, board, 5 * MINUTE)

    simulate(tmp_path, scenario)
