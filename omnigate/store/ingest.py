"""Taking in what channels hand over: deduplicate, interpret, record; all or nothing per hand-over.

One call serves all hand-overs of a turn with a fixed number of statements, however many they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import bindparam, select

from omnigate import failpoints
from omnigate.hosting import Notes, Recorded
from omnigate.model.inbound import Inbound
from omnigate.store.dialect import upsert
from omnigate.store.interpret import Interpreter
from omnigate.store.notes import write_notes
from omnigate.store.prepared import Lookup, bulk_insert
from omnigate.store.quarantined import Puzzle, keep
from omnigate.store.schema import cursor, dedup, event
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Intake:
    """One hand-over of a channel: items in order, and the cursor that covers them."""

    channel: ChannelKey
    items: Sequence[Inbound]
    cursor: str | None = None
    puzzles: Sequence[Puzzle] = ()
    """What came along and was not understood."""
    notes: Notes = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """What the batch knows of deduplication keys: from the store, and from the batch itself."""

    answers: dict[tuple[str, str], Recorded] = field(default_factory=dict)
    """Of what was stored before."""
    brought: dict[tuple[str, str], Recorded] = field(default_factory=dict)
    """Of what the batch itself has stored."""
    rows: list[dict[str, Any]] = field(default_factory=list)


def ingest(transaction: Transaction, intakes: Sequence[Intake]) -> list[list[Recorded]]:
    """Store hand-overs; return for each what became of its items, in order."""
    known = _Known(_find_duplicates(transaction, intakes))
    interpreter = Interpreter(transaction)
    interpreter.prepare(
        (intake.channel, item)
        for intake in intakes
        for item in intake.items
        if (intake.channel.name, item.external_id) not in known.answers
    )
    results = [
        [_one(transaction, interpreter, known, intake.channel, item) for item in intake.items]
        for intake in intakes
    ]
    interpreter.flush()
    keep(transaction, [puzzle for intake in intakes for puzzle in intake.puzzles])
    _INSERT_DEDUP.run(transaction.connection, known.rows)
    _move_cursors(transaction, intakes)
    write_notes(
        transaction,
        {
            (intake.channel.name, key): value
            for intake in intakes
            for key, value in intake.notes.items()
        },
    )
    failpoints.reached("insert")
    return results


def _one(
    transaction: Transaction,
    interpreter: Interpreter,
    known: _Known,
    channel: ChannelKey,
    item: Inbound,
) -> Recorded:
    key = (channel.name, item.external_id)
    if (answer := known.answers.get(key)) is not None:
        return answer
    if (first := known.brought.get(key)) is not None:
        return replace(first, duplicate=True)
    recorded = interpreter.interpret(channel, item)
    position = recorded.position if recorded else None
    known.rows.append(
        {
            "channel": channel.name,
            "external_id": item.external_id,
            "position": position,
            "recorded_at": transaction.now,
        }
    )
    if recorded is None:
        answer = Recorded(None, None, None)
    else:
        answer = Recorded(recorded.event_id, recorded.sequence, recorded.message_id)
    known.brought[key] = answer
    return answer


def _find_duplicates(
    transaction: Transaction, intakes: Sequence[Intake]
) -> dict[tuple[str, str], Recorded]:
    by_channel: dict[str, list[str]] = {}
    for intake in intakes:
        wanted = by_channel.setdefault(intake.channel.name, [])
        wanted.extend(item.external_id for item in intake.items)
    found: dict[tuple[str, str], Recorded] = {}
    for channel, external_ids in by_channel.items():
        for row in _DUPLICATES.run(transaction.connection, external_ids, {"channel": channel}):
            found[channel, row.external_id] = Recorded(
                row.id, row.sequence, row.message_id, duplicate=True
            )
    return found


def _move_cursors(transaction: Transaction, intakes: Sequence[Intake]) -> None:
    moved = {intake.channel.name: intake.cursor for intake in intakes if intake.cursor is not None}
    if moved:
        transaction.connection.execute(
            _UPSERT_CURSOR,
            [
                {"channel": channel, "value": value, "updated_at": transaction.now}
                for channel, value in moved.items()
            ],
        )


def read_cursor(connection: Any, channel: str) -> str | None:
    """Return the cursor last committed for a channel."""
    value: str | None = connection.scalar(select(cursor.c.value).where(cursor.c.channel == channel))
    return value


_DUPLICATES: Final = Lookup(
    lambda keys: (
        select(dedup.c.external_id, event.c.id, event.c.sequence, event.c.message_id)
        .select_from(dedup.outerjoin(event, event.c.position == dedup.c.position))
        .where(dedup.c.channel == bindparam("channel"), dedup.c.external_id.in_(keys))
    )
)
_INSERT_DEDUP: Final = bulk_insert(dedup)
_NEW_CURSOR: Final = upsert(cursor)
_UPSERT_CURSOR: Final = _NEW_CURSOR.on_conflict_do_update(
    index_elements=[cursor.c.channel],
    set_={"value": _NEW_CURSOR.excluded.value, "updated_at": _NEW_CURSOR.excluded.updated_at},
)
