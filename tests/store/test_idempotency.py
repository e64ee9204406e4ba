"""Idempotency keys: one message whatever is asked how often, in parallel, after crashes, for two days."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omnigate.config.tables import Retention
from omnigate.flow import housekeeping
from omnigate.store import outbound
from omnigate.store.idempotency import Answers, IdempotencyKey, KeyReused, read_answer
from omnigate.store.outbound import Accepted
from omnigate.store.prune import Ages
from tests.flow.simulation.platform import Platform
from tests.flow.simulation.virtual_time import THREAD_SECONDS
from tests.flow.simulation.world import HOUR, World, simulate

KEY = IdempotencyKey("token-1 POST /v1/messages", "order:1", "body")


def with_platform(world: World) -> Platform:
    platform = Platform("app", "native")
    world.installs.append(platform.install)
    world.heartbeat_seconds = HOUR
    return platform


async def asked_in_parallel(world: World) -> None:
    """R26. Copies with the same body get one answer, however they fall into turns of the writer."""
    platform = with_platform(world)
    async with world.living():
        told: list[str] = []

        async def ask(after_seconds: float) -> None:
            await asyncio.sleep(after_seconds)
            told.append(await platform.write(world, "anna", "hello", key=KEY))

        await asyncio.gather(*(ask(world.random.uniform(0, 0.05)) for _ in range(50)))
        await world.until_nothing_is_owed(HOUR)
        assert len(told) == 50
        assert len(set(told)) == 1, "all are told of one message"
        assert await world.rows("SELECT count(*) FROM message") == [(1,)]
        assert platform.shown == ["hello"]


def test_fifty_copies_at_once_are_one_message(tmp_path: Path) -> None:
    simulate(tmp_path, asked_in_parallel)


async def asked_for_another_body(world: World) -> None:
    """Every other caller comes with another body; whoever is first has the key."""
    platform = with_platform(world)
    async with world.living():
        bodies = ["one", "two"] * 20
        answers = await asyncio.gather(
            *(
                platform.write(world, "anna", body, key=KEY._replace(fingerprint=body))
                for body in bodies
            ),
            # The keys of others are other keys, in the same turn too.
            platform.write(world, "bert", "other token", key=KEY._replace(scope="token-2")),
            platform.write(world, "carl", "other key", key=KEY._replace(key="order:2")),
            return_exceptions=True,
        )
        assert [isinstance(answer, KeyReused) for answer in answers] == [
            body == "two" for body in bodies
        ] + [False, False]
        assert len({answer for answer in answers if isinstance(answer, str)}) == 3
        with pytest.raises(KeyReused):
            await world.store.read(read_answer, KEY._replace(fingerprint="two"), Accepted)
        await world.until_nothing_is_owed(HOUR)
        assert sorted(platform.shown) == ["one", "other key", "other token"]


def test_another_body_is_refused_and_anothers_key_is_another(tmp_path: Path) -> None:
    simulate(tmp_path, asked_for_another_body)


async def asked_for_days(world: World) -> None:
    """The real housekeeping goes round every hour; the key lives for 48 of them."""
    platform = with_platform(world)
    async with world.living():
        keeper = housekeeping.Housekeeper(world.store, Retention, lambda: ())
        house = asyncio.create_task(keeper.run())
        first = await platform.write(world, "anna", "hello", key=KEY)
        for hours in (1, 23, 23.9):
            await asyncio.sleep(hours * HOUR)
            assert await platform.write(world, "anna", "hello", key=KEY) == first
            with pytest.raises(KeyReused):
                await platform.write(world, "anna", "more", key=KEY._replace(fingerprint="more"))
        await asyncio.sleep(1.2 * HOUR)
        assert await world.store.read(read_answer, KEY, Accepted) is None
        assert await platform.write(world, "anna", "hello", key=KEY) != first
        house.cancel()
        await world.until_nothing_is_owed(HOUR)
        assert platform.shown == ["hello", "hello"]


def test_a_key_is_kept_for_forty_eight_hours(tmp_path: Path) -> None:
    simulate(tmp_path, asked_for_days)


async def asked_again_after_crashes(world: World) -> None:
    """The power goes after the COMMIT and before the answer; and, another time, before the COMMIT."""
    platform = with_platform(world)
    platform.answers = lambda call: "sent"
    async with world.living(drain=False):
        lost_answer = asyncio.create_task(platform.write(world, "anna", "hello", key=KEY))
        # A COMMIT takes effect some milliseconds before its waiters hear of it.
        await asyncio.sleep(THREAD_SECONDS / 2)
        assert not lost_answer.done()
    async with world.living(drain=False):
        again = await platform.write(world, "anna", "hello", key=KEY)
        assert await world.rows("SELECT id FROM message") == [(again,)]
        assert again == await lost_answer
        # Queued in the very moment that the power goes: it is in no turn yet.
        late = asyncio.create_task(
            platform.write(world, "bert", "late", key=KEY._replace(key="late"))
        )
    await asyncio.gather(late, return_exceptions=True)
    async with world.living():
        assert await world.store.read(read_answer, KEY._replace(key="late"), Accepted) is None
        told = [
            await platform.write(world, "bert", "late", key=KEY._replace(key="late"))
            for _ in range(3)
        ]
        assert len(set(told)) == 1
        await world.until_nothing_is_owed(HOUR)
        assert await world.rows("SELECT count(*) FROM message") == [(2,)]
        assert sorted(platform.shown) == ["hello", "late"]


def test_a_crash_between_the_message_and_its_answer_makes_no_second_message(
    tmp_path: Path,
) -> None:
    simulate(tmp_path, asked_again_after_crashes)


def forgets_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Answers, "remember", lambda self, key, accepted: None)


def remembers_in_memory(patch: pytest.MonkeyPatch) -> None:
    """Keep answers, but not in the transaction that stores the message."""
    known: dict[Any, tuple[str, Accepted]] = {}

    def remember(self: Any, key: IdempotencyKey, accepted: Accepted) -> None:
        known[key.scope, key.key] = self._known[key.scope, key.key] = (key.fingerprint, accepted)

    patch.setattr(Answers, "remember", remember)


def knows_no_scope(patch: pytest.MonkeyPatch) -> None:
    add = outbound._Batch.add

    def unscoped(self: Any, item: Any) -> Accepted:
        item.key = item.key._replace(scope="")
        return add(self, item)

    patch.setattr(outbound._Batch, "add", unscoped)


def compares_no_bodies(patch: pytest.MonkeyPatch) -> None:
    class Anything(str):
        __slots__ = ()

        def __ne__(self, other: object) -> bool:
            return False

        __hash__ = str.__hash__

    add = outbound._Batch.add

    def trusting(self: Any, item: Any) -> Accepted:
        item.key = item.key._replace(fingerprint=Anything(item.key.fingerprint))
        return add(self, item)

    patch.setattr(outbound._Batch, "add", trusting)


def keeps_for(hours: float) -> Callable[[pytest.MonkeyPatch], None]:
    def sabotage(patch: pytest.MonkeyPatch) -> None:
        ages = housekeeping._ages

        def other(kept: Retention) -> Ages:
            return ages(kept)._replace(idempotency=int(hours * 3_600_000))

        patch.setattr(housekeeping, "_ages", other)

    return sabotage


@pytest.mark.parametrize(
    ("sabotage", "scenario"),
    [
        (forgets_keys, asked_in_parallel),
        (remembers_in_memory, asked_again_after_crashes),
        (knows_no_scope, asked_for_another_body),
        (compares_no_bodies, asked_for_another_body),
        (keeps_for(24), asked_for_days),
        (keeps_for(72), asked_for_days),
    ],
)
def test_keys_that_do_not_keep_their_promise_are_found_out(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    scenario: Callable[[World], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, KeyReused)):
        simulate(tmp_path, scenario)
