"""What is taken out of the queue: lanes stay exact, whoever works on them loses, nobody waits for ever."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from omnigate.store import settling, shortening
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.cancelling import Cancellation, cancel_messages
from omnigate.store.destinations import Name, register
from omnigate.store.lanes import Claim, claim
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.queue import expired_items
from omnigate.store.requeue import DeadReplay, replay_dead
from omnigate.store.settling import Settlement, settle
from tests.store.test_parts import queue, states

SOON = 432_000_001


def take(desk: Any, destination: int, depth: int = 8) -> Any:
    (claimed,) = desk.run(claim, Claim(destination, 5, 5, depth, 60_000))
    return claimed.leases


def owed(desk: Any, destination: int) -> list[int]:
    rows = desk.rows("SELECT id FROM outbox WHERE destination_id = :d ORDER BY id", d=destination)
    return [row.id for row in rows]


def lane(desk: Any, destination: int) -> Any:
    (row,) = desk.rows("SELECT * FROM lane WHERE destination_id = :d", d=destination)
    return row


def drop(desk: Any, *numbers: int, why: Any = "cancelled") -> Any:
    (done,) = desk.run(abandon, Abandonment(numbers, why))
    return done


def test_whoever_works_on_a_lane_loses_it_and_settles_nothing(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("one"), said("two"))
    (lease,) = take(desk, crm)
    first, second, third = owed(desk, crm)
    assert drop(desk, second).gone == [second]
    assert crm in desk.due, "whoever is free takes it at once"
    assert desk.run(settle, Settlement(lease, lease.items[0], "delivered", last=True)) == [False]
    assert owed(desk, crm) == [first, third]
    (again,) = take(desk, crm)
    assert [item.id for item in again.items] == [first, third]
    assert again.gap == [2], "what is missing is announced"
    rows = desk.rows("SELECT outbox_id, outcome FROM delivery_done")
    assert [tuple(row) for row in rows] == [(second, "cancelled")]


def test_a_lane_without_its_first_item_waits_no_longer(desk: Any, said: Any) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("one"))
    (lease,) = take(desk, crm, depth=1)
    later = desk.now + 3_600_000
    desk.run(settle, Settlement(lease, lease.items[0], "retry", last=True, run_at=later, error="x"))
    first, second = owed(desk, crm)
    drop(desk, second)
    assert lane(desk, crm).run_at == later, "its first item still waits"
    drop(desk, first)
    row = lane(desk, crm)
    assert (row.pending, row.state, row.gap) == (0, 0, "1,2")
    desk.put(said("two"))
    (lease,) = take(desk, crm)
    assert lease.gap == [1, 2]


def test_lanes_apart_go_with_their_last_item_and_announce_nothing(desk: Any, said: Any) -> None:
    bot = desk.add_backend("bot", ordered=False)
    desk.put(said("one"))
    drop(desk, *owed(desk, bot))
    assert desk.rows("SELECT * FROM lane") == []


def test_what_nobody_is_there_for_expires_loudly(desk: Any, said: Any) -> None:
    gone, crm = desk.add_backend("gone"), desk.add_backend("crm")
    (app,) = [health.destination_id for health in desk.run(register, Name("channel", "app"))]
    message = queue(desk, app, "anna", parts=2)
    desk.put(said("one"))

    def overdue() -> list[int]:
        with desk.engine.begin() as connection:
            return expired_items(connection, [crm], desk.now)

    assert overdue() == []
    desk.now += SOON
    assert sorted(overdue()) == sorted([*owed(desk, gone), *owed(desk, app)])
    before = len(owed(desk, crm))
    drop(desk, *overdue(), why="expired")
    assert owed(desk, app) == []
    assert states(desk, message) == [("failed", None), ("queued", None)]
    (row,) = desk.rows("SELECT state, error FROM message WHERE id = :id", id=message)
    assert tuple(row) == ("failed", "expired")
    rows = desk.rows("SELECT reason FROM dead")
    assert len(rows) >= 4
    assert {row.reason for row in rows} == {"expired"}
    told = [row.type for row in desk.rows("SELECT type FROM event ORDER BY position")]
    assert told.count("delivery.dead") == len(rows)
    assert told.count("message.failed") == 1
    assert len(owed(desk, crm)) > before, "who is there hears of it"


def test_a_message_under_way_is_left_alone_and_one_behind_it_is_not(desk: Any) -> None:
    (health,) = desk.run(register, Name("channel", "app"))
    app = int(health.destination_id)
    first, second = queue(desk, app, "anna"), queue(desk, app, "anna")
    (lease,) = take(desk, app, depth=1)
    assert desk.run(cancel_messages, *map(Cancellation, (first, second))) == [
        "under_way",
        "cancelled",
    ]
    (part,) = desk.run(settle_part, PartResult(first, 0, "sent", "p-1"))
    assert part is None
    assert desk.run(cancel_messages, Cancellation(first)) == ["not_owed"], "it is sent already"
    assert desk.run(settle, Settlement(lease, lease.items[0], "delivered", last=True)) == [True]
    assert states(desk, first) == [("sent", "p-1")]
    assert states(desk, second) == [("failed", None)]
    assert desk.run(cancel_messages, *map(Cancellation, (first, "msg_unknown"))) == [
        "not_owed",
        "not_owed",
    ]


def test_a_message_that_may_have_been_sent_ends_unknown(desk: Any) -> None:
    (health,) = desk.run(register, Name("channel", "app"))
    app = int(health.destination_id)
    message = queue(desk, app, "anna")
    (lease,) = take(desk, app, depth=1)
    later = desk.now + 30_000
    desk.run(settle, Settlement(lease, lease.items[0], "retry", last=True, run_at=later, error="?"))
    assert desk.run(cancel_messages, Cancellation(message)) == ["cancelled"]
    (row,) = desk.rows("SELECT state, error FROM message WHERE id = :id", id=message)
    assert tuple(row) == ("unknown", "cancelled; it may have been sent")


def test_what_was_sent_of_a_message_stays_sent(desk: Any) -> None:
    (health,) = desk.run(register, Name("channel", "app"))
    app = int(health.destination_id)
    message = queue(desk, app, "anna", parts=3)
    (lease,) = take(desk, app, depth=1)
    desk.run(settle_part, PartResult(message, 0, "sent", "p-0"))
    desk.run(settle_part, PartResult(message, 1, "queued", error="slow down"))
    later = desk.now + 30_000
    desk.run(settle, Settlement(lease, lease.items[0], "retry", last=True, run_at=later, error="?"))
    assert desk.run(cancel_messages, Cancellation(message)) == ["cancelled"]
    assert states(desk, message) == [("sent", "p-0"), ("failed", None), ("queued", None)]


def meddle(desk: Any, said: Any, dice: random.Random, steps: int) -> None:
    """Deliver, fail, drop, expire and replay at random; after every step the store must be sound."""
    crm, bot = desk.add_backend("crm"), desk.add_backend("bot", ordered=False)
    held: list[Any] = []
    for step in range(steps):
        desk.now += dice.choice([0, 1000, 60_000])
        match dice.randrange(6):
            case 0:
                desk.put(said(f"{step}", f"c-{dice.randrange(3)}"))
            case 1:
                held += take(desk, dice.choice([crm, bot]), depth=dice.choice([1, 3]))
            case 2 | 3 if held:
                lease = held.pop(dice.randrange(len(held)))
                outcome: Any = dice.choice(["delivered", "retry", "dead"])
                item = lease.items[0]
                desk.run(
                    settle,
                    Settlement(
                        lease,
                        item,
                        outcome,
                        last=True,
                        run_at=desk.now,
                        error="" if outcome == "delivered" else "no",
                        reason="attempts",
                    ),
                )
            case 4:
                known = [*owed(desk, crm), *owed(desk, bot)]
                chosen = dice.sample(known, min(len(known), dice.randrange(4)))
                drop(desk, *chosen, why=dice.choice(["cancelled", "expired"]))
            case 5:
                letters = [row.outbox_id for row in desk.rows("SELECT outbox_id FROM dead")]
                chosen = dice.sample(letters, min(len(letters), dice.randrange(4)))
                desk.run(replay_dead, DeadReplay(chosen, {crm, bot}))
        assert desk.problems() == []


@pytest.mark.parametrize("seed", range(4))
def test_whatever_operators_do_meanwhile_the_counters_agree(
    desk: Any, said: Any, seed: int
) -> None:
    print(f"seed {seed}")
    meddle(desk, said, random.Random(seed), 120)


def test_without_the_fence_they_would_not(
    new_desk: Callable[[], Any], said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = shortening._shortened

    def unfenced(rows: Any, lost_head: bool, now: int) -> dict[str, Any]:
        return {**sound(rows, lost_head, now), "lease_token": rows[0].lease_token}

    def by_number_alone(lease: Any, row: Any) -> bool:
        return row is not None and bool(row.lease_token == lease.token)

    monkeypatch.setattr(shortening, "_shortened", unfenced)
    monkeypatch.setattr(settling, "is_held", by_number_alone)
    for seed in range(4):
        try:
            meddle(new_desk(), said, random.Random(seed), 120)
        except (AssertionError, IntegrityError):
            return
    pytest.fail("nobody noticed")


def test_who_still_works_on_a_lane_that_was_emptied_and_is_used_again_settles_nothing(
    desk: Any, said: Any
) -> None:
    """A lane for separate work begins anew under its old name: it must not count its leases anew."""
    crm = desk.add_backend("crm")
    desk.put(said("one"))
    (lease,) = take(desk, crm)
    for item in lease.items:
        last = item is lease.items[-1]
        desk.run(settle, Settlement(lease, item, "dead", last=last, reason="x", error="400"))
    letters = [item.id for item in lease.items]
    desk.run(replay_dead, DeadReplay(letters[:1], {crm}))
    (lease,) = [one for one in take(desk, crm) if "#" in one.stream]
    drop(desk, *owed(desk, crm))
    desk.run(replay_dead, DeadReplay(letters[1:], {crm}))
    (again,) = [one for one in take(desk, crm) if "#" in one.stream]
    late = Settlement(lease, lease.items[0], "delivered", last=True)
    assert desk.run(settle, late) == [False]
    assert owed(desk, crm) == [item.id for item in again.items]
    done = Settlement(again, again.items[0], "delivered", last=True)
    assert desk.run(settle, done) == [True]
    assert owed(desk, crm) == []
