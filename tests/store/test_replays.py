"""Replays of history: nothing left out, nothing twice, never too much at once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from omnigate.store import replays
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.destinations import Name, register
from omnigate.store.history import position_before
from omnigate.store.lanes import Claim, claim
from omnigate.store.replays import (
    PENDING_LIMIT,
    NewReplay,
    Step,
    Window,
    advance_replay,
    begin_replay,
    cancel_replay,
    count_window,
    list_replays,
    prune_replays,
    read_replay,
)
from omnigate.store.settling import Settlement, settle


@pytest.fixture
def late(desk: Any) -> int:
    """A backend that no event is routed to."""
    (health,) = desk.run(register, Name("backend", "late"))
    return int(health.destination_id)


def read(desk: Any, query: Any, *args: Any, **options: Any) -> Any:
    with desk.engine.begin() as connection:
        return query(connection, *args, **options)


def begin(desk: Any, late: int, window: Window) -> int:
    total = read(desk, count_window, window)
    (number,) = desk.run(begin_replay, NewReplay(late, window, 50, total))
    return int(number)


def positions(desk: Any, late: int) -> list[int]:
    rows = desk.rows("SELECT position FROM outbox WHERE destination_id = :d ORDER BY id", d=late)
    return [row.position for row in rows]


def deliver_all(desk: Any, late: int) -> int:
    count = 0
    while leases := desk.run(claim, Claim(late, 50, 50, 8, 60_000))[0].leases:
        for lease in leases:
            assert lease.gap == []
            for item in lease.items:
                assert item.replay
                last = item is lease.items[-1]
                desk.run(settle, Settlement(lease, item, "delivered", last=last))
                count += 1
    return count


def go_through(desk: Any, said: Any, late: int) -> None:
    """Replay a window in steps of two; everything in it must come once, in the order of the log."""
    for number in range(10):
        desk.put(said(f"{number}", f"c-{number % 3}"))
    received = "message.received"
    number = begin(desk, late, Window(2, 12, [received], ["app"]))
    seen: list[int] = []
    while (known := read(desk, read_replay, number)).state == "running":
        assert desk.run(advance_replay, Step(number, 2))[0] <= 2
        seen += positions(desk, late)
        assert len(seen) <= known.total
        deliver_all(desk, late)
    rows = desk.rows(
        "SELECT position FROM event WHERE type = :t AND position BETWEEN 3 AND 12", t=received
    )
    assert seen == [row.position for row in rows]
    assert (known.total, known.replayed, known.pending) == (len(seen), len(seen), 0)
    assert known.finished_at == desk.now
    assert desk.run(advance_replay, Step(number, 2)) == [0], "it is over"
    assert desk.rows("SELECT * FROM lane WHERE destination_id = :d", d=late) == []


def test_a_window_is_gone_through_step_by_step_in_the_order_of_the_log(
    desk: Any, said: Any, late: int
) -> None:
    go_through(desk, said, late)


@pytest.mark.parametrize("slip", [-1, 1])
def test_a_replay_that_loses_its_place_is_noticed(
    desk: Any, said: Any, late: int, slip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = replays._move_on

    def slipped(transaction: Any, known: Any, reached: int, count: int) -> None:
        right(transaction, known, reached + slip, count)

    monkeypatch.setattr(replays, "_move_on", slipped)
    with pytest.raises(AssertionError):
        go_through(desk, said, late)


def test_never_more_than_a_bounded_number_is_pending(desk: Any, said: Any, late: int) -> None:
    desk.put(*[said(f"{number}", f"c-{number % 7}") for number in range(PENDING_LIMIT + 50)])
    number = begin(desk, late, Window(0, 10_000))
    assert desk.run(advance_replay, Step(number, 100_000)) == [PENDING_LIMIT]
    assert desk.run(advance_replay, Step(number, 100)) == [0]
    assert read(desk, read_replay, number).pending == PENDING_LIMIT
    assert deliver_all(desk, late) == PENDING_LIMIT
    rest = desk.run(advance_replay, Step(number, 100_000))[0]
    assert rest + PENDING_LIMIT == read(desk, read_replay, number).total


def test_a_stretch_without_wanted_events_is_passed(
    desk: Any, said: Any, late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "SPAN", 3)
    for number in range(8):
        desk.put(said(f"{number}"))
    number = begin(desk, late, Window(0, 9, ["button.pressed"]))
    assert [desk.run(advance_replay, Step(number, 5))[0] for _ in range(3)] == [0, 0, 0]
    assert read(desk, read_replay, number).state == "done"


def test_one_replay_is_cancelled_and_another_of_the_same_backend_goes_on(
    desk: Any, said: Any, late: int
) -> None:
    desk.put(said("one"), said("two"))
    numbers = [begin(desk, late, Window(0, 100)) for _ in range(11)]
    first, eleventh = numbers[0], numbers[10]
    for number in (first, eleventh):
        desk.run(advance_replay, Step(number, 2))
    assert len(positions(desk, late)) == 4
    assert desk.run(cancel_replay, first, first, 99) == [True, False, False]
    assert positions(desk, late) == [1, 2], "those of the other one"
    ended = read(desk, read_replay, first)
    assert (ended.state, ended.replayed, ended.pending) == ("cancelled", 0, 0)
    assert read(desk, read_replay, eleventh).pending == 2
    running = read(desk, list_replays, running=True, limit=50)
    assert [known.id for known in running] == list(reversed(numbers[1:]))
    assert desk.run(advance_replay, Step(first, 2)) == [0]


def test_what_a_cancelled_replay_had_delivered_still_counts(
    desk: Any, said: Any, late: int
) -> None:
    desk.put(said("one"), said("two", "bert"), said("three", "carl"))
    number = begin(desk, late, Window(0, 100, ["message.received"]))
    assert desk.run(advance_replay, Step(number, 3)) == [3]
    (claimed,) = desk.run(claim, Claim(late, 1, 1, 1, 60_000))
    (lease,) = claimed.leases
    desk.run(settle, Settlement(lease, lease.items[0], "delivered", last=True))
    assert desk.run(cancel_replay, number) == [True]
    ended = read(desk, read_replay, number)
    assert (ended.total, ended.replayed, ended.pending) == (3, 1, 0)


@pytest.mark.parametrize("seed", range(3))
def test_the_place_of_a_time_in_the_log_is_found(desk: Any, said: Any, seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    for number in range(30):
        desk.now += dice.choice([0, 1, 1000])
        desk.put(said(f"{number}"))
    rows = [tuple(row) for row in desk.rows("SELECT position, recorded_at FROM event")]
    for moment in range(rows[0][1] - 1, rows[-1][1] + 2, max(1, (rows[-1][1] - rows[0][1]) // 40)):
        expected = max((position for position, at in rows if at < moment), default=0)
        assert read(desk, position_before, moment) == expected
    assert read(desk, position_before, 0) == 0


def test_replays_that_were_over_long_ago_are_forgotten_but_for_the_latest(
    desk: Any, said: Any, late: int
) -> None:
    """So no number is given anew; what runs or has something pending stays whatever its age."""
    desk.put(said("one"), said("two"))
    pending, running, over, cancelled, latest = (begin(desk, late, Window(0, 100)) for _ in "12345")
    for number in (pending, over, latest):
        desk.run(advance_replay, Step(number, 100))
    ids = "SELECT id FROM outbox WHERE stream NOT LIKE :lanes"
    rest = [row.id for row in desk.rows(ids, lanes=f"replay-{pending}#%")]
    desk.run(abandon, Abandonment(rest, "cancelled"))
    desk.run(cancel_replay, cancelled)
    began = desk.now
    desk.now = began + 1000
    assert desk.run(prune_replays, 1000) == [0], "not old enough"
    desk.now = began + 1001
    assert desk.run(prune_replays, 1000) == [2]
    left = [known.id for known in read(desk, list_replays, limit=10)]
    assert left == [latest, running, pending]
    assert begin(desk, late, Window(0, 1)) == latest + 1


def test_what_was_replayed_stays_marked_once_it_is_delivered(
    desk: Any, said: Any, late: int
) -> None:
    crm = desk.add_backend("crm")
    desk.put(said("one"))
    number = begin(desk, late, Window(0, 100))
    desk.run(advance_replay, Step(number, 100))
    deliver_all(desk, late)
    (claimed,) = desk.run(claim, Claim(crm, 50, 50, 8, 60_000))
    for lease in claimed.leases:
        for item in lease.items:
            last = item is lease.items[-1]
            desk.run(settle, Settlement(lease, item, "delivered", last=last))
    ends = desk.rows("SELECT destination_id, replay FROM delivery_done")
    assert {(row.destination_id, bool(row.replay)) for row in ends} == {(late, True), (crm, False)}
