"""Telling that customers wait longer than their channel's target allows: once a wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, null, select, update

from omnigate.model.event import EventType
from omnigate.model.facts import WaitData
from omnigate.store.ledger import Ledger
from omnigate.store.prepared import Bulk
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import wait
from omnigate.store.transaction import Transaction


def tell_overdue(transaction: Transaction, items: Sequence[int]) -> list[int]:
    """Record ``conversation.overdue`` for waits that are overdue by now, so many at most; return how many."""
    return [_tell(transaction, item) for item in items]


def _tell(transaction: Transaction, limit: int) -> int:
    connection, now = transaction.connection, transaction.now
    rows = connection.execute(_OVERDUE, {"present": now, "limit": limit}).all()
    if not rows:
        return 0
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    ledger.load_ids(row.conversation_id for row in rows)
    for row in rows:
        thread = ledger.by_id[row.conversation_id]
        data = WaitData(
            since=datetime.fromtimestamp(row.since / 1000, UTC),
            target_seconds=row.target_ms / 1000,
            message=row.message_id,
            first=row.first,
        )
        recorder.record(
            Draft(
                type=EventType.CONVERSATION_OVERDUE,
                person=thread.person,
                thread=thread,
                channel=thread.channel,
                occurred_at=row.due_at,
                data=data.model_dump_json(),
            )
        )
    ledger.flush()
    recorder.flush()
    _TOLD.run(connection, [{"key": row.id, "at": now} for row in rows])
    return len(rows)


_OVERDUE: Final = (
    select(wait)
    .where(wait.c.due_at <= bindparam("present"), wait.c.due_at.is_not(None))
    .order_by(wait.c.due_at)
    .limit(bindparam("limit"))
)
_TOLD: Final = Bulk(
    update(wait)
    .where(wait.c.id == bindparam("key"))
    .values(overdue_at=bindparam("at"), due_at=null())
)
