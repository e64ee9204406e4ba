"""Telling what became of messages whose sending was held as unknown: somebody has found out elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from sqlalchemy import bindparam, select

from omnigate.store.dead import put_away
from omnigate.store.ledger import Ledger
from omnigate.store.record import Recorder
from omnigate.store.schema import SEND, dead, message, message_part
from omnigate.store.states import States
from omnigate.store.transaction import Transaction

Resolved = Literal["resolved", "not_unknown", "rest_waits"]
"""``rest_waits``: further parts were never begun; they are a dead letter that can be replayed."""


class Resolution(NamedTuple):
    """What is known of a message now."""

    message_id: str
    state: Literal["sent", "delivered", "failed"]
    error: str | None = None
    by: str | None = None
    """Who says so."""


def resolve_messages(transaction: Transaction, items: Sequence[Resolution]) -> list[Resolved]:
    """Bring the unknown parts of messages into the state they are known to be in, and record it."""
    return [_resolve(transaction, item) for item in items]


def _resolve(transaction: Transaction, known: Resolution) -> Resolved:
    connection = transaction.connection
    parts = connection.execute(_PARTS, {"id": known.message_id}).all()
    if not any(part.state == "unknown" for part in parts):
        return "not_unknown"
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    states = States(transaction, recorder)
    ledger.load_ids([parts[0].conversation_id])
    states.load([known.message_id])
    thread = ledger.by_id[parts[0].conversation_id]
    for part in parts:
        if part.state == "unknown":
            states.move(
                thread, known.message_id, part.number, known.state, known.error, transaction.now
            )
    ledger.flush()
    states.flush()
    recorder.flush()
    if known.state != "failed" and any(part.state == "queued" for part in parts):
        return "rest_waits"
    letters = connection.execute(_DEAD, {"id": known.message_id}).all()
    put_away(transaction, letters, "dropped", known.by)
    return "resolved"


_PARTS: Final = (
    select(message_part.c.number, message_part.c.state, message.c.conversation_id)
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(message_part.c.message_id == bindparam("id"), message_part.c.action == SEND)
    .order_by(message_part.c.number)
)
_DEAD: Final = select(dead).where(dead.c.message_id == bindparam("id"), dead.c.first_part.is_(None))
