"""Reading the log and the conversations: what the API, the channels and the operator look at."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, Literal, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select

from omnigate.channel import ConversationInfo
from omnigate.model.event import EventType
from omnigate.store.record import time_text
from omnigate.store.schema import conversation, event, event_body, message
from omnigate.store.transaction import RecordedEvent


class Portion(NamedTuple):
    """Some events that follow each other."""

    events: list[RecordedEvent]
    more: bool
    """Perhaps there are more: as many came as were wanted, or as fit."""


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
    return ConversationInfo(
        row.id, row.external_id, row.status, row.next_sequence - 1, row.contact_id
    )


def read_conversation(connection: Connection, conversation_id: str) -> ConversationRow | None:
    """Return a conversation by our id."""
    query = select(conversation).where(conversation.c.id == conversation_id)
    row = connection.execute(query).first()
    return _conversation(row) if row is not None else None


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


def read_history(
    connection: Connection,
    conversation_id: str,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
) -> list[RecordedEvent]:
    """Return events of a conversation in order of sequence: the earliest after, or latest before."""
    query = _EVENTS.where(event.c.conversation_id == conversation_id, event.c.sequence > after)
    if before is None:
        rows = connection.execute(query.order_by(event.c.sequence).limit(limit)).all()
    else:
        latest = query.where(event.c.sequence < before).order_by(event.c.sequence.desc())
        rows = connection.execute(latest.limit(limit)).all()[::-1]
    return [_recorded(row) for row in rows]


def read_log(
    connection: Connection,
    *,
    after: int,
    limit: int,
    max_bytes: int,
    types: Collection[str] | None = None,
    channels: Collection[str] | None = None,
) -> Portion:
    """Return events of all conversations after a position of the log, in order.

    Ends before what would make it more than ``max_bytes``, but not before the first.
    """
    query = _EVENTS.where(event.c.position > after)
    if types is not None:
        query = query.where(event.c.type.in_(list(types)))
    if channels is not None:
        query = query.where(event.c.channel.in_(list(channels)))
    query = query.order_by(event.c.position).limit(limit)
    return _portion(connection, query, limit, max_bytes)


def log_end(connection: Connection) -> int:
    """Return the position of the last event, 0 for an empty log."""
    return connection.scalar(select(func.coalesce(func.max(event.c.position), 0))) or 0


def newest_event_at(connection: Connection) -> int | None:
    """Return when the last event was recorded, in milliseconds since 1970; None for an empty log."""
    newest = select(event.c.recorded_at).order_by(event.c.position.desc()).limit(1)
    moment: int | None = connection.scalar(newest)
    return moment


def position_of(connection: Connection, event_id: str) -> int | None:
    """Return where an event stands in the log."""
    position: int | None = connection.scalar(select(event.c.position).where(event.c.id == event_id))
    return position


def event_at(connection: Connection, position: int) -> RecordedEvent | None:
    """Return the event at a position of the log; None when there is none, or no text of it."""
    row = connection.execute(_EVENTS.where(event.c.position == position)).first()
    return _recorded(row) if row is not None else None


def event_called(connection: Connection, event_id: str) -> RecordedEvent | None:
    """Return an event by its id; None when there is none, or no text of it."""
    row = connection.execute(_EVENTS.where(event.c.id == event_id)).first()
    return _recorded(row) if row is not None else None


def position_before(connection: Connection, moment: int) -> int:
    """Return the position of the last event recorded before a time, in milliseconds since 1970.

    Positions grow with time, so a few look-ups find it, in a log of any length. Where the clock was set
    back, the place is near the right one.
    """
    low, high = 0, log_end(connection)
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(_NEXT_RECORDED, {"after": middle, "end": high}).first()
        if row is None or row.recorded_at >= moment:
            high = middle
        else:
            low = row.position
    return low


def conversation_of_event(connection: Connection, event_id: str) -> str | None:
    """Return the conversation that an event belongs to, if it does to any."""
    found: str | None = connection.scalar(
        select(event.c.conversation_id).where(event.c.id == event_id)
    )
    return found


def read_timeline(
    connection: Connection, contact_id: str, *, before: int | None, limit: int, max_bytes: int
) -> Portion:
    """Return the latest events of all conversations of a contact, newest first.

    Ends before what would make it more than ``max_bytes``, but not before the first.
    """
    owned = connection.scalars(
        select(conversation.c.id).where(conversation.c.contact_id == contact_id)
    ).all()
    latest: list[int] = []
    for conversation_id in owned:
        query = _KEPT.where(event.c.conversation_id == conversation_id)
        if before is not None:
            query = query.where(event.c.position < before)
        latest += connection.scalars(query.order_by(event.c.sequence.desc()).limit(limit))
    newest = sorted(latest, reverse=True)[:limit]
    wanted = _EVENTS.where(event.c.position.in_(newest)).order_by(event.c.position.desc())
    return _portion(connection, wanted, limit, max_bytes)


def external_id_of(connection: Connection, message_id: str) -> tuple[str, str] | None:
    """Return conversation and platform's id of a message, for a reply; None if there is none."""
    row = connection.execute(
        select(message.c.conversation_id, message.c.external_id).where(message.c.id == message_id)
    ).first()
    return (row.conversation_id, row.external_id or message_id) if row is not None else None


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
        last_sequence=row.next_sequence - 1,
        context=from_json(row.context),
        created_at=time_text(row.created_at),
        updated_at=time_text(row.updated_at),
    )


def _portion(connection: Connection, query: Select[Any], limit: int, max_bytes: int) -> Portion:
    """Return the rows of a query as events, as many as fit; the others are not even read."""
    found: list[RecordedEvent] = []
    left_bytes = max_bytes
    with connection.execute(query) as rows:
        for row in rows:
            size = len(row.body) if row.body.isascii() else len(row.body.encode())
            if found and size > left_bytes:
                return Portion(found, True)
            left_bytes -= size
            found.append(_recorded(row))
    return Portion(found, len(found) == limit)


def _recorded(row: Any) -> RecordedEvent:
    return RecordedEvent(
        row.position,
        row.id,
        EventType(row.type),
        row.channel,
        row.external_id,
        row.conversation_id,
        row.sequence,
        row.body,
        row.media,
    )


_BY_KEY: Final = select(conversation).where(
    conversation.c.channel == bindparam("channel"),
    conversation.c.external_id == bindparam("external_id"),
)
_NEXT_RECORDED: Final = (
    select(event.c.position, event.c.recorded_at)
    .where(event.c.position > bindparam("after"), event.c.position <= bindparam("end"))
    .order_by(event.c.position)
    .limit(1)
)
_EVENTS: Final[Select[Any]] = select(
    event.c.position,
    event.c.id,
    event.c.type,
    event.c.channel,
    event.c.conversation_id,
    event.c.sequence,
    event_body.c.body,
    event_body.c.media,
    conversation.c.external_id,
).select_from(
    event.join(event_body, event_body.c.position == event.c.position).outerjoin(
        conversation, conversation.c.id == event.c.conversation_id
    )
)
_KEPT: Final = select(event.c.position).join(event_body, event_body.c.position == event.c.position)
"""Of the events whose text is still there."""
