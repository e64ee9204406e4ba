"""What destinations are owed: items put into their lanes.

A lane towards a backend is of the priority that its channel has now. One towards a channel is as urgent as
the most urgent that it carries, and stays so for a while: see `omnigate.store.urgency`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    case,
    false,
    literal_column,
    or_,
)

from omnigate.store.dialect import upsert
from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.schema import APART, DUE, IDLE, lane, outbox
from omnigate.store.transaction import Target, Transaction
from omnigate.store.urgency import DIALOGUE_MS


@dataclass(slots=True)
class Owed:
    """One item that a destination is to get: an event by position, or an outbound message."""

    target: Target
    stream: str
    priority: int
    position: int | None = None
    message_id: str | None = None
    expires_at: int | None = None
    replay: bool = False
    first_part: int | None = None
    last_part: int | None = None
    """Of a change to the message; see `omnigate.store.errands`."""


def owe(transaction: Transaction, owed: Sequence[Owed]) -> None:
    """Put items into their lanes, in the given order; lanes first, sorted, then the outbox."""
    if not owed:
        return
    now = transaction.now
    lanes: dict[tuple[int, str], dict[str, Any]] = {}
    to_customers: dict[tuple[int, str], dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for item in owed:
        number = transaction.numbers.take("outbox")
        destination_id = item.target.destination_id
        stream = item.stream if item.target.ordered else f"{item.stream}{APART}{number}"
        if item.message_id is not None:
            _owe_message(to_customers, item, stream, now)
        elif (known := lanes.get((destination_id, stream))) is None:
            lanes[destination_id, stream] = {
                "destination_id": destination_id,
                "stream": stream,
                "priority": item.priority,
                "added": 1,
                "now": now,
            }
        else:
            known["added"] += 1
            known["priority"] = item.priority  # as the latest of the channels has it that say so
        rows.append(
            {
                "id": number,
                "destination_id": destination_id,
                "stream": stream,
                "position": item.position,
                "message_id": item.message_id,
                "attempts": 0,
                "replay": item.replay,
                "created_at": now,
                "expires_at": item.expires_at or now + transaction.delivery_expiry_ms,
                "first_part": item.first_part,
                "last_part": item.last_part,
            }
        )
    _UPSERT_LANE.run(transaction.connection, [lanes[key] for key in sorted(lanes)])
    _UPSERT_OUTBOUND.run(
        transaction.connection, [to_customers[key] for key in sorted(to_customers)]
    )
    _INSERT_OUTBOX.run(transaction.connection, rows)
    transaction.due.update(destination_id for destination_id, _ in (*lanes, *to_customers))


def _owe_message(
    lanes: dict[tuple[int, str], dict[str, Any]], item: Owed, stream: str, now: int
) -> None:
    """Add a message to its channel's lane, which is as urgent as the most urgent that it carries."""
    row = lanes.setdefault(
        (item.target.destination_id, stream),
        {
            "destination_id": item.target.destination_id,
            "stream": stream,
            "priority": item.priority,
            "added": 0,
            "now": now,
            "dialogue_since": now - DIALOGUE_MS,
        },
    )
    row["added"] += 1
    row["priority"] = min(row["priority"], item.priority)


_IDLE: Final = literal_column(str(IDLE), Integer())
_DUE: Final = literal_column(str(DUE), Integer())
_NEW_LANE: Final = upsert(lane).values(
    destination_id=bindparam("destination_id"),
    stream=bindparam("stream"),
    state=_DUE,
    run_at=bindparam("now"),
    priority=bindparam("priority"),
    retrying=false(),
    pending=bindparam("added"),
    failures=literal_column("0"),
    lease_token=literal_column("0"),
    updated_at=bindparam("now"),
)


def _upsert(priority: ColumnElement[int]) -> Bulk:
    """Return what adds to lanes, idle ones among them, each of the priority that it then has."""
    return Bulk(
        _NEW_LANE.on_conflict_do_update(
            index_elements=[lane.c.destination_id, lane.c.stream],
            set_={
                "pending": lane.c.pending + _NEW_LANE.excluded.pending,
                "state": case((lane.c.state == _IDLE, _DUE), else_=lane.c.state),
                "run_at": case(
                    (lane.c.state == _IDLE, _NEW_LANE.excluded.run_at), else_=lane.c.run_at
                ),
                "priority": priority,
                "updated_at": _NEW_LANE.excluded.updated_at,
            },
        )
    )


_UPSERT_LANE: Final = _upsert(_NEW_LANE.excluded.priority)
_IN_DIALOGUE: Final = or_(
    lane.c.state != _IDLE, lane.c.updated_at >= bindparam("dialogue_since", type_=BigInteger)
)
_UPSERT_OUTBOUND: Final = _upsert(
    case(
        (
            and_(_IN_DIALOGUE, lane.c.priority < _NEW_LANE.excluded.priority),
            lane.c.priority,
        ),
        else_=_NEW_LANE.excluded.priority,
    )
)
_INSERT_OUTBOX: Final = bulk_insert(outbox)
