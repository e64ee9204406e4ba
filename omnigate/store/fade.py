"""Taking out what was said long ago: texts and files go, ids, sequence numbers and states stay.

How far that has come is noted in the table ``installation``, for events by position and for messages by
id, in the transaction that takes the texts out. What is still owed to anybody keeps its text, and so
does all that came after it: neither is ever overtaken.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, or_, select, update

from omnigate.store.blank import blank_message
from omnigate.store.dialect import upsert
from omnigate.store.emptying import NO_CONTENT
from omnigate.store.erase import WRITE_BLANKED, Blanked
from omnigate.store.prepared import Bulk
from omnigate.store.schema import (
    SEND,
    event,
    event_body,
    installation,
    message,
    message_part,
    outbox,
)
from omnigate.store.transaction import Transaction

PAGE: Final = 200

_EVENTS: Final = "events blanked up to"
_MESSAGES: Final = "messages blanked up to"


class Bound(NamedTuple):
    """What may lose its text: what was recorded before a moment and is not owed any more."""

    recorded_before: int
    position: int
    """The first position that is still owed."""
    message_id: str
    """The first message that is still owed."""


class FadedEvents(NamedTuple):
    """Events whose texts are to be replaced."""

    rows: Sequence[Blanked]


def read_bound(connection: Connection, recorded_before: int) -> Bound:
    """Return what may lose its text now. Goes through the outbox."""
    owed = connection.execute(
        select(func.min(outbox.c.position), func.min(outbox.c.message_id))
    ).one()
    return Bound(recorded_before, owed[0] or 2**63 - 1, owed[1] or "~")


def next_events(connection: Connection, bound: Bound) -> list[Any]:
    """Return the next events that may lose their text, with it."""
    rows = connection.execute(
        select(event.c.position, event.c.recorded_at, event_body.c.body)
        .join_from(event, event_body, event_body.c.position == event.c.position)
        .where(event.c.position > int(_noted(connection, _EVENTS) or 0))
        .where(event.c.position < bound.position)
        .order_by(event.c.position)
        .limit(PAGE)
    )
    return list(takewhile(lambda row: row.recorded_at < bound.recorded_before, rows.all()))


def next_messages(connection: Connection, bound: Bound) -> list[str]:
    """Return the ids of the next messages that may lose what they say."""
    rows = connection.execute(
        select(message.c.id, message.c.created_at, message.c.position)
        .where(message.c.id > (_noted(connection, _MESSAGES) or b"").decode())
        .where(message.c.id < bound.message_id)
        .order_by(message.c.id)
        .limit(PAGE)
    )
    return [row.id for row in takewhile(lambda row: _may_fade(row, bound), rows.all())]


def _may_fade(row: Any, bound: Bound) -> bool:
    """Tell whether a message is old, and the event that says it, if one does, is owed to nobody."""
    is_owed = row.position is not None and row.position >= bound.position
    return row.created_at < bound.recorded_before and not is_owed


def is_faded(connection: Connection, message_id: str) -> bool:
    """Tell whether what a message said is gone: nobody looks at it again, so nothing may be added."""
    return message_id <= (_noted(connection, _MESSAGES) or b"").decode()


def fade_events(transaction: Transaction, items: Sequence[FadedEvents]) -> list[int]:
    """Replace the texts of events and note how far that has come; return how many."""
    counts = []
    for item in items:
        counts.append(
            WRITE_BLANKED.run(
                transaction.connection,
                [{"key": row.position, "body_now": row.body} for row in item.rows],
            )
        )
        _note(transaction, _EVENTS, str(item.rows[-1].position))
    return counts


def fade_messages(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[int]:
    """Take out what messages say and note how far that has come; return how many.

    Their files are to be gone by then: nobody looks at these messages again.
    """
    return [_fade_messages(transaction, list(ids)) for ids in items]


def _fade_messages(transaction: Transaction, ids: list[str]) -> int:
    connection = transaction.connection
    keys = {"ids": ids}
    rows = connection.execute(_CONTENTS, keys).all()
    _FADE_CONTENT.run(
        connection, [{"key": row.id, "content_now": blank_message(row.content)} for row in rows]
    )
    connection.execute(_FADE_PARTS, keys)
    _note(transaction, _MESSAGES, ids[-1])
    return len(ids)


def _noted(connection: Connection, key: str) -> bytes | None:
    query = select(installation.c.value).where(installation.c.key == key)
    value: bytes | None = connection.scalar(query)
    return value


def _note(transaction: Transaction, key: str, value: str) -> None:
    new = upsert(installation).values(key=key, value=value.encode())
    transaction.connection.execute(
        new.on_conflict_do_update(
            index_elements=[installation.c.key], set_={"value": new.excluded.value}
        )
    )


_IS_ONE_OF: Final = message.c.id.in_(bindparam("ids", expanding=True))
_CONTENTS: Final = select(message.c.id, message.c.content).where(
    _IS_ONE_OF, message.c.content.is_not(None)
)
_FADE_CONTENT: Final = Bulk(
    update(message).where(message.c.id == bindparam("key")).values(content=bindparam("content_now"))
)
_FADE_PARTS: Final = (
    update(message_part)
    .where(
        message_part.c.message_id.in_(bindparam("ids", expanding=True)),
        # A change that was asked for since the bound was read is still to be made.
        or_(message_part.c.action == SEND, message_part.c.state.not_in(["queued", "sending"])),
    )
    .values(body=NO_CONTENT)
)
