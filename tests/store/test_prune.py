"""What is done with is forgotten, chunk by chunk."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from omnigate.store.prune import CHUNK, Ages, prune
from omnigate.store.schema import delivery_done
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
