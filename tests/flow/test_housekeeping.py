"""The hourly round: what is too old is forgotten, what nobody will ever claim expires."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection, text

from omnigate.config.tables import Retention
from omnigate.flow.housekeeping import Housekeeper, Round
from omnigate.model.event import EventType
from omnigate.model.inbound import InboundMessage, Profile
from omnigate.store.dead import read_attempts
from omnigate.store.destinations import Name, register
from omnigate.store.ingest import Intake, ingest
from omnigate.store.lanes import Claim, claim
from omnigate.store.quarantined import Puzzle, keep
from omnigate.store.settling import Outcome, Settlement, settle
from omnigate.store.soundness import find_problems
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Target

pytestmark = pytest.mark.anyio
DAY = 24 * 3600.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def rows(connection: Connection, query: str) -> list[Any]:
    return list(connection.execute(text(query)))


async def go_round(store: Store, *served: int) -> Round:
    """Keep the house once."""
    keeper = Housekeeper(store, Retention, lambda: served)
    await keeper.go_round(shrinks=False)
    assert keeper.last is not None
    assert keeper.last.error is None
    return keeper.last


async def say(store: Store, words: str) -> None:
    message = InboundMessage(
        external_id=words,
        conversation="c-1",
        occurred_at=datetime.fromtimestamp(store.now() / 1000, UTC),
        sender=Profile.model_validate({"address": "app:anna"}),
        text=words,
    )
    await store.writer.do(ingest, Intake(ChannelKey("app", "http", 50), [message]))


async def test_what_is_owed_to_nobody_of_the_configuration_expires_and_the_rest_stays(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with open_store(f"sqlite:///{tmp_path}/s.db", clock=clock) as store:
        gone, crm = [
            (await store.writer.do(register, Name("backend", name))).destination_id
            for name in ("gone", "crm")
        ]

        def routing(channel: str | None, kind: EventType, owner: str | None) -> list[Target]:
            return [Target(gone, ordered=True), Target(crm, ordered=True)]

        store.routing = routing
        for number in range(300):
            await say(store, f"text {number}")
        clock.now += 5 * DAY + 1
        await say(store, "fresh")

        done = await go_round(store, crm)
        assert done.removed["outbox"] == 301
        (letters,) = await store.read(
            rows, "SELECT count(*) AS n FROM dead WHERE reason = 'expired'"
        )
        assert letters.n == 301
        left = await store.read(
            rows, f"SELECT count(*) AS n FROM outbox WHERE destination_id = {crm}"
        )
        assert left[0].n > 302, "what somebody is there for waits, and it hears of every letter"
        (fresh,) = await store.read(
            rows,
            "SELECT event.type FROM outbox JOIN event USING (position)"
            f" WHERE destination_id = {gone} AND event.type <> 'delivery.dead'",
        )
        assert fresh.type == "message.received", "its time is not over yet"
        assert await store.read(find_problems) == []


async def test_quarantine_is_forgotten_after_its_days(tmp_path: Path) -> None:
    clock = Clock()
    async with open_store(f"sqlite:///{tmp_path}/s.db", clock=clock) as store:
        await store.writer.do(keep, Puzzle("app", "junk", "{}", b"old"))
        clock.now += 30 * DAY + 1
        await store.writer.do(keep, Puzzle("app", "junk", "{}", b"new"))

        await go_round(store)
        (left,) = await store.read(rows, "SELECT body FROM quarantine")
        assert left.body == b"new"


async def test_a_dead_letter_shows_its_attempts_as_long_as_it_is_kept(tmp_path: Path) -> None:
    """What was delivered after some tries has lost them by then; later both have."""
    clock = Clock()
    async with open_store(f"sqlite:///{tmp_path}/s.db", clock=clock) as store:
        crm = (await store.writer.do(register, Name("backend", "crm"))).destination_id
        store.routing = lambda *about: [Target(crm, ordered=True)]
        await say(store, "hello")
        started, hello = await tried_twice(store, crm, "delivered", "dead")
        assert len(await store.read(read_attempts, started)) == 1
        assert len(await store.read(read_attempts, hello)) == 2

        clock.now += 14 * DAY + 1
        done = await go_round(store, crm)
        assert done.removed["attempt"] == 1
        assert await store.read(read_attempts, started) == []
        assert [one.error for one in await store.read(read_attempts, hello)] == ["first", "second"]

        clock.now += 16 * DAY
        assert (await go_round(store, crm)).removed["dead"] == 1
        assert (await go_round(store, crm)).removed["attempt"] == 0
        assert await store.read(read_attempts, hello) == []
        assert await store.read(find_problems) == []


async def tried_twice(store: Store, destination: int, *ends: Outcome) -> list[int]:
    """Try items in vain and once more, with such ends; returns their numbers."""
    numbers = []
    for end in ends:
        for outcome, error in (("retry", "first"), (end, "" if end == "delivered" else "second")):
            (claimed,) = [await store.writer.do(claim, Claim(destination, 1, 1, 1, 60_000))]
            (lease,) = claimed.leases
            item = lease.items[0]
            how = cast(Outcome, outcome)
            done = Settlement(lease, item, how, last=True, error=error, reason="refused")
            assert await store.writer.do(settle, done)
        numbers.append(item.id)
    return numbers
