"""Which part of a message is to be sent next, so that a retry resumes at the first part not sent.

The intent to send a part is committed before the call: `start_next` runs in the transaction that
claims the lane, and `omnigate.store.parts.settle_part` starts the following part in the one that stores the
result. A part that is found in state ``sending`` when its lane is claimed anew may have been sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, literal_column, select, update

from omnigate.model.outbound import OutboundChange, OutboundPart
from omnigate.store.attachments import read_attachments
from omnigate.store.changed import change_of
from omnigate.store.errands import Errand
from omnigate.store.prepared import Bulk
from omnigate.store.schema import FORCED, SEND, conversation, message, message_part
from omnigate.store.transaction import Transaction, chunks


@dataclass(frozen=True, slots=True)
class PartJob:
    """A part that is to be sent now, and what is known of earlier tries."""

    part: OutboundPart | OutboundChange
    doubts: int
    """How often it was found in state ``sending`` with no result: it may have gone through."""
    is_unwanted: bool = False
    """The customer has asked, since it was queued, not to be written to there."""


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


def put_back(connection: Connection, jobs: Sequence[PartJob]) -> None:
    """Take back that parts were started: nobody tried to send them."""
    REQUEUE_PARTS.run(
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


def _is_first_send(job: PartJob) -> bool:
    return isinstance(job.part, OutboundPart) and job.part.index == 0


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
    is_forced = body.pop(FORCED, False)
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
    return PartJob(part, doubts, is_unwanted=row.blocked_at is not None and not is_forced)


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
        conversation.c.blocked_at,
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
_ENDED: Final = select(message.c.id, message.c.state, message.c.error).where(
    message.c.id.in_(bindparam("ids", expanding=True)),
    message.c.state.in_(["failed", "unknown"]),
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
REQUEUE_PARTS: Final = Bulk(
    update(message_part)
    .where(*_ONE_PART, message_part.c.state == literal_column("'sending'"))
    .values(state=literal_column("'queued'"), error=bindparam("why"))
)
