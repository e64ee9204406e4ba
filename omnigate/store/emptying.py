"""Emptying messages: what they say, their parts and the keys they were queued under go.

Identifiers and states stay. What was not sent yet has failed, so that a late result of a send says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json
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
    delivery_done,
    early_receipt,
    idempotency,
    message,
    message_part,
)
from omnigate.store.transaction import Transaction


def empty_messages(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[int]:
    """Take out what messages say; those that were not sent yet have failed. Return how many.

    Their files are to be gone by then: what a message was sent with stands nowhere but in it.
    """
    return [_empty(transaction, list(ids)) for ids in items]


def _empty(transaction: Transaction, ids: list[str]) -> int:
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
    forget_keys(
        transaction, {row.id: row.created_at for row in rows if row.direction == "outbound"}
    )
    forget_answers(transaction, list(connection.scalars(_DONE_OF_MESSAGES, keys)))
    return len(rows)


def forget_keys(transaction: Transaction, created: Mapping[str, int]) -> None:
    """Forget the idempotency keys under which things were asked for: both bear the same time, given by id."""
    connection = transaction.connection
    if not created:
        return
    answers = tuple(f'["{one}"' for one in created)
    found = connection.execute(
        select(idempotency.c.scope, idempotency.c.key, idempotency.c.answer).where(
            idempotency.c.created_at.in_(sorted(set(created.values())))
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
_DONE_OF_MESSAGES: Final = select(delivery_done.c.outbox_id).where(
    delivery_done.c.message_id.in_(_IDS), delivery_done.c.message_id.is_not(None)
)
