"""Calls that a platform has taken and never speaks of again: asked about, and held for the operator."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.calling import RING_SECONDS, TALK_SECONDS
from omnigate.flow.silence import SETTLING_SECONDS, UNANSWERED_SECONDS, Silence
from omnigate.store.callends import Resolution
from tests.flow.simulation.world import HOUR, MINUTE, World, simulate
from tests.flow.switchboard import Office, Phone, Switchboard, at_work, update


async def dialled(office: Office, **more: Any) -> omnigate.Call:
    """Return a call that the platform has taken."""
    call = await office.ask(**more)
    await asyncio.sleep(5)  # of the simulated clock
    assert (await office.now(call)).provider_ids
    return call


def held_errors(world: World) -> list[Any]:
    return [one for one in world.logs if "resolve" in str(one.get("remedy"))]


class Forgetful(Phone):
    """Its platform has forgotten what it took."""

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        self.board.asked.append(call.id)
        return None


class Alert(Phone):
    """Its platform knows where a call stands, though it tells of none by itself."""

    says: Any = "agent_ringing"

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        self.board.asked.append(call.id)
        return update(call, self.says, name=f"{call.id}-{len(self.board.asked)}")


async def never_heard_of_again(world: World) -> tuple[omnigate.Call, Switchboard]:
    """Have a call taken by a platform that never speaks of it, and cannot be asked."""
    board = Switchboard(knows=False)
    async with at_work(world, board) as office:
        call = await dialled(office)
        await asyncio.sleep(RING_SECONDS - MINUTE)
        assert board.asked == []
        assert (await office.now(call)).state == "dialling"
        await asyncio.sleep(10 * MINUTE)
        return await office.now(call), board


def is_held(world: World, call: omnigate.Call, board: Switchboard) -> None:
    assert call.state == "unknown"
    assert "nothing was heard of the call for 1" in str(call.error)
    assert "say how it ended" in str(call.error)
    assert board.asked == [call.id]
    assert len(board.told) == 1
    assert [one["call"] for one in held_errors(world)] == [call.id]


def test_a_call_of_which_nothing_is_heard_any_more_is_held_for_the_operator(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        is_held(world, *await never_heard_of_again(world))

    simulate(tmp_path, scenario)


def test_sabotage_a_desk_that_never_looks_leaves_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: World) -> None:
        is_held(world, *await never_heard_of_again(world))

    monkeypatch.setattr(Silence, "is_due", lambda self, found: False)
    with pytest.raises(AssertionError, match="dialling"):
        simulate(tmp_path, scenario)


@pytest.mark.parametrize("state", ["agent_ringing", "customer_ringing", "bridged"])
def test_it_is_held_at_whatever_stage_and_what_is_told_later_counts(
    tmp_path: Path, state: Any
) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard(knows=False)
        async with at_work(world, board) as office:
            call = await dialled(office)
            await office.tell(call, state)
            quiet = TALK_SECONDS if state == "bridged" else RING_SECONDS
            await asyncio.sleep(quiet - MINUTE)
            assert (await office.now(call)).state == state
            await office.until(call, "unknown", 5 * MINUTE)
            await asyncio.sleep(HOUR)
            assert len(board.asked) == 1, "what is held is not asked about again"
            assert (await office.events())[-1] == "call.unknown"
            await office.tell(call, "completed")
            assert (await office.now(call)).state == "completed"

    simulate(tmp_path, scenario)


def test_two_who_may_be_talking_are_not_asked_about_as_if_a_phone_rang(tmp_path: Path) -> None:
    """Also where a platform tells of two answers and never that they hear each other."""

    async def scenario(world: World) -> None:
        board = Switchboard(knows=False)
        async with at_work(world, board) as office:
            call = await dialled(office)
            await office.tell(call, "customer_answered")
            now = (await office.now(call)).requested_at
            await office.tell(call, "agent_answered", occurred_at=now)
            await asyncio.sleep(TALK_SECONDS - MINUTE)
            assert board.asked == []

    simulate(tmp_path, scenario)


def test_news_puts_the_asking_off(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard(knows=False, quiet_seconds=10 * MINUTE)
        async with at_work(world, board) as office:
            call = await dialled(office)
            for number in range(4):
                await asyncio.sleep(8 * MINUTE)
                await office.tell(call, None, name=f"news-{number}", cause=number, leg="agent")
            assert board.asked == []
            await office.until(call, "unknown", 15 * MINUTE)

    simulate(tmp_path, scenario)


def test_one_that_its_platform_says_goes_on_is_not_held(tmp_path: Path) -> None:
    """Until it lasts too long: tests/flow/test_overlong.py."""

    async def scenario(world: World) -> None:
        board = Switchboard(quiet_seconds=10 * MINUTE, longest_seconds=11 * HOUR)
        async with at_work(world, board) as office:
            office.runner.channel = Alert(board, world)
            call = await dialled(office)
            await asyncio.sleep(10 * HOUR)
            assert (await office.now(call)).state == "agent_ringing"
            assert 30 < len(board.asked) < 200, "asked now and then, not all the time"
            assert held_errors(world) == []

    simulate(tmp_path, scenario)


def test_an_end_that_was_lost_is_found_out(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard()
        async with at_work(world, board) as office:
            channel = office.runner.channel = Alert(board, world)
            channel.says = "completed"
            call = await dialled(office)
            await office.tell(call, "bridged")
            await asyncio.sleep(TALK_SECONDS - MINUTE)
            await office.until(call, "completed", 5 * MINUTE)
            assert len(board.asked) == 1
            assert held_errors(world) == []

    simulate(tmp_path, scenario)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_what_a_platform_took_and_knows_no_more_is_held_and_not_dialled_again(
    tmp_path: Path, is_restarted: bool
) -> None:
    """It never heard of it, says the platform; but it had: it can only have forgotten."""

    async def scenario(world: World) -> None:
        board = Switchboard()
        async with at_work(world, board, is_cut=is_restarted) as office:
            office.runner.channel = Forgetful(board, world)
            call = await dialled(office)
            if not is_restarted:
                held = await office.until(call, "unknown", RING_SECONDS + 5 * MINUTE)
        if is_restarted:
            async with at_work(world, board) as office:
                office.runner.channel = Forgetful(board, world)
                held = await office.until(call, "unknown", 5 * MINUTE)
        assert "does not know of it any more" in str(held.error)
        assert len(board.told) == 1
        assert max(board.rung.values()) == 1

    simulate(tmp_path, scenario)


def test_the_silence_before_a_restart_counts_and_platforms_get_a_moment_after_it(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard(knows=False)
        async with at_work(world, board, is_cut=True) as office:
            call = await dialled(office)
            await office.tell(call, "customer_ringing")
            await asyncio.sleep(RING_SECONDS - MINUTE)
        await asyncio.sleep(2 * MINUTE)
        async with at_work(world, board) as office:
            await asyncio.sleep(SETTLING_SECONDS / 2)
            assert board.asked == []
            await office.until(call, "unknown", 3 * MINUTE)

    simulate(tmp_path, scenario)


def test_one_that_cannot_be_asked_about_is_asked_again_and_held_after_a_while(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard(unreachable=True)
        async with at_work(world, board) as office:
            call = await dialled(office)
            await asyncio.sleep(RING_SECONDS + UNANSWERED_SECONDS - MINUTE)
            assert (await office.now(call)).state == "dialling"
            held = await office.until(call, "unknown", 6 * MINUTE)
            assert "no connection" in str(held.error)

    simulate(tmp_path, scenario)


def test_of_a_channel_that_is_paused_nothing_can_be_heard_so_nothing_is_held(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard()
        async with at_work(world, board) as office:
            call = await dialled(office)
            office.runner.health.paused = "by the operator"
            await asyncio.sleep(10 * HOUR)
            assert (await office.now(call)).state == "dialling"
            office.runner.health.paused = None
            await office.until(call, "agent_ringing", 5 * MINUTE)

    simulate(tmp_path, scenario)


def test_one_that_was_taken_back_and_is_never_said_to_end_is_held_too(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard(knows=False)
        async with at_work(world, board) as office:
            call = await dialled(office)
            await office.tell(call, "customer_ringing")
            await office.desk.cancel(call.id)
            await world.until(lambda: bool(board.hung_up), MINUTE, "it is hung up")
            await office.until(call, "unknown", RING_SECONDS + 5 * MINUTE)

    simulate(tmp_path, scenario)


def test_the_line_of_one_that_is_held_for_its_silence_is_free(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard(knows=False, lines=1, quiet_seconds=10 * MINUTE)
        async with at_work(world, board) as office:
            call = await dialled(office)
            await office.ask("+79161234568")
            await office.until(call, "unknown", 15 * MINUTE)
            await world.until(lambda: len(board.told) == 2, MINUTE, "the next is dialled")
            done = await office.desk.resolve(Resolution(call.id, "failed"))
            assert done.is_done

    simulate(tmp_path, scenario)


@pytest.mark.parametrize("nonsense", [-5.0, float("nan"), "soon"])
def test_a_channel_that_talks_nonsense_of_its_patience_harms_nothing(
    tmp_path: Path, nonsense: Any
) -> None:
    async def scenario(world: World) -> None:
        board = Switchboard(knows=False, quiet_seconds=nonsense)
        async with at_work(world, board) as office:
            call = await dialled(office)
            if nonsense == "soon":
                await asyncio.sleep(TALK_SECONDS - MINUTE)
                assert (await office.now(call)).state == "dialling"
            await office.until(call, "unknown", 5 * MINUTE)

    simulate(tmp_path, scenario)


def test_what_is_heard_while_the_platform_is_asked_is_not_overruled(tmp_path: Path) -> None:
    class Slow(Forgetful):
        async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
            await super().follow_up(call)
            await asyncio.sleep(20)
            return None

    async def scenario(world: World) -> None:
        board = Switchboard()
        async with at_work(world, board) as office:
            office.runner.channel = Slow(board, world)
            call = await dialled(office)
            await world.until(lambda: bool(board.asked), RING_SECONDS + 5 * MINUTE, "it is asked")
            await office.tell(call, "bridged")
            await asyncio.sleep(MINUTE)
            assert (await office.now(call)).state == "bridged"

    simulate(tmp_path, scenario)
