"""Emptying messages: what they say, their parts, their files and the keys they were queued under go.

Identifiers and states stay. What was not sent yet has failed, so that a late result of a send says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import (
    BindParameter,
    bindparam,
    delete,
    literal_column,
    null,
    select,
    tuple_,
    update,
)

from omnigate.store.blank import blank_message
from omnigate.store.erase import forget_answers
from omnigate.store.outbound import PartContent
from omnigate.store.prepared import Bulk
from omnigate.store.schema import (
    attachment,
    delivery_done,
    early_receipt,
    idempotency,
    message,
    message_part,
)
from omnigate.store.transaction import Transaction


@dataclass(slots=True)
class Emptied:
    """What became of messages."""

    messages: int = 0
    hashes: list[str] = field(default_factory=list)
    """Of the files that they bore."""
    uploads: list[str] = field(default_factory=list)
    """Ids of files that a CRM had uploaded and sent with them: others may have got them too."""


def empty_messages(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[Emptied]:
    """Take out what messages say, and their files; those that were not sent yet have failed."""
    return [_empty(transaction, list(ids)) for ids in items]


def forget_uploads(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[list[str]]:
    """Delete the rows of uploaded files; return the hashes of their bytes."""
    results = []
    for ids in items:
        hashes = transaction.connection.scalars(
            delete(attachment)
            .where(attachment.c.id.in_(ids), attachment.c.message_id.is_(None))
            .returning(attachment.c.sha256)
        )
        results.append([digest for digest in hashes if digest is not None])
    return results


def _empty(transaction: Transaction, ids: list[str]) -> Emptied:
    connection = transaction.connection
    keys = {"ids": ids}
    rows = connection.execute(select(message).where(_IS_ONE_OF), keys).all()
    _EMPTY_MESSAGE.run(
        connection,
        [
            {
                "key": row.id,
                "content_now": None if row.content is None else blank_message(row.content),
                "state_now": "failed" if row.state in ("queued", "sending") else row.state,
            }
            for row in rows
        ],
    )
    early = connection.execute(
        select(message_part.c.channel, message_part.c.external_id).where(
            _IS_PART, message_part.c.external_id.is_not(None)
        ),
        keys,
    ).all()
    if early:
        receipts = tuple_(early_receipt.c.channel, early_receipt.c.external_id)
        connection.execute(delete(early_receipt).where(receipts.in_([tuple(row) for row in early])))
    connection.execute(_EMPTY_PARTS, keys)
    hashes = list(connection.scalars(_HASHES, keys))
    connection.execute(delete(attachment).where(attachment.c.message_id.in_(ids)))
    _forget_keys(transaction, rows)
    forget_answers(transaction, list(connection.scalars(_DONE_OF_MESSAGES, keys)))
    return Emptied(len(rows), hashes, _uploads(rows))


def _uploads(rows: Sequence[Any]) -> list[str]:
    """Return the ids of files that outbound messages were sent with."""
    return [
        file["id"]
        for row in rows
        if row.content is not None
        for file in from_json(row.content)["attachments"]
    ]


def _forget_keys(transaction: Transaction, rows: Sequence[Any]) -> None:
    """Forget the idempotency keys under which messages were queued: both bear the same time."""
    connection = transaction.connection
    created = {row.created_at for row in rows if row.direction == "outbound"}
    if not created:
        return
    answers = tuple(f'["{row.id}"' for row in rows)
    found = connection.execute(
        select(idempotency.c.scope, idempotency.c.key, idempotency.c.answer).where(
            idempotency.c.created_at.in_(sorted(created))
        )
    )
    gone = [(row.scope, row.key) for row in found if row.answer.startswith(answers)]
    if gone:
        connection.execute(
            delete(idempotency).where(tuple_(idempotency.c.scope, idempotency.c.key).in_(gone))
        )


_IDS: Final[BindParameter[Any]] = bindparam("ids", expanding=True)
_IS_ONE_OF: Final = message.c.id.in_(_IDS)
_IS_PART: Final = message_part.c.message_id.in_(_IDS)
_EMPTY_MESSAGE: Final = Bulk(
    update(message)
    .where(message.c.id == bindparam("key"))
    .values(
        content=bindparam("content_now"),
        state=bindparam("state_now"),
        error=null(),
        external_id=null(),
    )
)
NO_CONTENT: Final = to_json(PartContent()).decode()
"""The body of a part that says nothing."""
_EMPTY_PARTS: Final = (
    update(message_part)
    .where(_IS_PART)
    .values(
        body=NO_CONTENT,
        error=null(),
        external_id=null(),
        state=literal_column(
            "CASE WHEN state IN ('queued', 'sending') THEN 'failed' ELSE state END"
        ),
    )
)
_HASHES: Final = select(attachment.c.sha256).where(
    attachment.c.message_id.in_(_IDS), attachment.c.sha256.is_not(None)
)
_DONE_OF_MESSAGES: Final = select(delivery_done.c.outbox_id).where(
    delivery_done.c.message_id.in_(_IDS), delivery_done.c.message_id.is_not(None)
)
