"""The clock is set far ahead: nothing is given up or deleted by its age until it was steady for an hour.

A clock that is right can look the same, after days in which the daemon was off: then all that is too old
goes an hour later, and what was owed meanwhile is tried once more before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.config.tables import Retention
from omnigate.flow import clockwatch
from omnigate.flow.attempts import Attempts
from omnigate.flow.breaker import Breaker
from omnigate.flow.clockwatch import ClockWatch
from omnigate.flow.housekeeping import Housekeeper
from omnigate.store.idempotency import IdempotencyKey
from omnigate.store.quarantined import Puzzle, keep
from tests.flow.simulation.platform import Platform
from tests.flow.simulation.world import DAY, HOUR, MINUTE, Outside, World, judge_order, simulate

KEYS = {
    "outbox": "id",
    "dead": "outbox_id",
    "quarantine": "id",
    "idempotency": "key",
    "attempt": "id",
    "exchange": "id",
    "delivery_done": "outbox_id",
    "dedup": "external_id",
    "early_receipt": "external_id",
    "lane": "stream",
}
"""What age takes away, and by what a row is known."""
ATTEMPTS_OF_DEAD = "SELECT id FROM attempt WHERE outbox_id IN (SELECT outbox_id FROM dead)"
BODIES = "SELECT position || body FROM event_body"
WARNING = "nothing is expired or deleted"

Ids = dict[str, set[Any]]


class House:
    """An installation with something of everything that age takes away."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_up = False
        down = omnigate.DestinationUnavailable("down")
        poison = omnigate.RetryLater("answered 422", status=422)
        self.works = world.add("works", behave=lambda one: poison if one.text == "text 1" else None)
        self.crm = world.add("crm", behave=lambda one: None if self.is_up else down)
        self.gone = world.add("gone")
        self.app = Platform("app", "native", lambda call: "sent" if self.is_up else "down")
        world.installs.append(self.app.install)

    @asynccontextmanager
    async def kept(self, **more: Any) -> AsyncIterator[Housekeeper]:
        """Live with housekeeping; nobody works for ``gone``."""
        world = self.world
        async with world.living(**more):
            world.dispatcher.remove(world.destinations["gone"])
            keeper = Housekeeper(
                world.store,
                Retention,
                lambda: [
                    known.health.destination_id
                    for name, known in world.destinations.items()
                    if name != "gone"
                ],
                doubted_until=world.clock.doubted_until,
            )
            run = asyncio.create_task(keeper.run())
            try:
                yield keeper
            finally:
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)

    async def fill(self) -> None:
        """Have one of everything: delivered, owed, dead, not understood."""
        world = self.world
        await world.say("a", "b")
        await self.app.write(world, "anna", "late", key=IdempotencyKey("crm", "k", "f"))
        await world.store.writer.do(keep, Puzzle("app", "junk", "{}", b"junk"))
        await world.store.writer.do(insert, None)
        await asyncio.sleep(15 * MINUTE)  # so long what fails by itself is tried

    async def rows(self, *, complete: bool = True) -> Ids:
        """Return what is there, by table; there is to be something in each."""
        found = {}
        for table, key in KEYS.items():
            found[table] = {row[0] for row in await self.world.rows(f"SELECT {key} FROM {table}")}
            assert found[table] or not complete, f"there is something in {table}"
        found["bodies"] = {row[0] for row in await self.world.rows(BODIES)}
        return found

    def warnings(self) -> int:
        """Return how often it was said that nothing is given up."""
        return sum(WARNING in entry["event"] for entry in self.world.logs)


def insert(transaction: Any, items: Any) -> list[None]:
    """Write an exchange and a receipt that came too early, without what brings them about."""
    for row in (
        (
            "exchange (outbox_id, number, at, method, url, request_headers, duration_ms)"
            f" VALUES (1, 1, {transaction.now}, 'POST', 'x', '{{}}', 1)"
        ),
        (
            "early_receipt (channel, external_id, state, conversation, occurred_at, recorded_at)"
            f" VALUES ('app', 'x', 'read', 'c', 1, {transaction.now})"
        ),
    ):
        transaction.connection.exec_driver_sql(f"INSERT INTO {row}")
    return [None] * len(items)


def nothing_left(before: Ids, after: Ids) -> None:
    for table, known in before.items():
        assert known <= after[table], f"{len(known - after[table])} rows of {table} went"


def wrong(seconds: float, *, restarts: bool) -> Callable[[World], Coroutine[Any, Any, House]]:
    """Set the clock ahead, and after 50 minutes right again; then everybody is there."""

    async def scenario(world: World) -> House:
        house = House(world)

        async def err(before: Ids) -> None:
            await asyncio.sleep(50 * MINUTE)
            nothing_left(before, await house.rows(complete=False))
            world.clock_ahead_seconds = 0.0
            await asyncio.sleep(MINUTE)
            nothing_left(before, await house.rows(complete=False))
            house.is_up = True
            await asyncio.sleep(20 * MINUTE)
            assert house.warnings() == 1 + restarts, "it was said once in each life"

        async with house.kept(drain=not restarts) as keeper:
            await house.fill()
            before = await house.rows()
            world.clock_ahead_seconds += seconds
            if not restarts:
                keeper.ask()
                await err(before)
        if restarts:
            async with house.kept():
                # Two starts: the second finds rows that bear the wrong time.
                await world.say("c")
                await asyncio.sleep(MINUTE)
            async with house.kept():
                await err(before)
        return house

    return scenario


def judge_wrong(house: House, heard: int) -> None:
    assert house.app.shown == ["late"], "it was in time by the right clock"
    judge_order(house.crm, complete=heard)


@pytest.mark.parametrize(("restarts", "heard"), [(False, 6), (True, 8)], ids=["running", "stopped"])
@pytest.mark.parametrize("seconds", [2 * DAY, 100 * DAY, 3000 * DAY])
def test_nothing_is_given_up_or_deleted_while_the_clock_is_wrong(
    seconds: float, restarts: bool, heard: int, tmp_path: Path
) -> None:
    """R24."""
    judge_wrong(simulate(tmp_path, wrong(seconds, restarts=restarts)), heard)


def believes_any_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ClockWatch, "doubted_until", lambda self: None)


def looks_at_no_rows(patch: pytest.MonkeyPatch) -> None:
    async def blind(self: Any, now: int) -> None:
        return

    patch.setattr(ClockWatch, "_look_at_rows", blind)


def notes_nothing(patch: pytest.MonkeyPatch) -> None:
    async def forgetful(self: Any) -> None:
        return

    patch.setattr(ClockWatch, "_note", forgetful)


def is_soon_content(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clockwatch, "STEADY_SECONDS", 30 * MINUTE)


@pytest.mark.parametrize(
    ("sabotage", "restarts"),
    [
        (believes_any_clock, False),
        (believes_any_clock, True),
        (looks_at_no_rows, True),
        (notes_nothing, True),
        (is_soon_content, False),
    ],
)
def test_believing_a_clock_that_leapt_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    restarts: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=r"rows of .* went"):
        judge_wrong(simulate(tmp_path, wrong(100 * DAY, restarts=restarts)), 8 if restarts else 6)


def off_for_long(seconds: float) -> Callable[[World], Coroutine[Any, Any, House]]:
    """Be off for so long with everything owed; come back, by a clock that is right, to a world that works."""

    async def scenario(world: World) -> House:
        house = House(world)
        async with house.kept():
            await house.fill()
            before = await house.rows()
        await asyncio.sleep(seconds)
        house.is_up = True
        async with house.kept():
            await house.app.write(world, "anna", "fresh")
            await asyncio.sleep(50 * MINUTE)
            nothing_left({**before, "outbox": set()}, await house.rows())
            await asyncio.sleep(15 * MINUTE)
            after = await house.rows(complete=False)
            for table in before.keys() - {"bodies", "lane", "outbox"}:
                old = before[table] & after[table]
                if table == "attempt":
                    # What was tried of what has died only now is kept as long as the dead letter.
                    old -= {row[0] for row in await world.rows(ATTEMPTS_OF_DEAD)}
                assert not old, f"what was old in {table} went"
            dead = await world.rows(
                "SELECT name, reason, count(*) FROM dead JOIN destination ON destination.id ="
                " destination_id GROUP BY name, reason ORDER BY name"
            )
            assert dead == [("app", "expired", 1), ("gone", "expired", 5)]
            (state,) = await world.rows("SELECT error FROM message WHERE state = 'failed'")
            assert state == ("expired",)
        assert house.warnings() == 1
        return house

    return scenario


def judge_off(house: House) -> None:
    assert house.app.shown == ["fresh"], "what is late is never sent, what is new is"
    # Everything came, late as it was: both messages, three beginnings, sent, and failed.
    judge_order(house.crm, complete=7)


def test_after_days_off_what_is_owed_is_tried_once_more_and_what_is_old_goes_an_hour_later(
    tmp_path: Path,
) -> None:
    """R24."""
    judge_off(simulate(tmp_path, off_for_long(100 * DAY)))


def gives_up_untried(patch: pytest.MonkeyPatch) -> None:
    def hasty(self: Attempts, destination: Any, lease: Any, item: Any) -> Any:
        if item.expires_at > self._store.now():
            return None
        return self._dead(destination, lease, item, "expired", "not delivered in time")

    patch.setattr(Attempts, "_overdue", hasty)


def sends_late(patch: pytest.MonkeyPatch) -> None:
    def lenient(self: Attempts, destination: Any, lease: Any, item: Any) -> Any:
        return None

    patch.setattr(Attempts, "_overdue", lenient)


def doubts_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clockwatch, "STEADY_SECONDS", 5 * HOUR)


@pytest.mark.parametrize("sabotage", [gives_up_untried, sends_late, doubts_for_ever])
def test_giving_up_untried_sending_late_or_keeping_for_ever_is_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        judge_off(simulate(tmp_path, off_for_long(100 * DAY)))


def crowd_of(people: int) -> Callable[[World], Coroutine[Any, Any, tuple[Outside, int]]]:
    """Be off for ten days with so many conversations owed to a CRM that is still down afterwards."""

    async def scenario(world: World) -> tuple[Outside, int]:
        down = omnigate.DestinationUnavailable("down")
        crm = world.add("crm", behave=lambda one: down)
        async with world.living():
            await world.say(*(f"c{number}" for number in range(people)))
            await asyncio.sleep(HOUR)
        await asyncio.sleep(10 * DAY)
        tried = len(crm.arrivals)
        async with world.living():
            await world.say("fresh")
            await asyncio.sleep(55 * MINUTE)
            assert await world.owed() == 2 * people + 2, "for an hour nothing is given up"
            await asyncio.sleep(25 * MINUTE)
            assert await world.owed() == 2, "what is new waits on"
            (dead,) = await world.rows("SELECT count(*) FROM dead WHERE reason = 'expired'")
        assert 10 < len(crm.arrivals) - tried < 40, "it was probed all the while"
        return crm, int(dead[0])

    return scenario


def test_what_is_owed_to_a_crm_that_stays_away_expires_without_an_attempt_for_each(
    tmp_path: Path,
) -> None:
    _, dead = simulate(tmp_path, crowd_of(200))
    assert dead == 400


def remembers_no_failure(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Breaker, "failed_at", property(lambda self: None, lambda self, at: None), False)


def test_an_attempt_for_each_of_a_crowd_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembers_no_failure(monkeypatch)
    with pytest.raises(AssertionError, match="what is new waits on"):
        simulate(tmp_path, crowd_of(200))
