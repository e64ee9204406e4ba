"""How things ended that no attempt brought to an end: cancelled, dropped, or offered anew.

The note lives as long as those of deliveries, so the way of a message can still be told after its dead
letter is gone: its attempts, its death, and who did what about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from omnigate.store.prepared import bulk_insert
from omnigate.store.schema import delivery_done
from omnigate.store.streams import is_replay
from omnigate.store.transaction import Transaction

End = Literal["cancelled", "dropped", "replayed"]


def note_end(transaction: Transaction, rows: Sequence[Any], end: End, by: str | None) -> None:
    """Note how items ended; rows of the outbox (with their number as ``outbox_id``) or dead letters."""
    _INSERT.run(
        transaction.connection,
        [
            {
                **what_ended(row),
                "outcome": end,
                "status": None,
                "duration_ms": None,
                "finished_at": transaction.now,
                "reason": getattr(row, "reason", None),
                "died_at": getattr(row, "died_at", None),
                "ended_by": by,
                "replay": is_replay(row.stream),
            }
            for row in rows
        ],
    )


def what_ended(row: Any) -> dict[str, Any]:
    """Return what every note about an end says."""
    return {
        "outbox_id": row.outbox_id,
        "destination_id": row.destination_id,
        "position": row.position,
        "message_id": row.message_id,
        "attempts": row.attempts,
        "created_at": row.created_at,
    }


_INSERT: Final = bulk_insert(delivery_done)
