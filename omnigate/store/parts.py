"""What became of sending messages part by part: results, and what the platform said of them before.

What is to be changed about a message later (`omnigate.store.changes`) are further parts of it. Which part
comes next is for `omnigate.store.starting` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import structlog
from sqlalchemy import Connection, bindparam, select

from omnigate.store.changed import settle_changes
from omnigate.store.errands import Errand
from omnigate.store.ledger import Ledger
from omnigate.store.partresult import PartResult
from omnigate.store.receipts import ANY_CONVERSATION, take_early
from omnigate.store.record import Recorder
from omnigate.store.schema import SEND, message, message_part
from omnigate.store.segments import Segments
from omnigate.store.starting import REQUEUE_PARTS, PartJob, start_next
from omnigate.store.states import States
from omnigate.store.threads import Thread
from omnigate.store.transaction import Transaction, chunks

log = structlog.get_logger("store")


def settle_part(transaction: Transaction, items: Sequence[PartResult]) -> list[PartJob | None]:
    """Store how sending went and record the events; return what follows of the same errand, started."""
    recorder, ledger = Recorder(transaction), Ledger(transaction)
    states, segments = States(transaction, recorder), Segments(transaction)
    threads = _threads(transaction, ledger, [item.message_id for item in items])
    states.load([item.message_id for item in items])
    items = _without_taken_names(transaction.connection, threads, items)
    early = _take_early(transaction.connection, threads, items)
    REQUEUE_PARTS.run(
        transaction.connection, [_requeued(item) for item in items if _is_requeued(item)]
    )
    errands: dict[tuple[str, int], Errand] = {}
    for item in items:
        if item.action != SEND:
            errands |= settle_changes(transaction, recorder, threads, [item])
        elif not _is_requeued(item):
            _apply(transaction.now, states, segments, threads[item.message_id], item, early)
    ledger.flush()
    states.flush()
    segments.flush()
    recorder.flush()
    going_on = [
        errands[item.message_id, item.index] if item.action != SEND else Errand(item.message_id)
        for item in items
        if item.state == "sent"
    ]
    following = start_next(transaction, list(dict.fromkeys(going_on)))
    after = iter(going_on)
    return [following.get(next(after)) if item.state == "sent" else None for item in items]


def _is_requeued(item: PartResult) -> bool:
    return item.state == "queued"


def _requeued(item: PartResult) -> dict[str, Any]:
    return {"message": item.message_id, "part": item.index, "why": item.error}


def _apply(
    now: int,
    states: States,
    segments: Segments,
    thread: Thread,
    item: PartResult,
    early: dict[tuple[str, str], list[Any]],
) -> None:
    message_id, index = item.message_id, item.index
    channel = thread.channel.name
    states.move(thread, message_id, index, item.state, item.error, now, item.external_id)
    segments.add(channel, message_id, index, item.segments)
    for name in _names_of(item):
        for row in early.pop((channel, name), ()):
            if row.conversation in (thread.external_id, ANY_CONVERSATION):
                state = segments.move(channel, name, row.state)
                if state is not None:
                    error = segments.told(channel, name, row.error)
                    states.move(thread, message_id, index, state, error, row.occurred_at)


def _take_early(
    connection: Connection, threads: dict[str, Thread], items: Sequence[PartResult]
) -> dict[tuple[str, str], list[Any]]:
    """Return and remove the receipts that came before the parts' ids, by channel and id."""
    found: dict[tuple[str, str], list[Any]] = {}
    for channel, names in _names(threads, items).items():
        for row in take_early(connection, channel, names):
            found.setdefault((channel, row.external_id), []).append(row)
    return found


def _without_taken_names(
    connection: Connection, threads: dict[str, Thread], items: Sequence[PartResult]
) -> list[PartResult]:
    """Drop external ids that other parts bear: a platform that repeats itself must not stop a send."""
    bearers: dict[tuple[str, str], tuple[str, int]] = {}
    for channel, names in _names(threads, items).items():
        for some in chunks(names):
            for row in connection.execute(_BEARERS, {"channel": channel, "ids": some}):
                bearers[channel, row.external_id] = (row.message_id, row.number)
    kept = []
    for item in items:
        if item.external_id is not None:
            key = (threads[item.message_id].channel.name, item.external_id)
            mine = (item.message_id, item.index)
            if bearers.setdefault(key, mine) != mine:
                log.warning("a platform gave an id twice", channel=key[0], external_id=key[1])
                item = replace(item, external_id=None)
        kept.append(item)
    return kept


def _names(threads: dict[str, Thread], items: Sequence[PartResult]) -> dict[str, list[str]]:
    """Return the external ids that the results bring, by channel."""
    names: dict[str, list[str]] = {}
    for item in items:
        names.setdefault(threads[item.message_id].channel.name, []).extend(_names_of(item))
    return names


def _names_of(item: PartResult) -> list[str]:
    """Return what the platform calls a part and its segments."""
    own = [item.external_id] if item.external_id is not None else []
    return list(dict.fromkeys([*own, *item.segments]))


def _threads(
    transaction: Transaction, ledger: Ledger, message_ids: Sequence[str]
) -> dict[str, Thread]:
    owners: dict[str, str] = {}
    for some in chunks(list(dict.fromkeys(message_ids))):
        for row in transaction.connection.execute(_CONVERSATION_OF, {"ids": some}):
            owners[row.id] = row.conversation_id
    ledger.load_ids(owners.values())
    return {known: ledger.by_id[owner] for known, owner in owners.items()}


_CONVERSATION_OF: Final = select(message.c.id, message.c.conversation_id).where(
    message.c.id.in_(bindparam("ids", expanding=True))
)
_BEARERS: Final = select(
    message_part.c.external_id, message_part.c.message_id, message_part.c.number
).where(
    message_part.c.channel == bindparam("channel"),
    message_part.c.external_id.in_(bindparam("ids", expanding=True)),
)
