"""Everything the store knows of the way of one message, or of one event: read for ``message trace``.

Found by indexes throughout, but for dead letters and what else is few; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from omnigate.store.record import OPERATIONS
from omnigate.store.schema import (
    attachment,
    attempt,
    dead,
    dedup,
    delivery_done,
    early_receipt,
    event,
    exchange,
    idempotency,
    lane,
    message,
    message_part,
    outbox,
)
from omnigate.store.selection import Owner, destinations_called, number_chunks
from omnigate.store.subjects import lanes_about

MOST_EVENTS: Final = 200
MOST_ATTEMPTS: Final = 1000
MOST_EXCHANGES: Final = 500


@dataclass(slots=True)
class Traced:
    """The rows that tell the way of a message or an event."""

    message: Any | None = None
    """Its row; None for an event that is about no message."""
    conversation_id: str | None = None
    events: Sequence[Any] = ()
    duplicate_key: Any | None = None
    """The row by which the platform's repetition of the message is recognised."""
    idempotency: Any | None = None
    parts: Sequence[Any] = ()
    files: Sequence[Any] = ()
    early: Sequence[Any] = ()
    """Receipts that wait for the part that they are about."""
    owed: Sequence[Any] = ()
    """What is in the outbox still, with the state of its lane and how much is before it."""
    done: Sequence[Any] = ()
    """What ended, dead letters that were dropped or replayed among it."""
    dead: Sequence[Any] = ()
    attempts: Sequence[Any] = ()
    exchanges: Sequence[Any] = ()
    owners: dict[int, Owner] = field(default_factory=dict)
    is_cut: bool = False
    """There is more than is shown."""


def trace_message(connection: Connection, message_id: str) -> Traced | None:
    """Return the way of a message; None if there is none."""
    row = connection.execute(select(message).where(message.c.id == message_id)).first()
    if row is None:
        return None
    traced = Traced(message=row, conversation_id=row.conversation_id)
    traced.events = connection.execute(
        _EVENTS.where(
            event.c.conversation_id == row.conversation_id, event.c.message_id == message_id
        ).order_by(event.c.sequence)
    ).all()
    _add_origin(connection, traced, row)
    _add_parts(connection, traced, row)
    traced.files = connection.execute(
        select(attachment).where(attachment.c.message_id == message_id).order_by(attachment.c.id)
    ).all()
    _add_deliveries(connection, traced, [row.conversation_id])
    return traced


def trace_event(connection: Connection, event_id: str) -> Traced | None:
    """Return the way of an event, or of the message that it is about; None if there is none."""
    row = connection.execute(select(event).where(event.c.id == event_id)).first()
    if row is None:
        return None
    if row.message_id is not None and (traced := trace_message(connection, row.message_id)):
        return traced
    traced = Traced(events=[row], conversation_id=row.conversation_id)
    _add_deliveries(connection, traced, [row.conversation_id or row.contact_id or OPERATIONS])
    return traced


def _add_origin(connection: Connection, traced: Traced, row: Any) -> None:
    """Add what says where the message came from: the platform's own id, or the caller's key."""
    if row.direction == "inbound":
        known = connection.execute(
            select(dedup).where(
                dedup.c.channel == row.channel, dedup.c.external_id == row.external_id
            )
        ).first()
        if known and known.position in [one.position for one in traced.events]:
            traced.duplicate_key = known
        return
    # Key and message are stored in one transaction, so they bear the same time.
    traced.idempotency = connection.execute(
        select(idempotency.c.scope, idempotency.c.key).where(
            idempotency.c.created_at == row.created_at,
            idempotency.c.answer.startswith(f'["{row.id}"', autoescape=True),
        )
    ).first()


def _add_parts(connection: Connection, traced: Traced, row: Any) -> None:
    traced.parts = connection.execute(
        select(message_part)
        .where(message_part.c.message_id == row.id)
        .order_by(message_part.c.number)
    ).all()
    named = [part.external_id for part in traced.parts if part.external_id]
    traced.early = connection.execute(
        select(early_receipt).where(
            early_receipt.c.channel == row.channel, early_receipt.c.external_id.in_(named)
        )
    ).all()


def _add_deliveries(connection: Connection, traced: Traced, subjects: Sequence[str]) -> None:
    """Add what was owed to whom because of the events and the message, and what became of it."""
    traced.is_cut = len(traced.events) > MOST_EVENTS
    traced.events = traced.events[:MOST_EVENTS]
    traced.owners = destinations_called(connection, None)
    positions = [row.position for row in traced.events]
    keys = {"positions": positions, "message": traced.message.id if traced.message else None}
    traced.done = connection.execute(_DONE, keys).all()
    traced.dead = connection.execute(_DEAD, keys).all()
    owed: list[Any] = []
    for destination_id, stream in lanes_about(connection, subjects):
        owed += connection.execute(
            _OWED, {**keys, "destination": destination_id, "stream": stream}
        ).all()
    traced.owed = owed
    numbers = {row.outbox_id for row in (*owed, *traced.done, *traced.dead)}
    traced.attempts = _rows_of(connection, attempt, numbers, MOST_ATTEMPTS)
    traced.exchanges = _rows_of(connection, exchange, numbers, MOST_EXCHANGES)
    traced.is_cut |= len(traced.attempts) == MOST_ATTEMPTS
    traced.is_cut |= len(traced.exchanges) == MOST_EXCHANGES


def _rows_of(connection: Connection, table: Any, numbers: Collection[int], most: int) -> list[Any]:
    rows: list[Any] = []
    for some in number_chunks(sorted(numbers)):
        query = select(table).where(table.c.outbox_id.in_(some)).order_by(table.c.id)
        rows += connection.execute(query.limit(most - len(rows))).all()
        if len(rows) >= most:
            break
    return rows


_EVENTS: Final = select(event).limit(MOST_EVENTS + 1)
_ABOUT: Final = {
    table: or_(
        table.c.position.in_(bindparam("positions", expanding=True)),
        table.c.message_id == bindparam("message"),
    )
    for table in (delivery_done, dead, outbox)
}
_DONE: Final = select(delivery_done).where(_ABOUT[delivery_done])
_DEAD: Final = select(dead).where(_ABOUT[dead])
_BEFORE = outbox.alias("before")
_OWED: Final = (
    select(
        outbox,
        outbox.c.id.label("outbox_id"),
        lane.c.state.label("lane_state"),
        lane.c.run_at,
        lane.c.retrying,
        select(func.count())
        .where(
            _BEFORE.c.destination_id == outbox.c.destination_id,
            _BEFORE.c.stream == outbox.c.stream,
            _BEFORE.c.id < outbox.c.id,
        )
        .scalar_subquery()
        .label("ahead"),
    )
    .select_from(
        outbox.join(
            lane,
            and_(
                lane.c.destination_id == outbox.c.destination_id,
                lane.c.stream == outbox.c.stream,
            ),
        )
    )
    .where(
        outbox.c.destination_id == bindparam("destination"),
        outbox.c.stream == bindparam("stream"),
        _ABOUT[outbox],
    )
)
