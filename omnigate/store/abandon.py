"""Taking items out of the outbox for good: the operator dropped them, or their time is over.

What an attempt brings about is settled in `omnigate.store.settling`; here nothing is tried. A lane of a
backend that is being worked on is taken from whoever works on it (its token moves on, so the settlement
is thrown away) and is due again. A message that a channel is sending at this moment is left alone:
whether the customer gets it is no longer ours to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from omnigate.model.event import OPERATIONAL, DeadDelivery, EventType
from omnigate.store.parts import PartResult, settle_part
from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.reports import Report, report
from omnigate.store.schema import (
    APART,
    DUE,
    IDLE,
    LEASED,
    dead,
    delivery_done,
    destination,
    event,
    lane,
    message,
    message_part,
    outbox,
)
from omnigate.store.selection import number_chunks
from omnigate.store.transaction import Transaction, chunks

Why = Literal["cancelled", "expired"]

LaneKey = tuple[int, str]


class Abandonment(NamedTuple):
    """Items that nobody is to try any more."""

    outbox_ids: Sequence[int]
    why: Why
    """``expired`` leaves a dead letter, ``cancelled`` is what the operator wanted."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What became of the items; those that were not owed any more are in neither list."""

    gone: list[int] = field(default_factory=list)
    under_way: list[int] = field(default_factory=list)
    """Messages that a channel is sending just now; nothing was changed."""


def abandon(transaction: Transaction, items: Sequence[Abandonment]) -> list[Abandoned]:
    """Take items out of the outbox; messages that were not sent fail, gaps are announced."""
    return [_abandon(transaction, item) for item in items]


def _abandon(transaction: Transaction, wanted: Abandonment) -> Abandoned:
    connection = transaction.connection
    rows = [
        row
        for some in number_chunks(wanted.outbox_ids)
        for row in connection.execute(_ITEMS, {"ids": some})
    ]
    if not rows:
        return Abandoned()
    heads = _heads(connection, rows)
    under_way = [row for row in rows if _is_being_sent(row, heads)]
    gone = [row for row in rows if not _is_being_sent(row, heads)]
    if gone:
        _shorten_lanes(transaction, gone, heads)
        _DELETE_OUTBOX.run(connection, [{"key": row.id} for row in gone])
        (_bury if wanted.why == "expired" else _note_cancelled)(transaction, gone)
        _fail_messages(transaction, gone, wanted.why)
    return Abandoned([row.id for row in gone], [row.id for row in under_way])


def _is_being_sent(row: Any, heads: dict[LaneKey, int]) -> bool:
    is_head = heads[row.destination_id, row.stream] == row.id
    return is_head and bool(row.direction == "channel" and row.lane_state == LEASED)


def _heads(connection: Connection, rows: Sequence[Any]) -> dict[LaneKey, int]:
    """Return the first item of each lane that is concerned."""
    streams: dict[int, dict[str, None]] = {}
    for row in rows:
        streams.setdefault(row.destination_id, {})[row.stream] = None
    found: dict[LaneKey, int] = {}
    for destination_id, names in streams.items():
        for some in chunks(list(names)):
            for head in connection.execute(
                _HEADS, {"destination": destination_id, "streams": some}
            ):
                found[destination_id, head.stream] = head.id
    return found


def _shorten_lanes(
    transaction: Transaction, gone: Sequence[Any], heads: dict[LaneKey, int]
) -> None:
    """Bring the lanes in line with what they owe now."""
    lanes: dict[LaneKey, list[Any]] = {}
    for row in gone:
        lanes.setdefault((row.destination_id, row.stream), []).append(row)
    changes = []
    for key, rows in sorted(lanes.items()):
        change = _shortened(rows, heads[key] in [row.id for row in rows], transaction.now)
        changes.append({"destination": key[0], "name": key[1], **change})
        if change["state"] == DUE:
            transaction.due.add(key[0])
    _UPDATE_LANE.run(transaction.connection, changes)
    # A lane for separate work has done it. One that somebody still works on stays, with its token: made
    # anew under the same name it would begin to count again, and take his late result for its own.
    over = [
        {"destination": row["destination"], "name": row["name"]}
        for row in changes
        if row["state"] == IDLE
        and APART in row["name"]
        and lanes[row["destination"], row["name"]][0].lane_state != LEASED
    ]
    _DELETE_LANE.run(transaction.connection, over)


def _shortened(rows: Sequence[Any], lost_head: bool, now: int) -> dict[str, Any]:
    """Return the row of a lane that the given items were taken from."""
    known = rows[0]
    pending = known.pending - len(rows)
    # What a channel sends at this moment stays; a backend's lease covers more than its first item.
    taken = known.lane_state == LEASED and known.direction == "backend"
    keeps_lease = known.lane_state == LEASED and not taken
    missing = {int(number) for number in known.gap.split(",")} if known.gap else set()
    missing |= {row.sequence for row in rows if row.sequence is not None and not row.replay}
    return {
        "state": LEASED if keeps_lease else (DUE if pending else IDLE),
        "run_at": now if lost_head or taken else known.run_at,
        "retrying": known.retrying and not lost_head,
        "pending": pending,
        "failures": 0 if lost_head else known.failures,
        "first_failure_at": None if lost_head else known.first_failure_at,
        "lease_until": known.lease_until if keeps_lease else None,
        "lease_token": known.lease_token + taken,
        "gap": ",".join(map(str, sorted(missing))) or None,
        "updated_at": now,
    }


def _note_cancelled(transaction: Transaction, rows: Sequence[Any]) -> None:
    done = [
        {
            **_ended(row),
            "outcome": "cancelled",
            "status": None,
            "duration_ms": None,
            "finished_at": transaction.now,
        }
        for row in rows
    ]
    _INSERT_DONE.run(transaction.connection, done)


def _bury(transaction: Transaction, rows: Sequence[Any]) -> None:
    """Write dead letters, and tell operators of all but those that were reports themselves."""
    _INSERT_DEAD.run(
        transaction.connection,
        [
            {
                **_ended(row),
                "stream": row.stream,
                "reason": "expired",
                "error": _EXPIRED,
                "died_at": transaction.now,
            }
            for row in rows
        ],
    )
    reports = [
        Report(
            EventType.DELIVERY_DEAD,
            DeadDelivery(
                id=row.id,
                direction=row.direction,
                destination=row.name,
                event=row.event_id,
                message=row.message_id,
                reason="expired",
                error=_EXPIRED,
                attempts=row.attempts,
            ),
            kept_from=row.destination_id,
        )
        for row in rows
        if row.event_type not in OPERATIONAL
    ]
    report(transaction, reports)


def _fail_messages(transaction: Transaction, rows: Sequence[Any], why: Why) -> None:
    """Let the first part that was not sent fail, which fails the message; the CRM learns of it."""
    ids = [row.message_id for row in rows if row.message_id is not None]
    unsent: dict[str, Any] = {}
    for some in chunks(ids):
        for part in transaction.connection.execute(_UNSENT, {"ids": some}):
            unsent.setdefault(part.message_id, part)
    results = [
        # It was begun and nobody knows how that ended.
        PartResult(part.message_id, part.number, "unknown", error=f"{why}; it may have been sent")
        if part.state == "sending"
        else PartResult(part.message_id, part.number, "failed", error=why)
        for part in unsent.values()
    ]
    if results:
        settle_part(transaction, results)


def _ended(row: Any) -> dict[str, Any]:
    return {
        "outbox_id": row.id,
        "destination_id": row.destination_id,
        "position": row.position,
        "message_id": row.message_id,
        "attempts": row.attempts,
        "created_at": row.created_at,
    }


_EXPIRED: Final = "its time was over before the destination was there"
_ITEMS: Final = (
    select(
        outbox,
        destination.c.direction,
        destination.c.name,
        lane.c.state.label("lane_state"),
        lane.c.run_at,
        lane.c.retrying,
        lane.c.pending,
        lane.c.failures,
        lane.c.first_failure_at,
        lane.c.lease_until,
        lane.c.lease_token,
        lane.c.gap,
        event.c.id.label("event_id"),
        event.c.type.label("event_type"),
        event.c.sequence,
    )
    .select_from(
        outbox.join(destination, destination.c.id == outbox.c.destination_id)
        .join(
            lane,
            (lane.c.destination_id == outbox.c.destination_id) & (lane.c.stream == outbox.c.stream),
        )
        .outerjoin(event, event.c.position == outbox.c.position)
    )
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(outbox.c.id)
)
_HEADS: Final = (
    select(outbox.c.stream, func.min(outbox.c.id).label("id"))
    .where(
        outbox.c.destination_id == bindparam("destination"),
        outbox.c.stream.in_(bindparam("streams", expanding=True)),
    )
    .group_by(outbox.c.stream)
)
_UNSENT: Final = (
    select(message_part.c.message_id, message_part.c.number, message_part.c.state)
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(
        message_part.c.message_id.in_(bindparam("ids", expanding=True)),
        message_part.c.state.in_(["queued", "sending"]),
        message.c.state.not_in(["failed", "unknown"]),
    )
    .order_by(message_part.c.message_id, message_part.c.number)
)
_CHANGED: Final = (
    "state",
    "run_at",
    "retrying",
    "pending",
    "failures",
    "first_failure_at",
    "lease_until",
    "lease_token",
    "gap",
    "updated_at",
)
_UPDATE_LANE: Final = Bulk(
    update(lane)
    .where(lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name"))
    .values({name: bindparam(name) for name in _CHANGED})
)
_DELETE_LANE: Final = Bulk(
    lane.delete().where(
        lane.c.destination_id == bindparam("destination"), lane.c.stream == bindparam("name")
    )
)
_DELETE_OUTBOX: Final = Bulk(outbox.delete().where(outbox.c.id == bindparam("key")))
_INSERT_DONE: Final = bulk_insert(delivery_done)
_INSERT_DEAD: Final = bulk_insert(dead)
