"""Calls of somebody who is erased meanwhile: they can be ended, and then nothing is left of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import omnigate
from omnigate.flow.erasure import Erasure
from omnigate.store import callfade, calls
from omnigate.store.blank import blank_call
from omnigate.store.callends import Resolution
from tests.flow.simulation.world import HOUR, MINUTE, World, simulate
from tests.flow.switchboard import NUMBER, Office, Switchboard, at_work

CANARY = "cAnary7Zanna"


def found(world: World) -> list[str]:
    """Return what stands of the customer in the store as the daemon has left it."""
    content = b"".join(path.read_bytes() for path in world.folder.glob(f"store-{world._lives}.db*"))
    return [word for word in (NUMBER[1:], CANARY, "a-cal_") if word.encode() in content]


async def erase(world: World) -> None:
    ((contact,),) = await world.rows("SELECT contact_id FROM conversation")
    await Erasure(world.store, lambda sha256: None).erase(contact)


async def ring(office: Office, board: Switchboard) -> omnigate.Call:
    """Have a customer's phone ring."""
    call = await office.ask(name=CANARY, note=f"{CANARY} has a question")
    await office.world.until(lambda: len(board.told) == 1, MINUTE, "it is dialled")
    await office.tell(call, "customer_ringing", cause_text=CANARY)
    return call


async def end(office: Office, board: Switchboard, call: omnigate.Call) -> None:
    """Have it hung up, and the platform say so in many words, some of them late."""
    await office.world.until(lambda: bool(board.hung_up), HOUR, "it is hung up")
    assert board.ended_by[-1] == {"leg_a": f"a-{call.id}-1"}
    told = {"agent": CANARY, "provider_ids": {"leg_b": f"{CANARY}-b"}, "cause_text": CANARY}
    await office.tell(call, "cancelled", error=CANARY, **told)
    await office.tell(call, None, name="late", leg="customer", **told)
    assert (await office.now(call)).state == "cancelled"


def test_a_call_under_way_is_ended_by_what_its_platform_calls_it_and_then_that_goes(
    tmp_path: Path,
) -> None:
    board = Switchboard(unreachable=True)

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await ring(office, board)
            await erase(world)
            board.unreachable = False
            assert (await office.now(call)).customer == ""
            await end(office, board, call)
        assert found(world) == []

    simulate(tmp_path, scenario)


def test_a_loss_of_power_between_erasure_and_hang_up_loses_neither(tmp_path: Path) -> None:
    board = Switchboard(unreachable=True)

    async def scenario(world: World) -> None:
        async with at_work(world, board, is_cut=True) as office:
            call = await ring(office, board)
            await erase(world)
        board.unreachable = False
        async with at_work(world, board) as office:
            await end(office, board, call)
        assert found(world) == []

    simulate(tmp_path, scenario)


def test_one_that_nobody_hears_of_any_more_is_emptied_when_somebody_says_how_it_ended(
    tmp_path: Path,
) -> None:
    board = Switchboard(unreachable=True)

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await ring(office, board)
            await erase(world)
            office.channels.clear()
            await office.until(call, "unknown", 5 * MINUTE)
            await asyncio.sleep(HOUR)
            await office.desk.resolve(Resolution(call.id, "failed", CANARY))
            assert (await office.now(call)).state == "failed"
        assert found(world) == []

    simulate(tmp_path, scenario)


def test_what_the_platform_calls_a_call_may_come_after_its_customer_was_erased(
    tmp_path: Path,
) -> None:
    board = Switchboard()

    async def scenario(world: World) -> None:
        async with at_work(world, board) as office:
            call = await office.ask(name=CANARY)
            await world.until(lambda: len(board.told) == 1, MINUTE, "it is being dialled")
            await erase(world)
            await end(office, board, call)
        assert found(world) == []

    simulate(tmp_path, scenario)


def forgetful(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(callfade, "blank_call_under_way", blank_call)


def careless(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(calls, "blank_call", lambda call: call)


def unaware(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(calls.Calls, "is_erased", lambda self, stored: False)


@pytest.mark.parametrize("defect", [forgetful, careless, unaware])
def test_a_store_that_blanks_too_much_or_too_little_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The sabotage twins: ids are gone before the call is ended, or what it says after it."""
    defect(monkeypatch)
    with pytest.raises(AssertionError):
        test_a_call_under_way_is_ended_by_what_its_platform_calls_it_and_then_that_goes(tmp_path)
