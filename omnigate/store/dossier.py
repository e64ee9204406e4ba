"""What is kept of a person beside what was said: calls, tokens, waits, merges and contradictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from omnigate.store.schema import call, conflict, handover, merge, wait
from omnigate.store.transaction import chunks

PAGE: Final = 200


def calls_of(connection: Connection, conversation_id: str, after: str) -> list[Any]:
    """Return a page of the calls of a conversation as they are stored, in order of their ids."""
    query = select(call).where(call.c.conversation_id == conversation_id, call.c.id > after)
    return list(connection.execute(query.order_by(call.c.id).limit(PAGE)))


def handovers_of(connection: Connection, conversation_ids: Sequence[str]) -> list[Any]:
    """Return the tokens that were made in conversations; not what would let somebody use them."""
    columns = [column for column in handover.c if column is not handover.c.token_sha256]
    return [
        row
        for some in chunks(conversation_ids)
        for row in connection.execute(
            select(*columns).where(handover.c.conversation_id.in_(some)).order_by(handover.c.id)
        )
    ]


def waits_of(connection: Connection, conversation_id: str, after: int) -> list[Any]:
    """Return a page of the waits in a conversation, in order."""
    query = select(wait).where(wait.c.conversation_id == conversation_id, wait.c.id > after)
    return list(connection.execute(query.order_by(wait.c.id).limit(PAGE)))


def merges_of(connection: Connection, contact_ids: Sequence[str]) -> list[Any]:
    """Return the merges that contacts have part in."""
    part = or_(merge.c.winner.in_(contact_ids), merge.c.loser.in_(contact_ids))
    return list(connection.execute(select(merge).where(part).order_by(merge.c.id)))


def conflicts_of(connection: Connection, contact_ids: Sequence[str]) -> list[Any]:
    """Return the contradictions that contacts have part in."""
    part = or_(conflict.c.contact_id.in_(contact_ids), conflict.c.other_id.in_(contact_ids))
    return list(connection.execute(select(conflict).where(part).order_by(conflict.c.id)))
