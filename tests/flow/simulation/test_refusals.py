"""A store that refuses to be written to for a while, as a full disk does: what was under way is made good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.errors import StoreError
from omnigate.flow.held import HeldLeases
from omnigate.flow.recovery import Recovery
from omnigate.flow.retry import RetryPolicy
from tests.flow.simulation.platform import Platform
from tests.flow.simulation.world import HOUR, MINUTE, Outside, World, judge_order, simulate

PEOPLE = 60
DOWN_SECONDS = 20 * MINUTE
REFUSES_SECONDS = 20.0
"""Less than a settlement is tried for."""


def refuse(world: World, *, on: bool = True) -> None:
    """Have SQLite itself refuse every write of the daemon, or no longer."""
    connection = world.store.writer._turns.connection
    assert connection is not None
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA query_only={int(on)}").close()


async def recovers_while_the_store_refuses(world: World) -> Outside:
    """The receiver comes back; from its first answer on, for a while, nothing can be written."""
    loop = asyncio.get_running_loop()
    down = omnigate.DestinationUnavailable("down")

    def behave(arrival: Any) -> Exception | None:
        if arrival.at < DOWN_SECONDS:
            return down
        if not any(one.accepted for one in crm.arrivals):
            refuse(world)
            loop.call_later(REFUSES_SECONDS, lambda: refuse(world, on=False))
        return None

    world.policy = RetryPolicy((6 * HOUR,), jitter=0)
    crm = world.add("crm", behave=behave)
    async with world.living():
        await world.say(*(f"c{number}" for number in range(PEOPLE)))
        await asyncio.sleep(DOWN_SECONDS)
        await world.until(lambda: bool(crm.taken), 6 * MINUTE, "it is probed")
        await world.until_nothing_is_owed(3 * MINUTE)
        await asyncio.sleep(MINUTE)
        (health,) = await world.rows("SELECT breaker, first_failure_at, alerts FROM destination")
        assert health == ("closed", None, 0), "the recovery is written down"
        told = [
            row[0]
            for row in await world.rows("SELECT type FROM event WHERE type LIKE 'destination.%'")
        ]
        assert told[-1] == "destination.recovered"
        assert told.count("destination.recovered") == 1
    return crm


def judge_refusal(crm: Outside) -> None:
    judge_order(crm, complete=2 * PEOPLE)
    accepted = [one.event_id for one in crm.arrivals if one.accepted]
    assert len(accepted) == len(set(accepted)), "nothing came twice"


def test_a_recovery_that_the_store_refuses_is_repeated_until_all_that_waits_goes_out(
    tmp_path: Path,
) -> None:
    judge_refusal(simulate(tmp_path, recovers_while_the_store_refuses))


def recovers_once(patch: pytest.MonkeyPatch) -> None:
    async def once(self: Recovery, destination: Any) -> None:
        try:
            await self.waken(destination)
            await self.note(destination)
            await self._alerts.call_off(destination)
        except StoreError:
            return

    patch.setattr(Recovery, "recover", once)


def notes_before_it_wakens(patch: pytest.MonkeyPatch) -> None:
    """Only what is noted is repeated: lanes sleep on."""

    async def hollow(self: Recovery, destination: Any) -> None:
        return

    patch.setattr(Recovery, "waken", hollow)


def settles_once(patch: pytest.MonkeyPatch) -> None:
    settle = HeldLeases.settle
    patch.setattr(
        HeldLeases,
        "settle",
        lambda self, held, settlement, again_seconds=HOUR: settle(self, held, settlement, HOUR),
    )


@pytest.mark.parametrize("sabotage", [recovers_once, notes_before_it_wakens, settles_once])
def test_a_recovery_that_is_given_up_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_refusal(simulate(tmp_path, recovers_while_the_store_refuses))


# A message whose time is over while nothing can be written


def expires_while_the_store_refuses(rule: str) -> Callable[[World], Any]:
    async def scenario(world: World) -> tuple[Platform, list[Any]]:
        platform = Platform("app", rule, lambda call: "down")
        world.installs.append(platform.install)
        world.expiry_seconds = 10 * MINUTE
        world.policy = RetryPolicy((HOUR,), jitter=0)
        loop = asyncio.get_running_loop()
        async with world.living():
            await platform.write(world, "anna", "hello")
            await asyncio.sleep(9 * MINUTE)

            def begins(committed: Any) -> None:
                # The claim is committed; what is decided about the item cannot be written.
                if loop.time() > 10 * MINUTE:
                    world.store.writer.on_commit.remove(begins)
                    refuse(world)
                    loop.call_later(5, lambda: refuse(world, on=False))

            world.store.writer.on_commit.append(begins)
            await asyncio.sleep(MINUTE + 20)
            states = await world.rows("SELECT state, error FROM message")
        assert len(await world.rows("SELECT * FROM dead WHERE reason = 'expired'")) == 1
        return platform, states

    return scenario


@pytest.mark.parametrize("rule", ["native", "resend"])
def test_a_message_that_cannot_be_given_up_now_is_given_up_as_soon_as_it_can_be(
    rule: str, tmp_path: Path
) -> None:
    platform, states = simulate(tmp_path, expires_while_the_store_refuses(rule))
    assert platform.shown == []
    assert states == [("failed", "expired")], "it was surely not sent, however late that is stored"


def test_leaving_it_to_the_end_of_its_lease_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settles_once(monkeypatch)
    with pytest.raises(AssertionError):
        simulate(tmp_path, expires_while_the_store_refuses("native"))
