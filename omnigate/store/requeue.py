"""Offering dead letters again: owed anew, as if for the first time.

A replayed item goes into a lane of its own beside the live one: what happens now is neither held up nor
overtaken, and the replayed items of one conversation keep their order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, literal_column, null, select, update

from omnigate.store.dead import put_away
from omnigate.store.emptying import NO_CONTENT
from omnigate.store.errands import Errand, errand_of
from omnigate.store.owed import Owed, owe
from omnigate.store.prepared import Bulk
from omnigate.store.ranks import ARRIVED, message_state
from omnigate.store.schema import dead, destination, event_body, message, message_part
from omnigate.store.selection import number_chunks
from omnigate.store.streams import REPLAY_LANE, REPLAY_PRIORITY, stream_of
from omnigate.store.transaction import Target, Transaction, chunks


class DeadReplay(NamedTuple):
    """Dead letters to offer again, to those of their destinations that are served."""

    ids: Sequence[int]
    served: Collection[int]
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of dead letters that were to be offered again."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    """Those that stay, and why."""


def replay_dead(transaction: Transaction, items: Sequence[DeadReplay]) -> list[Replayed]:
    """Owe dead letters anew, with a new expiry, and delete them."""
    return [_replay(transaction, item) for item in items]


def _replay(transaction: Transaction, wanted: DeadReplay) -> Replayed:
    connection, answer = transaction.connection, Replayed()
    rows = [
        row
        for some in number_chunks(wanted.ids)
        for row in connection.execute(_TO_REPLAY, {"ids": some})
    ]
    parts = _parts(connection, [row.message_id for row in rows if row.message_id is not None])
    owed: list[Owed] = []
    gone: list[Any] = []
    requeued: dict[Errand, list[Any]] = {}
    for row in sorted(rows, key=lambda row: row.outbox_id):
        errand = errand_of(row)
        mine = [part for part in parts.get(row.message_id, ()) if errand.is_about(part)]
        why = _obstacle(row, wanted.served, mine)
        if why is None and errand in requeued:
            why = "the message is queued again already"
        if why is not None:
            answer.refused[row.outbox_id] = why
            continue
        if row.message_id is not None:
            requeued[errand] = mine
        owed.append(
            Owed(
                Target(row.destination_id, ordered=True),
                stream_of(row.stream).subject + REPLAY_LANE,
                REPLAY_PRIORITY,
                position=row.position,
                message_id=row.message_id,
                replay=True,
                first_part=row.first_part,
                last_part=row.last_part,
            )
        )
        answer.done.append(row.outbox_id)
        gone.append(row)
    _requeue(transaction, requeued)
    owe(transaction, owed)
    put_away(transaction, gone, "replayed", wanted.by)
    return answer


def _obstacle(row: Any, served: Collection[int], parts: Sequence[Any]) -> str | None:
    """Return why a dead letter cannot be offered again, or None."""
    if row.destination_id not in served:
        return f"there is no {row.direction} {row.name} in the configuration any more"
    if row.message_id is None:
        return None if row.has_body else "what it said was erased"
    if not parts:
        return "the message was erased"
    if all(part.state in ARRIVED for part in parts):
        return "the message was sent meanwhile"
    if any(part.is_empty and part.state not in ARRIVED for part in parts):
        return "what it said is not kept any more"
    return None


def _parts(connection: Connection, message_ids: Sequence[str]) -> dict[str, list[Any]]:
    """Return the parts of messages."""
    parts: dict[str, list[Any]] = {}
    for some in chunks(message_ids):
        for row in connection.execute(_PARTS, {"ids": some}):
            parts.setdefault(row.message_id, []).append(row)
    return parts


def _requeue(transaction: Transaction, errands: dict[Errand, list[Any]]) -> None:
    """Have the parts that did not arrive sent again, as if for the first time.

    States only rise by what platforms say; that the operator wants a message sent after all is another
    beginning, and receipts for the sends of before are not about it.
    """
    _REQUEUE_PART.run(
        transaction.connection,
        [
            {"message": errand.message_id, "part": part.number}
            for errand, parts in errands.items()
            for part in parts
            if part.state not in ARRIVED
        ],
    )
    sends = {
        errand.message_id: [part.state if part.state in ARRIVED else "queued" for part in parts]
        for errand, parts in errands.items()
        if errand.first_part is None
    }
    _REQUEUE_MESSAGE.run(
        transaction.connection,
        [{"key": known, "now_in": message_state(states)} for known, states in sends.items()],
    )


_TO_REPLAY: Final = (
    select(
        dead,
        destination.c.direction,
        destination.c.name,
        event_body.c.position.is_not(None).label("has_body"),
    )
    .select_from(
        dead.join(destination, destination.c.id == dead.c.destination_id).outerjoin(
            event_body, event_body.c.position == dead.c.position
        )
    )
    .where(dead.c.outbox_id.in_(bindparam("ids", expanding=True)))
)
_PARTS: Final = select(
    message_part.c.message_id,
    message_part.c.number,
    message_part.c.state,
    message_part.c.action,
    (message_part.c.body == NO_CONTENT).label("is_empty"),
).where(message_part.c.message_id.in_(bindparam("ids", expanding=True)))
_REQUEUE_PART: Final = Bulk(
    update(message_part)
    .where(
        message_part.c.message_id == bindparam("message"),
        message_part.c.number == bindparam("part"),
    )
    .values(
        state=literal_column("'queued'"),
        doubts=literal_column("0"),
        error=null(),
        external_id=null(),
    )
)
_REQUEUE_MESSAGE: Final = Bulk(
    update(message)
    .where(message.c.id == bindparam("key"))
    .values(state=bindparam("now_in"), error=null(), expires_at=null())
)
