"""Dead letters: finding them, offering them again, dropping them.

A replayed item goes into a lane of its own beside the live one, named like it with ``#replay``: what
happens now is neither held up nor overtaken, and the replayed items of one conversation keep their order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    func,
    literal_column,
    null,
    select,
    tuple_,
    update,
)

from omnigate.store.prepared import Bulk
from omnigate.store.receipts import message_state
from omnigate.store.record import Owed, owe
from omnigate.store.schema import (
    APART,
    attempt,
    dead,
    destination,
    event,
    event_body,
    message,
    message_part,
)
from omnigate.store.selection import CHUNK, destinations_called, number_chunks
from omnigate.store.transaction import Target, Transaction, chunks

REPLAY_LANE: Final = f"{APART}replay"
HISTORY: Final = "replay-"
"""How lanes begin that carry a window of history; what stands after the mark is whom they are about."""
REPLAY_PRIORITY: Final = 1000
"""Behind everything that is live."""

_ARRIVED: Final = frozenset({"sent", "delivered", "read"})


class DeadFilter(NamedTuple):
    """Which dead letters are meant; nothing named means all."""

    to: str | None = None
    """Name of the destination."""
    reason: str | None = None
    since: int | None = None
    """Of those that died at this time or later, in milliseconds since 1970."""
    until: int | None = None


class DeadReplay(NamedTuple):
    """Dead letters to offer again, to those of their destinations that are served."""

    ids: Sequence[int]
    served: Collection[int]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of dead letters that were to be offered again."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    """Those that stay, and why."""


def list_dead(
    connection: Connection,
    wanted: DeadFilter,
    *,
    before: tuple[int, int] | None = None,
    limit: int,
) -> list[Any]:
    """Return dead letters, the latest first; ``before`` is time and number of the last one seen."""
    query = _SHOWN.where(*_conditions(connection, wanted))
    if before is not None:
        query = query.where(tuple_(dead.c.died_at, dead.c.outbox_id) < before)
    query = query.order_by(dead.c.died_at.desc(), dead.c.outbox_id.desc())
    return list(connection.execute(query.limit(limit)))


def read_dead(connection: Connection, number: int) -> Any | None:
    """Return one dead letter."""
    return connection.execute(_SHOWN.where(dead.c.outbox_id == number)).first()


def read_attempts(connection: Connection, outbox_id: int) -> list[Any]:
    """Return the attempts of an item that did not succeed, in order."""
    query = select(attempt).where(attempt.c.outbox_id == outbox_id).order_by(attempt.c.id)
    return list(connection.execute(query.limit(CHUNK)))


def count_dead(connection: Connection, wanted: DeadFilter) -> int:
    """Return how many dead letters there are."""
    conditions = _conditions(connection, wanted)
    return connection.scalar(select(func.count()).select_from(dead).where(*conditions)) or 0


def known_dead(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Return those numbers, in order, that dead letters have."""
    query = select(dead.c.outbox_id).where(dead.c.outbox_id.in_(numbers))
    return list(connection.scalars(query.order_by(dead.c.outbox_id)))


def next_dead(connection: Connection, wanted: DeadFilter, after: int, limit: int) -> list[int]:
    """Return the numbers of dead letters above ``after``, in order of what was owed first."""
    query = select(dead.c.outbox_id).where(
        *_conditions(connection, wanted), dead.c.outbox_id > after
    )
    return list(connection.scalars(query.order_by(dead.c.outbox_id).limit(limit)))


def drop_dead(transaction: Transaction, items: Sequence[Sequence[int]]) -> list[int]:
    """Delete dead letters; return how many there were."""
    return [
        _DELETE.run(transaction.connection, [{"key": number} for number in ids]) for ids in items
    ]


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
    unsent = _unsent(connection, [row.message_id for row in rows if row.message_id is not None])
    owed: list[Owed] = []
    requeued: set[str] = set()
    for row in sorted(rows, key=lambda row: row.outbox_id):
        if (why := _obstacle(row, wanted.served, unsent, requeued)) is not None:
            answer.refused[row.outbox_id] = why
            continue
        if row.message_id is not None:
            requeued.add(row.message_id)
        owed.append(
            Owed(
                Target(row.destination_id, ordered=True),
                _subject(row.stream) + REPLAY_LANE,
                REPLAY_PRIORITY,
                position=row.position,
                message_id=row.message_id,
                replay=True,
            )
        )
        answer.done.append(row.outbox_id)
    _requeue(transaction, {known: unsent[known] for known in requeued})
    owe(transaction, owed)
    _DELETE.run(connection, [{"key": number} for number in answer.done])
    return answer


def _subject(stream: str) -> str:
    """Return the conversation or contact whose lane it was, also if that was one of a replay."""
    before, _, after = stream.partition(APART)
    return after if before.startswith(HISTORY) else before


def _obstacle(
    row: Any, served: Collection[int], unsent: dict[str, list[Any]], requeued: Collection[str]
) -> str | None:
    """Return why a dead letter cannot be offered again, or None."""
    if row.destination_id not in served:
        return f"there is no {row.direction} {row.name} in the configuration any more"
    if row.message_id is None:
        return None if row.has_body else "what it said was erased"
    if row.message_id in requeued:
        return "the message is queued again already"
    parts = unsent.get(row.message_id)
    if parts is None:
        return "the message was erased"
    if all(part.state in _ARRIVED for part in parts):
        return "the message was sent meanwhile"
    return None


def _unsent(connection: Connection, message_ids: Sequence[str]) -> dict[str, list[Any]]:
    """Return the parts of messages."""
    parts: dict[str, list[Any]] = {}
    for some in chunks(message_ids):
        for row in connection.execute(_PARTS, {"ids": some}):
            parts.setdefault(row.message_id, []).append(row)
    return parts


def _requeue(transaction: Transaction, messages: dict[str, list[Any]]) -> None:
    """Have the parts that did not arrive sent again, as if for the first time.

    States only rise by what platforms say; that the operator wants a message sent after all is another
    beginning, and receipts for the sends of before are not about it.
    """
    _REQUEUE_PART.run(
        transaction.connection,
        [
            {"message": known, "part": part.number}
            for known, parts in messages.items()
            for part in parts
            if part.state not in _ARRIVED
        ],
    )
    _REQUEUE_MESSAGE.run(
        transaction.connection,
        [
            {
                "key": known,
                "now_in": message_state(
                    [part.state if part.state in _ARRIVED else "queued" for part in parts]
                ),
            }
            for known, parts in messages.items()
        ],
    )


def _conditions(connection: Connection, wanted: DeadFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.to is not None:
        conditions.append(
            dead.c.destination_id.in_(list(destinations_called(connection, wanted.to)))
        )
    if wanted.reason is not None:
        conditions.append(dead.c.reason == wanted.reason)
    if wanted.since is not None:
        conditions.append(dead.c.died_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(dead.c.died_at <= wanted.until)
    return conditions


_SHOWN: Final = select(
    dead,
    destination.c.direction,
    destination.c.name,
    event.c.id.label("event_id"),
    event.c.type.label("event_type"),
    func.coalesce(event.c.conversation_id, message.c.conversation_id).label("conversation_id"),
    event.c.sequence,
).select_from(
    dead.join(destination, destination.c.id == dead.c.destination_id)
    .outerjoin(event, event.c.position == dead.c.position)
    .outerjoin(message, message.c.id == dead.c.message_id)
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
    message_part.c.message_id, message_part.c.number, message_part.c.state
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
_DELETE: Final = Bulk(dead.delete().where(dead.c.outbox_id == bindparam("key")))
