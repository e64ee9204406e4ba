"""What waits is counted right, and by what waits, not by what was ever stored."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from omnigate.store import backlog
from omnigate.store.backlog import count_backlog
from omnigate.store.lanes import Claim, claim
from omnigate.store.quarantined import Puzzle, keep
from omnigate.store.settling import Settlement, settle


def counted(desk: Any) -> Any:
    with desk.engine.begin() as connection:
        return count_backlog(connection)


def test_an_empty_store_has_none(desk: Any) -> None:
    desk.add_backend("crm")
    known = counted(desk)
    assert (known.of(1).pending, known.of(1).oldest_pending_at, known.events) == (0, None, 0)
    assert known.of(4711).pending == 0


def test_counts_agree_with_the_tables_whatever_happens(desk: Any, said: Any) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    backends = [desk.add_backend("crm"), desk.add_backend("log", ordered=False)]
    for number in range(60):
        desk.now += chance.randrange(10_000)
        desk.put(said(f"x-{number}", f"c-{chance.randrange(12)}"))
        for backend in backends:
            (claimed,) = desk.run(claim, Claim(backend, chance.randrange(1, 5), 2, 4, 60_000))
            for lease in claimed.leases:
                if chance.random() < 0.2:
                    continue  # is still being worked on
                outcome: Any = chance.choice(["delivered", "retry", "dead"])
                more: dict[str, Any] = {"reason": "refused"} if outcome == "dead" else {}
                later = desk.now + chance.randrange(60_000)
                desk.run(
                    settle,
                    Settlement(lease, lease.items[0], outcome, last=True, run_at=later, **more),
                )
        desk.run(keep, Puzzle("app", "why", "{}", str(chance.randrange(5)).encode()))
        judge(desk, backends)


def judge(desk: Any, backends: list[int]) -> None:
    known = counted(desk)
    for backend in backends:
        ((pending, oldest),) = desk.rows(
            "SELECT count(*), min(created_at) FROM outbox WHERE destination_id = :id", id=backend
        )
        ((due, retrying, leased),) = desk.rows(
            "SELECT coalesce(sum(state = 1 AND NOT retrying), 0), coalesce(sum(state = 1 AND retrying),"
            " 0), coalesce(sum(state = 2), 0) FROM lane WHERE destination_id = :id",
            id=backend,
        )
        ((dead,),) = desk.rows("SELECT count(*) FROM dead WHERE destination_id = :id", id=backend)
        owed = known.of(backend)
        assert (owed.pending, owed.oldest_pending_at) == (pending, oldest)
        assert (owed.due, owed.retrying, owed.leased, owed.dead) == (due, retrying, leased, dead)
    assert known.quarantined == {"app": desk.rows("SELECT count(*) FROM quarantine")[0][0]}
    assert known.events == desk.rows("SELECT count(*) FROM event")[0][0]


QUERIES = {"lanes": backlog._LANES, "leased": backlog._LEASED, "pending": backlog._PENDING}


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_walks_what_does_not_wait(desk: Any, name: str) -> None:
    plan = plan_of(desk, QUERIES[name])
    assert walks(plan) == [], plan


def test_without_the_conditions_that_hold_always_idle_lanes_are_walked(desk: Any) -> None:
    """The sabotage twin."""
    sql = "SELECT count(*) FROM lane WHERE destination_id = 1 AND state = 1 AND retrying IS 1"
    assert walks([row.detail for row in desk.rows(f"EXPLAIN QUERY PLAN {sql}")])


def plan_of(desk: Any, query: Any) -> list[str]:
    sql = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return [row.detail for row in desk.rows(f"EXPLAIN QUERY PLAN {sql}")]


def walks(plan: list[str]) -> list[str]:
    """Return the steps that go through rows which nothing waits for."""
    return [
        step
        for step in plan
        if ("lane" in step and "INDEX ix_lane_" not in step)
        or ("outbox" in step and "COVERING INDEX" not in step)
    ]
