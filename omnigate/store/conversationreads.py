"""Conversations as they are now: for the API, for their channels, for whoever answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, and_, bindparam, or_, select

from omnigate.hosting import ConversationInfo
from omnigate.model.address import Address
from omnigate.store.record import time_text
from omnigate.store.schema import conversation, message, message_part, segment
from omnigate.store.transaction import chunks


class ConversationRow(NamedTuple):
    """A conversation as it is stored."""

    id: str
    channel: str
    kind: str
    external_id: str
    contact_id: str
    address: str
    subject: str | None
    status: str
    owner: str | None
    waiting_since: str | None
    last_sequence: int
    context: dict[str, Any]
    created_at: str
    updated_at: str


def find_conversation(
    connection: Connection, channel: str, external_id: str
) -> ConversationInfo | None:
    """Return a channel's conversation by the platform's id."""
    row = connection.execute(_BY_KEY, {"channel": channel, "external_id": external_id}).first()
    if row is None:
        return None
    return _info(row)


def conversations_of_messages(
    connection: Connection, channel: str, external_ids: Sequence[str]
) -> dict[str, ConversationInfo]:
    """Return the conversations that a channel's messages are in, by the platform's id of the message."""
    found: dict[str, ConversationInfo] = {}
    for some in chunks(list(dict.fromkeys(external_ids))):
        for query in (_OF_MESSAGES, _OF_PARTS, _OF_SEGMENTS):
            for row in connection.execute(query, {"channel": channel, "ids": some}):
                found.setdefault(row.called, _info(row))
    return found


def read_conversation(connection: Connection, conversation_id: str) -> ConversationRow | None:
    """Return a conversation by our id."""
    query = select(conversation).where(conversation.c.id == conversation_id)
    row = connection.execute(query).first()
    return _conversation(row) if row is not None else None


def read_conversations(
    connection: Connection, conversation_ids: Iterable[str]
) -> dict[str, ConversationRow]:
    """Return conversations by our ids; those that are not known are left out."""
    found: dict[str, ConversationRow] = {}
    for some in chunks(list(dict.fromkeys(conversation_ids))):
        query = select(conversation).where(conversation.c.id.in_(some))
        found.update((row.id, _conversation(row)) for row in connection.execute(query))
    return found


def list_conversations(
    connection: Connection,
    *,
    channels: Collection[str] | None = None,
    contact_id: str | None = None,
    status: Literal["open", "closed"] | None = None,
    before: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[tuple[ConversationRow, tuple[int, str]]]:
    """Return conversations with their place in the list, the latest change first."""
    query = select(conversation)
    if channels is not None:
        query = query.where(conversation.c.channel.in_(list(channels)))
    if contact_id is not None:
        query = query.where(conversation.c.contact_id == contact_id)
    if status is not None:
        query = query.where(conversation.c.status == status)
    if before is not None:
        changed_at, last_id = before
        query = query.where(
            or_(
                conversation.c.updated_at < changed_at,
                and_(conversation.c.updated_at == changed_at, conversation.c.id < last_id),
            )
        )
    query = query.order_by(conversation.c.updated_at.desc(), conversation.c.id.desc()).limit(limit)
    rows = connection.execute(query).all()
    return [(_conversation(row), (row.updated_at, row.id)) for row in rows]


def _info(row: Any) -> ConversationInfo:
    return ConversationInfo(
        row.id,
        row.external_id,
        row.status,
        row.next_sequence - 1,
        row.contact_id,
        Address(row.address),
    )


def _conversation(row: Any) -> ConversationRow:
    return ConversationRow(
        id=row.id,
        channel=row.channel,
        kind=row.kind,
        external_id=row.external_id,
        contact_id=row.contact_id,
        address=row.address,
        subject=row.subject,
        status=row.status,
        owner=row.owner,
        waiting_since=None if row.waiting_since is None else time_text(row.waiting_since),
        last_sequence=row.next_sequence - 1,
        context=from_json(row.context),
        created_at=time_text(row.created_at),
        updated_at=time_text(row.updated_at),
    )


_BY_KEY: Final = select(conversation).where(
    conversation.c.channel == bindparam("channel"),
    conversation.c.external_id == bindparam("external_id"),
)
_NAMED: Final[Any] = bindparam("ids", expanding=True)
_OF_MESSAGES: Final = (
    select(message.c.external_id.label("called"), *conversation.c)
    .join_from(message, conversation, conversation.c.id == message.c.conversation_id)
    .where(message.c.channel == bindparam("channel"), message.c.external_id.in_(_NAMED))
    .order_by(message.c.id)
)
"""The first of those that say to have an id, as `conversations_of_messages` takes them."""
_OF_PARTS: Final = (
    select(message_part.c.external_id.label("called"), *conversation.c)
    .select_from(
        message_part.join(message, message.c.id == message_part.c.message_id).join(
            conversation, conversation.c.id == message.c.conversation_id
        )
    )
    .where(message_part.c.channel == bindparam("channel"), message_part.c.external_id.in_(_NAMED))
)
_OF_SEGMENTS: Final = (
    select(segment.c.external_id.label("called"), *conversation.c)
    .select_from(
        segment.join(message, message.c.id == segment.c.message_id).join(
            conversation, conversation.c.id == message.c.conversation_id
        )
    )
    .where(segment.c.channel == bindparam("channel"), segment.c.external_id.in_(_NAMED))
)
