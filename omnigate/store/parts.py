"""Sending outbound messages part by part, so that a retry resumes at the first part not sent.

What is to be changed about a message later (`omnigate.store.changes`) are further parts of it.

The intent to send a part is committed before the call: `start_next` runs in the transaction that
claims the lane, and `settle_part` starts the following part in the one that stores the result. A part
that is found in state ``sending`` when its lane is claimed anew may have been sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Literal

import structlog
from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, literal_column, select, update

from omnigate.model.outbound import OutboundChange, OutboundPart
from omnigate.store.attachments import read_attachments
from omnigate.store.changed import change_of, settle_changes
from omnigate.store.errands import Errand
from omnigate.store.ledger import Ledger
from omnigate.store.prepared import Bulk
from omnigate.store.receipts import ANY_CONVERSATION, Receipts, take_early
from omnigate.store.record import Recorder
from omnigate.store.schema import SEND, conversation, message, message_part
from omnigate.store.threads import Thread
from omnigate.store.transaction import Transaction, chunks

log = structlog.get_logger("store")


@dataclass(frozen=True, slots=True)
class PartJob:
    """A part that is to be sent now, and what is known of earlier tries."""

    part: OutboundPart | OutboundChange
    doubts: int
    """How often it was found in state ``sending`` with no result: it may have gone through."""


@dataclass(frozen=True, slots=True)
class PartResult:
    """How sending a part ended. An external id that another part bears already is not taken over."""

    message_id: str
    index: int
    state: Literal["sent", "failed", "unknown", "queued"]
    """``queued``: surely not sent, to be tried again."""
    external_id: str | None = None
    error: str | None = None
    action: str = SEND


def start_next(transaction: Transaction, errands: Sequence[Errand]) -> dict[Errand, PartJob]:
    """Mark the first part that each is still to see to as being sent; those without one are left out."""
    jobs: dict[Errand, PartJob] = {}
    started = []
    unsent: dict[str, list[Any]] = {}
    totals: dict[str, int] = {}
    for some in chunks(list(dict.fromkeys(errand.message_id for errand in errands))):
        for row in transaction.connection.execute(_UNSENT, {"ids": some}):
            unsent.setdefault(row.message_id, []).append(row)
        totals |= _totals(transaction.connection, some)
    for errand in errands:
        for part in islice(filter(errand.is_about, unsent.get(errand.message_id, ())), 1):
            job = _job(transaction.connection, part, totals.get(part.message_id, 0))
            jobs[errand] = job
            started.append(
                {"message": part.message_id, "part": part.number, "doubts_now": job.doubts}
            )
    if started:
        transaction.connection.execute(_START, started)
        begun = [{"key": job.part.message} for job in jobs.values() if _is_first_send(job)]
        if begun:
            transaction.connection.execute(_SET_SENDING, begun)
    return jobs


def settle_part(transaction: Transaction, items: Sequence[PartResult]) -> list[PartJob | None]:
    """Store how sending went and record the events; return what follows of the same errand, started."""
    recorder, ledger = Recorder(transaction), Ledger(transaction)
    receipts = Receipts(transaction, recorder, ledger)
    threads = _threads(transaction, ledger, [item.message_id for item in items])
    receipts.load_messages([item.message_id for item in items])
    items = _without_taken_names(transaction.connection, threads, items)
    early = _take_early(transaction.connection, threads, items)
    _REQUEUE.run(transaction.connection, [_requeued(item) for item in items if _is_requeued(item)])
    changes = [item for item in items if item.action != SEND]
    errands = settle_changes(transaction, recorder, threads, changes)
    for item in items:
        if item.action == SEND and not _is_requeued(item):
            _apply(transaction, receipts, threads[item.message_id], item, early)
    ledger.flush()
    receipts.flush()
    recorder.flush()
    going_on = [
        errands[item.message_id, item.index] if item.action != SEND else Errand(item.message_id)
        for item in items
        if item.state == "sent"
    ]
    following = start_next(transaction, list(dict.fromkeys(going_on)))
    after = iter(going_on)
    return [following.get(next(after)) if item.state == "sent" else None for item in items]


def _is_first_send(job: PartJob) -> bool:
    return isinstance(job.part, OutboundPart) and job.part.index == 0


def put_back(connection: Connection, jobs: Sequence[PartJob]) -> None:
    """Take back that parts were started: nobody tried to send them."""
    _REQUEUE.run(
        connection,
        [{"message": job.part.message, "part": job.part.index, "why": None} for job in jobs],
    )


def ended(connection: Connection, errands: Sequence[Errand]) -> dict[Errand, str]:
    """Return the sends of messages that failed or are unknown, with why: no part of them goes out any more.

    What was sent in part, or failed on its way from the platform, can be changed all the same.
    """
    found: dict[Errand, str] = {}
    sends = [errand.message_id for errand in errands if errand.first_part is None]
    for some in chunks(sends):
        for row in connection.execute(_ENDED, {"ids": some}):
            found[Errand(row.id)] = row.error or row.state
    return found


def _is_requeued(item: PartResult) -> bool:
    return item.state == "queued"


def _requeued(item: PartResult) -> dict[str, Any]:
    return {"message": item.message_id, "part": item.index, "why": item.error}


def _apply(
    transaction: Transaction,
    receipts: Receipts,
    thread: Thread,
    item: PartResult,
    early: dict[tuple[str, str], list[Any]],
) -> None:
    message_id, index, now = item.message_id, item.index, transaction.now
    receipts.move(thread, message_id, index, item.state, item.error, now, item.external_id)
    if item.external_id is not None:
        for row in early.get((thread.channel.name, item.external_id), ()):
            if row.conversation in (thread.external_id, ANY_CONVERSATION):
                receipts.move(thread, message_id, index, row.state, row.error, row.occurred_at)


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
        if item.external_id is not None:
            names.setdefault(threads[item.message_id].channel.name, []).append(item.external_id)
    return names


def _threads(
    transaction: Transaction, ledger: Ledger, message_ids: Sequence[str]
) -> dict[str, Thread]:
    owners: dict[str, str] = {}
    for some in chunks(list(dict.fromkeys(message_ids))):
        for row in transaction.connection.execute(_CONVERSATION_OF, {"ids": some}):
            owners[row.id] = row.conversation_id
    ledger.load_ids(owners.values())
    return {known: ledger.by_id[owner] for known, owner in owners.items()}


def _totals(connection: Connection, message_ids: Sequence[str]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in connection.execute(_INDEXES, {"ids": message_ids}):
        totals[row.message_id] = totals.get(row.message_id, 0) + 1
    return totals


def _job(connection: Connection, row: Any, total: int) -> PartJob:
    doubts = row.doubts + (row.state == "sending")
    if row.action != SEND:
        return PartJob(change_of(row), doubts)
    body = from_json(row.body)
    files = body.pop("attachments")
    fresh = read_attachments(connection, [file["id"] for file in files]) if files else {}
    part = OutboundPart(
        id=f"{row.message_id}.{row.number}",
        message=row.message_id,
        index=row.number,
        parts=total,
        conversation=row.external_id,
        address=row.address,
        # A caption belongs to the message; size, type and state are the file's as it is now.
        attachments=[
            fresh[file["id"]].attachment.model_copy(update={"caption": file["caption"]})
            if file["id"] in fresh
            else file
            for file in files
        ],
        **body,
    )
    return PartJob(part, doubts)


_UNSENT: Final = (
    select(
        message_part.c.message_id,
        message_part.c.number,
        message_part.c.state,
        message_part.c.doubts,
        message_part.c.body,
        message_part.c.action,
        conversation.c.external_id,
        conversation.c.address,
    )
    .select_from(
        message_part.join(message, message.c.id == message_part.c.message_id).join(
            conversation, conversation.c.id == message.c.conversation_id
        )
    )
    .where(
        message_part.c.message_id.in_(bindparam("ids", expanding=True)),
        message_part.c.state.in_(["queued", "sending"]),
    )
    .order_by(message_part.c.message_id, message_part.c.number)
)
_INDEXES: Final = select(message_part.c.message_id).where(
    message_part.c.message_id.in_(bindparam("ids", expanding=True)), message_part.c.action == SEND
)
_CONVERSATION_OF: Final = select(message.c.id, message.c.conversation_id).where(
    message.c.id.in_(bindparam("ids", expanding=True))
)
_ENDED: Final = select(message.c.id, message.c.state, message.c.error).where(
    message.c.id.in_(bindparam("ids", expanding=True)),
    message.c.state.in_(["failed", "unknown"]),
)
_BEARERS: Final = select(
    message_part.c.external_id, message_part.c.message_id, message_part.c.number
).where(
    message_part.c.channel == bindparam("channel"),
    message_part.c.external_id.in_(bindparam("ids", expanding=True)),
)
_ONE_PART = (
    message_part.c.message_id == bindparam("message"),
    message_part.c.number == bindparam("part"),
)
_START: Final = (
    update(message_part).where(*_ONE_PART).values(state="sending", doubts=bindparam("doubts_now"))
)
_SET_SENDING: Final = (
    update(message)
    .where(message.c.id == bindparam("key"), message.c.state == "queued")
    .values(state="sending")
)
_REQUEUE: Final = Bulk(
    update(message_part)
    .where(*_ONE_PART)
    .values(state=literal_column("'queued'"), error=bindparam("why"))
)
