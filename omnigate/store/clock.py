"""What the store knows of the machine's clock, and what becomes of moments to come when that is set back.

They keep their distance: a lane that waits half a minute would otherwise wait a day and half a minute, were
the clock set back by a day. When it is set ahead what waits is tried earlier; what ages bring about waits
until nobody doubts the clock any more, and until when it is doubted stands in the table ``installation``,
since the next start could not tell: by then the newest rows bear the wrong time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from omnigate.store.dialect import upsert
from omnigate.store.schema import (
    IDLE,
    LEASED,
    attachment,
    attempt,
    destination,
    event,
    installation,
    lane,
    wait,
)
from omnigate.store.transaction import Transaction


class SetBack(NamedTuple):
    """The clock was set back."""

    by_ms: int | None
    """None: by as much as the newest row is ahead of the clock now."""
    lease_ms: int
    """How long a lease lasts."""


def set_back(transaction: Transaction, items: Sequence[SetBack]) -> list[int]:
    """Bring what is to come nearer; return by how many milliseconds. All destinations are asked about."""
    results = []
    for item in items:
        by_ms = _behind(transaction) if item.by_ms is None else item.by_ms
        if by_ms > 0:
            _bring_nearer(transaction, by_ms, item.lease_ms)
        results.append(max(by_ms, 0))
    return results


def newest_at(connection: Connection) -> int | None:
    """Return when something was last stored, None if nothing ever was."""
    return max(connection.scalar(query) or 0 for query in _NEWEST) or None


def read_doubt(connection: Connection) -> int | None:
    """Return until when the clock was last said to be in doubt; None: it was not."""
    value: bytes | None = connection.scalar(_DOUBT)
    return int(value) if value is not None else None


def note_doubt(transaction: Transaction, items: Sequence[int | None]) -> list[None]:
    """Write down until when the clock is in doubt; None ends it."""
    until = items[-1]
    if until is None:
        transaction.connection.execute(delete(installation).where(installation.c.key == _KEY))
    else:
        new = upsert(installation).values(key=_KEY, value=str(until).encode())
        transaction.connection.execute(
            new.on_conflict_do_update(
                index_elements=[installation.c.key], set_={"value": new.excluded.value}
            )
        )
    return [None] * len(items)


def _behind(transaction: Transaction) -> int:
    """Return how far the clock is behind the newest rows."""
    return (newest_at(transaction.connection) or 0) - transaction.now


def _bring_nearer(transaction: Transaction, by_ms: int, lease_ms: int) -> None:
    connection, now = transaction.connection, transaction.now
    keys = {"by": by_ms, "present": now, "lease_ends": now + lease_ms}
    for statement in (_LANES, _LEASES, _FAILURES, _DESTINATIONS, _ATTACHMENTS, _WAITS):
        connection.execute(statement, keys)
    transaction.due.update(connection.scalars(select(destination.c.id)))
    transaction.attachments_due = True
    transaction.overdue_at = now


def _nearer(moment: Column[int]) -> Any:
    nearer = moment - bindparam("by")
    return case((nearer > bindparam("present"), nearer), else_=bindparam("present"))


_KEY: Final = "clock doubted until"
_DOUBT: Final = select(installation.c.value).where(installation.c.key == _KEY)
_PRESENT: Final[BindParameter[int]] = bindparam("present")
_NEWEST: Final = (
    select(event.c.recorded_at).order_by(event.c.position.desc()).limit(1),
    select(attempt.c.at).order_by(attempt.c.id.desc()).limit(1),
    select(func.max(destination.c.last_success_at)),
)
_LANES: Final = (
    update(lane)
    .where(lane.c.state != IDLE, lane.c.run_at > _PRESENT)
    .values(run_at=_nearer(lane.c.run_at))
)
# Whoever still holds a lease renews it; the others end as if they had been taken now.
_LEASES: Final = (
    update(lane)
    .where(lane.c.state == LEASED, lane.c.lease_until > bindparam("lease_ends"))
    .values(lease_until=bindparam("lease_ends"))
)
_FAILURES: Final = (
    update(lane).where(lane.c.first_failure_at > _PRESENT).values(first_failure_at=_PRESENT)
)
_DESTINATIONS: Final = (
    update(destination)
    .where(destination.c.retry_at > _PRESENT)
    .values(retry_at=_nearer(destination.c.retry_at))
)
_ATTACHMENTS: Final = (
    update(attachment)
    .where(attachment.c.retry_at > _PRESENT)
    .values(retry_at=_nearer(attachment.c.retry_at))
)
_WAITS: Final = update(wait).where(wait.c.due_at > _PRESENT).values(due_at=_nearer(wait.c.due_at))
