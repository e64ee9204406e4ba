"""Taking all that is owed about a person out of the queue, whoever works on it just now.

Unlike an operator's cancelling (`omnigate.store.abandon`) this stops at nothing: whoever holds a lease
loses it, and what the attempt under way comes to is thrown away. Nothing is reported and no gap is told,
since nobody is to learn anything more; ``contact.erased`` says it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, true, update

from omnigate.store.dead import put_away
from omnigate.store.ended import note_end
from omnigate.store.schema import APART, DUE, IDLE, dead, lane, outbox
from omnigate.store.subjects import LaneKey
from omnigate.store.transaction import Transaction

CHUNK: Final = 200
"""How many items one turn takes out of a lane at most."""
BY: Final = "erasure"
"""Who took it out, for whoever asks what became of it."""
STANDSTILL_MS: Final = 10 * 60 * 1000
"""How long a lane that is not empty yet stands still; after a crash it then goes on."""


def empty_lanes(transaction: Transaction, items: Sequence[LaneKey]) -> list[int]:
    """Take up to `CHUNK` items out of each lane, fenced from whoever works on it; return how many.

    Fewer than that means that the lane is empty.
    """
    return [_empty(transaction, *item) for item in items]


def drop_dead_letters(transaction: Transaction, items: Sequence[Sequence[int]]) -> list[int]:
    """Turn dead letters into notes that something was cancelled; return how many there were."""
    return [_drop(transaction, list(numbers)) for numbers in items]


def dead_letters_about(connection: Connection, subjects: Sequence[str]) -> list[int]:
    """Return the dead letters about conversations or contacts, in order. Looks at all dead letters."""
    found: set[int] = set()
    for start in range(0, len(subjects), 50):
        about = [
            or_(
                and_(dead.c.stream >= subject, dead.c.stream < subject + chr(ord(APART) + 1)),
                dead.c.stream.endswith(APART + subject, autoescape=True),
            )
            for subject in subjects[start : start + 50]
        ]
        found.update(connection.scalars(select(dead.c.outbox_id).where(or_(*about))))
    return sorted(found)


def _empty(transaction: Transaction, destination_id: int, stream: str) -> int:
    connection, now = transaction.connection, transaction.now
    keys = {"destination": destination_id, "name": stream}
    rows = connection.execute(_ITEMS, keys).all()
    connection.execute(
        update(lane)
        .where(lane.c.destination_id == destination_id, lane.c.stream == stream)
        .values(
            pending=lane.c.pending - len(rows),
            lease_token=lane.c.lease_token + 1,
            lease_until=None,
            failures=0,
            first_failure_at=None,
            gap=None,
            updated_at=now,
        )
    )
    # An idle lane stays until it is pruned: its token must not begin anew under an attempt's feet.
    connection.execute(
        _STOP if len(rows) < CHUNK else _STAND, {**keys, "later": now + STANDSTILL_MS}
    )
    if rows:
        connection.execute(_DELETE, {"ids": [row.outbox_id for row in rows]})
        note_end(transaction, rows, "cancelled", BY)
    return len(rows)


def _drop(transaction: Transaction, numbers: list[int]) -> int:
    rows = transaction.connection.execute(_DEAD, {"ids": numbers}).all()
    put_away(transaction, rows, "cancelled", BY)
    return len(rows)


_LANE: Final = (
    lane.c.destination_id == bindparam("destination"),
    lane.c.stream == bindparam("name"),
)
_ITEMS: Final = (
    select(outbox, outbox.c.id.label("outbox_id"))
    .where(
        outbox.c.destination_id == bindparam("destination"), outbox.c.stream == bindparam("name")
    )
    .order_by(outbox.c.id)
    .limit(CHUNK)
)
_DEAD: Final = select(dead).where(dead.c.outbox_id.in_(bindparam("ids", expanding=True)))
_DELETE: Final = delete(outbox).where(outbox.c.id.in_(bindparam("ids", expanding=True)))
_STOP: Final = update(lane).where(*_LANE).values(state=IDLE, retrying=False)
_STAND: Final = (
    update(lane).where(*_LANE).values(state=DUE, retrying=true(), run_at=bindparam("later"))
)
