"""Taking out what conversations tell of others: words are kept no longer for being told twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from omnigate.model.context import Context, HandedOver
from omnigate.store.ledger import Ledger
from omnigate.store.schema import conversation
from omnigate.store.transaction import Transaction

PAGE: Final = 200


class Tellers(NamedTuple):
    """Conversations that tell what was said in another one before a moment."""

    conversation_ids: Sequence[str]
    said_before: int
    """Milliseconds since 1970."""
    after: str | None
    """Where to go on; None at the end."""


def find_tellers(connection: Connection, said_before: int, after: str) -> Tellers:
    """Return the next conversations that tell old words. Goes through the conversations, a part at a time."""
    rows = connection.execute(_TELLERS, {"after": after}).all()
    moment = _moment(said_before)
    found = [
        row.id
        for row in rows
        if (told := Context.model_validate_json(row.context).handover) is not None
        and any(message.at < moment for message in told.messages)
    ]
    return Tellers(found, said_before, rows[-1].id if len(rows) == PAGE else None)


def silence(transaction: Transaction, items: Sequence[Tellers]) -> list[int]:
    """Have conversations tell no more what was said before the moment; return how many did."""
    return [_silence(transaction, item) for item in items]


def _silence(transaction: Transaction, item: Tellers) -> int:
    ledger, moment = Ledger(transaction), _moment(item.said_before)
    ledger.load_ids(item.conversation_ids)
    count = 0
    for thread in ledger.by_id.values():
        told = Context.model_validate_json(thread.context).handover
        if told is not None:
            count += thread.merge_context(_since(told, moment), by_us=True)
    ledger.flush()
    return count


def _since(told: HandedOver, moment: datetime) -> Context:
    latest = [message for message in told.messages if message.at >= moment]
    return Context(handover=told.model_copy(update={"messages": latest}))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


_TELLERS: Final = (
    select(conversation.c.id, conversation.c.context)
    .where(
        conversation.c.id > bindparam("after"),
        func.instr(conversation.c.context, '"messages":[{') > 0,
    )
    .order_by(conversation.c.id)
    .limit(PAGE)
)
