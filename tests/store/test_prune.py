"""What is done with is forgotten, chunk by chunk."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from omnigate.store import prune as prune_module
from omnigate.store.prune import (
    CHUNK,
    LAST_ATTEMPTS,
    Ages,
    AttemptWalk,
    prune,
    prune_attempts,
)
from omnigate.store.schema import attempt, dead, delivery_done
from omnigate.store.transaction import Transaction

DAY = 24 * 3600 * 1000
AGES = Ages(*(DAY for _ in Ages._fields))


def fill(transaction: Transaction, items: Any) -> list[None]:
    """Write outcomes of deliveries as ``(number, finished)``."""
    rows = [
        {
            "outbox_id": number,
            "destination_id": 1,
            "outcome": "delivered",
            "attempts": 1,
            "created_at": 0,
            "finished_at": finished,
        }
        for some in items
        for number, finished in some
    ]
    transaction.connection.execute(insert(delivery_done), rows)
    return [None] * len(items)


def left(desk: Any) -> list[int]:
    return [row.outbox_id for row in desk.rows("SELECT outbox_id FROM delivery_done ORDER BY 1")]


def rounds(desk: Any) -> int:
    """Prune as the housekeeping does; return how many turns that took."""
    turns = 1
    while CHUNK in desk.run(prune, AGES)[0].values():
        turns += 1
    return turns


def test_what_is_too_old_goes_in_one_round_and_the_rest_stays(desk: Any) -> None:
    old, young = desk.now - DAY - 1, desk.now - DAY
    desk.run(fill, [(number, old if number < 1200 else young) for number in range(1, 1300)])
    assert rounds(desk) == 3
    assert left(desk) == list(range(1200, 1300))


def test_a_few_that_ended_late_do_not_keep_the_others_alive(desk: Any) -> None:
    """A delivery that waited out an outage has an early number and a late end."""
    late = {1, 7, 400, 900}
    old = desk.now - DAY - 1
    desk.run(fill, [(number, desk.now if number in late else old) for number in range(1, 2000)])
    assert rounds(desk) == 4
    assert left(desk) == sorted(late)


def try_and_bury(transaction: Transaction, items: Any) -> list[None]:
    """Write the attempts of items as ``(number of the item, attempts, when, whether it is dead)``."""
    for outbox_id, attempts, when, is_dead in items:
        rows = [
            {
                "outbox_id": outbox_id,
                "destination_id": 1,
                "number": number,
                "at": when,
                "outcome": "retry",
                "error": "no",
            }
            for number in range(1, attempts + 1)
        ]
        transaction.connection.execute(insert(attempt), rows)
        if is_dead:
            letter = {
                "outbox_id": outbox_id,
                "destination_id": 1,
                "stream": "c",
                "position": 1,
                "reason": "attempts",
                "error": "no",
                "attempts": attempts,
                "created_at": when,
                "died_at": when,
            }
            transaction.connection.execute(insert(dead), [letter])
    return [None] * len(items)


def walk(desk: Any) -> tuple[int, int]:
    """Forget attempts as the housekeeping does; return how many went, in how many turns."""
    step, gone, turns = AttemptWalk(DAY), 0, 0
    while True:
        (done,) = desk.run(prune_attempts, step)
        gone, turns = gone + done.gone, turns + 1
        if done.after is None:
            return gone, turns
        step = step._replace(after=done.after)


def kept(desk: Any) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in desk.rows("SELECT outbox_id, number FROM attempt ORDER BY id"):
        found.setdefault(row.outbox_id, []).append(row.number)
    return found


def test_the_last_attempts_of_a_dead_letter_stay_as_long_as_it_does(new_desk: Any) -> None:
    desk = new_desk()  # rows without what they are about: the usual check would say so
    old = desk.now - DAY - 1
    desk.run(try_and_bury, (1, 3, old, True), (2, 3, old, False), (3, 15, old, True))
    desk.run(try_and_bury, (4, 2, desk.now - DAY, False))
    assert walk(desk) == (3 + 15 - LAST_ATTEMPTS, 1)
    assert kept(desk) == {1: [1, 2, 3], 3: list(range(6, 16)), 4: [1, 2]}
    desk.rows("DELETE FROM dead RETURNING 1")
    assert walk(desk) == (13, 1)
    assert kept(desk) == {4: [1, 2]}


def test_attempts_that_stay_do_not_keep_those_behind_them_alive(new_desk: Any) -> None:
    desk = new_desk()
    old = desk.now - DAY - 1
    desk.run(try_and_bury, *((number, 5, old, number < 700) for number in range(1, 800)))
    gone, turns = walk(desk)
    assert gone == 5 * 100
    assert turns == 8
    assert list(kept(desk)) == list(range(1, 700))


def test_a_round_that_spares_no_dead_letter_is_found_out(
    new_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin."""
    monkeypatch.setattr(prune_module, "_is_last", lambda row: False)
    with pytest.raises(AssertionError):
        test_the_last_attempts_of_a_dead_letter_stay_as_long_as_it_does(new_desk)
