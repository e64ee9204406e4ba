"""Claiming: what it costs, what it takes, what it leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.store import lanes
from omnigate.store.ingest import Intake, ingest
from omnigate.store.lanes import Claim, claim
from omnigate.store.leases import Waken, expire_leases, give_back, waken
from omnigate.store.settling import Settlement, settle
from omnigate.store.threads import ChannelKey

LEASE_MS = 60_000
HOUR = 3_600_000
ASKED = ("destination", "now", "until", "free", "of_priority", "above")


def take(desk: Any, destination: int, lanes: int = 5, retrying: int = 2) -> Any:
    (claimed,) = desk.run(claim, Claim(destination, lanes, retrying, 8, LEASE_MS))
    return claimed


def fail(desk: Any, lease: Any, run_at: int, **more: Any) -> None:
    item = lease.items[0]
    assert desk.run(settle, Settlement(lease, item, "retry", last=True, run_at=run_at, **more)) == [
        True
    ]


def steps(desk: Any, operation: Any, item: Any) -> int:
    """Return how many hundreds of instructions the database runs for an operation."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    with desk.engine.connect() as connection:
        driver = connection.connection.driver_connection
        connection.rollback()
    driver.set_progress_handler(tick, 100)
    try:
        desk.run(operation, item)
    finally:
        driver.set_progress_handler(None, 0)
    return count


def fill(desk: Any, destination: int, state: int, retrying: int, run_at: int, count: int) -> None:
    desk.rows(
        "INSERT INTO lane (destination_id, stream, state, run_at, priority, retrying, pending,"
        " failures, lease_token, updated_at)"
        " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
        " SELECT :destination, 'cnv_' || :state || '_' || i, :state, :run_at + i, 50, :retrying,"
        " 0, 0, 0, 0 FROM n RETURNING 1",
        destination=destination,
        state=state,
        retrying=retrying,
        run_at=run_at,
        count=count,
    )


def test_a_claim_costs_the_same_however_many_lanes_are_idle_or_wait(
    new_desk: Any, said: Any
) -> None:
    few, many = new_desk(), new_desk()
    costs = []
    for desk, count in ((few, 10), (many, 5000)):
        crm = desk.add_backend("crm")
        fill(desk, crm, 0, 0, desk.now, count)
        fill(desk, crm, 1, 1, desk.now + HOUR, count)
        desk.put(said("1"))
        costs.append(
            [
                steps(desk, claim, Claim(crm, 5, 2, 8, LEASE_MS)),
                steps(desk, expire_leases, None),
                steps(desk, waken, Waken(crm, 5)),
            ]
        )
    assert all(cost <= 2 * before + 5 for before, cost in zip(*costs, strict=True)), costs


def test_what_was_tried_before_is_taken_in_order_of_its_time(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("1", "a"), said("2", "b"), said("3", "c"))
    leases = take(desk, crm).leases
    for lease, after in zip(leases, (3000, 1000, 2000), strict=True):
        fail(desk, lease, desk.now + after)
    claimed = take(desk, crm)
    assert claimed.leases == []
    assert claimed.next_due_at == desk.now + 1000
    desk.now += 2500
    claimed = take(desk, crm, retrying=1)
    assert [lease.stream for lease in claimed.leases] == [leases[1].stream]
    assert claimed.leases[0].retrying
    assert claimed.next_due_at == desk.now - 500


def test_a_lane_that_failed_goes_before_lanes_of_a_lower_priority(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    mail = ChannelKey("mail", "http", 200)
    desk.put(said("1", "chat-1"))
    (failed,) = take(desk, crm).leases
    fail(desk, failed, desk.now + 1000)
    desk.run(ingest, Intake(mail, [said(f"m-{number}", f"m-{number}") for number in range(3)]))
    desk.put(said("2", "chat-2"))
    desk.now += 500
    assert len(take(desk, crm, lanes=2).leases) == 2, "the time of the one that failed is to come"
    desk.now += 500
    desk.put(said("3", "chat-3"))
    assert [not lease.retrying for lease in take(desk, crm, lanes=1).leases] == [True]
    (again,) = take(desk, crm, lanes=1).leases
    assert (again.stream, again.retrying) == (failed.stream, True)
    fail(desk, again, desk.now)
    (other,) = take(desk, crm, lanes=1, retrying=0).leases
    assert not other.retrying, "no more of them than may be"


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("_LEASE_FRESH", "ix_lane_fresh (destination_id=?)"),
        ("_LEASE_AS_URGENT", "ix_lane_fresh (destination_id=? AND priority<?)"),
        ("_LEASE_ELDERS", "ix_lane_fresh (destination_id=? AND priority=? AND run_at<?)"),
        ("_LEASE_RETRYING", "ix_lane_retrying (destination_id=? AND run_at<?)"),
        ("_LEASE_AGAIN", "ix_lane_again (destination_id=? AND priority=? AND run_at<?)"),
        ("_NEXT_PRIORITY", "ix_lane_fresh (destination_id=? AND priority>?)"),
        ("_NEXT_AGAIN", "ix_lane_again (destination_id=? AND priority>?)"),
    ],
)
def test_each_step_of_a_claim_is_found_by_an_index_in_its_order(
    desk: Any, statement: str, index: str
) -> None:
    assert is_found_in_order(desk, statement, index)


@pytest.mark.parametrize("statement", ["_LEASE_AGAIN", "_NEXT_AGAIN"])
def test_a_step_of_a_claim_without_its_index_is_found_out(desk: Any, statement: str) -> None:
    """Sabotage twin."""
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_lane_again")
    assert not is_found_in_order(desk, statement, "ix_lane_again (")


def is_found_in_order(desk: Any, statement: str, index: str) -> bool:
    with desk.engine.begin() as connection:
        ready = getattr(lanes, statement)._compile(connection)
        given = ready.values(dict.fromkeys(ASKED, 1) | ready.constants)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {ready.sql}", given).all()
    plan = "; ".join(row.detail for row in rows)
    is_sought = f"SEARCH lane USING INDEX {index}" in plan
    return is_sought and "SCAN lane" not in plan and "TEMP B-TREE" not in plan


def test_a_share_goes_to_whoever_waits_longest_whatever_the_priority(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    mail, social = ChannelKey("mail", "http", 200), ChannelKey("social", "http", 100)
    for channel, name in ((social, "s"), (mail, "m")):
        desk.run(ingest, Intake(channel, [said(f"{name}-1", name)]))
        desk.now += 1000
    desk.put(*(said(str(number), f"c-{number}") for number in range(8)))
    first = [taken(desk, crm, elders) for elders in (0, 1, 1, 0)]
    assert first == [
        ["app"] * 3,
        ["app"] * 2 + ["social"],
        ["app"] * 2 + ["mail"],
        ["app"],
    ]


def taken(desk: Any, destination: int, elders: int) -> list[str]:
    """Claim three lanes and return their channels, sorted."""
    (claimed,) = desk.run(claim, Claim(destination, 3, 0, 1, LEASE_MS, elders))
    return sorted(
        desk.rows("SELECT channel FROM conversation WHERE id = :id", id=lease.stream)[0].channel
        for lease in claimed.leases
    )


def test_only_an_items_own_failures_use_up_the_patience_with_it(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("1"))
    for _ in range(3):
        (lease,) = take(desk, crm).leases
        fail(desk, lease, desk.now)
    (lease,) = take(desk, crm).leases
    assert (lease.failures, lease.first_failure_at) == (0, None)
    assert lease.items[0].attempts == 3
    fail(desk, lease, desk.now, blames_item=True)
    (lease,) = take(desk, crm).leases
    assert (lease.failures, lease.first_failure_at) == (1, desk.now)


def test_a_lane_for_one_item_alone_is_gone_when_that_is_done(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm", ordered=False)
    desk.put(said("1"))
    lost = take(desk, crm).leases
    desk.now += LEASE_MS + 1
    desk.run(expire_leases, None)
    for lease in take(desk, crm).leases:
        done = Settlement(lease, lease.items[0], "delivered", last=True)
        assert desk.run(settle, done) == [True]
    assert desk.rows("SELECT stream FROM lane") == []
    late = [Settlement(lease, lease.items[0], "delivered", last=True) for lease in lost]
    assert set(desk.run(settle, *late)) == {False}, "what comes too late changes nothing"


def test_a_lane_given_back_is_due_as_it_was(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("1"))
    (lease,) = take(desk, crm).leases
    desk.run(give_back, lease)
    assert desk.due == {crm}
    (again,) = take(desk, crm).leases
    assert [item.id for item in again.items] == [item.id for item in lease.items]
    desk.run(give_back, lease)
    assert take(desk, crm).leases == [], "who lost the lease gives nothing back"


def test_an_outage_between_an_items_own_failures_is_no_part_of_the_time_it_may_hold_its_lane(
    desk: Any, said: Any
) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("1"))
    (lease,) = take(desk, crm).leases
    fail(desk, lease, desk.now + 10, blames_item=True)
    desk.now += 10
    (lease,) = take(desk, crm).leases
    assert (lease.failures, lease.first_failure_at) == (1, desk.now - 10)
    fail(desk, lease, desk.now + 10)  # now the destination fails
    desk.now += 10
    (lease,) = take(desk, crm).leases
    assert (lease.failures, lease.first_failure_at) == (1, None)
    fail(desk, lease, desk.now + 10, blames_item=True)
    desk.now += 2 * HOUR  # the breaker was open, the lane was not even tried
    desk.run(waken, Waken(crm, 5))
    (lease,) = take(desk, crm).leases
    assert (lease.failures, lease.first_failure_at) == (2, None)
