"""Taking items out of the outbox for good: somebody cancelled them, or their time is over.

What an attempt brings about is settled in `omnigate.store.settling`; here nothing is tried. A message that
a channel is sending at this moment is left alone: whether the customer gets it is no longer ours to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from omnigate.model.event import OPERATIONAL, EventType
from omnigate.model.facts import DeadDelivery
from omnigate.store.ended import note_end, what_ended
from omnigate.store.errands import errand_of
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.reports import Report, report
from omnigate.store.schema import (
    LEASED,
    SEND,
    dead,
    destination,
    event,
    lane,
    message,
    message_part,
    outbox,
)
from omnigate.store.selection import number_chunks
from omnigate.store.shortening import shorten_lanes
from omnigate.store.subjects import LaneKey
from omnigate.store.transaction import Transaction, chunks

Why = Literal["cancelled", "expired"]


class Abandonment(NamedTuple):
    """Items that nobody is to try any more."""

    outbox_ids: Sequence[int]
    why: Why
    """``expired`` leaves a dead letter, ``cancelled`` is what somebody wanted."""
    by: str | None = None
    """Who wanted it."""


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
        shorten_lanes(transaction, gone, heads)
        _DELETE_OUTBOX.run(connection, [{"key": row.id} for row in gone])
        if wanted.why == "expired":
            _bury(transaction, gone)
        else:
            note_end(transaction, gone, "cancelled", wanted.by)
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


def _bury(transaction: Transaction, rows: Sequence[Any]) -> None:
    """Write dead letters, and tell operators of all but those that were reports themselves."""
    _INSERT_DEAD.run(
        transaction.connection,
        [
            {
                **what_ended(row),
                "stream": row.stream,
                "reason": "expired",
                "error": _EXPIRED,
                "died_at": transaction.now,
                "first_part": row.first_part,
                "last_part": row.last_part,
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
    """Let the first part that was not sent fail, and all it belongs to with it; the CRM learns of it."""
    errands = [errand_of(row) for row in rows if row.message_id is not None]
    unsent: dict[str, list[Any]] = {}
    for some in chunks(list({errand.message_id for errand in errands})):
        for part in transaction.connection.execute(_UNSENT, {"ids": some}):
            unsent.setdefault(part.message_id, []).append(part)
    firsts = [
        part
        for errand in errands
        for part in islice(filter(errand.is_about, unsent.get(errand.message_id, ())), 1)
    ]
    results = [
        # It was begun and nobody knows how that ended.
        PartResult(
            part.message_id,
            part.number,
            "unknown",
            error=f"{why}; it may have been sent",
            action=part.action,
        )
        if part.state == "sending"
        else PartResult(part.message_id, part.number, "failed", error=why, action=part.action)
        for part in firsts
        if part.action != SEND or part.message_state not in ("failed", "unknown")
    ]
    if results:
        settle_part(transaction, results)


_EXPIRED: Final = "its time was over before the destination was there"
_ITEMS: Final = (
    select(
        outbox,
        outbox.c.id.label("outbox_id"),
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
    select(
        message_part.c.message_id,
        message_part.c.number,
        message_part.c.state,
        message_part.c.action,
        message.c.state.label("message_state"),
    )
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(
        message_part.c.message_id.in_(bindparam("ids", expanding=True)),
        message_part.c.state.in_(["queued", "sending"]),
    )
    .order_by(message_part.c.message_id, message_part.c.number)
)
_DELETE_OUTBOX: Final = Bulk(outbox.delete().where(outbox.c.id == bindparam("key")))
_INSERT_DEAD: Final = bulk_insert(dead)
