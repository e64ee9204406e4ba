"""One customer's story over all channels, in pages: what was said, called and done, each thing once.

Theory of operation. Messages and calls are told as they are now, from their own rows; what happened beside
them is told from the log: beginnings, closings, transfers, ratings, waits that grew too long, reactions,
blocks, and what became of the contact itself. Identifiers are ordered by time whatever they name
(`omnigate.ids`), so what follows the prefix of an identifier is a place in the story. Each source gives the
next few places of each conversation by an index that ends in the identifier: a page costs the same whether
it is the first of a short story or the last of a long one.

Contacts that became part of this one are part of the story, with what was told of them before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic_core import from_json, to_json
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    literal_column,
    select,
)

from omnigate.model.event import EventType
from omnigate.store import merging
from omnigate.store.callreads import read_calls
from omnigate.store.messages import read_messages
from omnigate.store.prepared import Query
from omnigate.store.schema import IS_NO_MESSAGE, call, conversation, event, event_body, message
from omnigate.store.transaction import chunks

TOLD: Final = (
    EventType.REACTION_CHANGED,
    EventType.BUTTON_PRESSED,
    EventType.CONVERSATION_STARTED,
    EventType.CONVERSATION_TRANSFERRED,
    EventType.CONVERSATION_CLOSED,
    EventType.CONVERSATION_REOPENED,
    EventType.CONVERSATION_RATED,
    EventType.CONVERSATION_OVERDUE,
    EventType.CONTACT_BLOCKED,
    EventType.CONTACT_UNBLOCKED,
)
"""What is told of a conversation beside its messages and calls."""

_AT_ONCE: Final = 20
"""How many entries are read before it is looked how long the page has become."""
_FIRST: Final = ""
_LAST: Final = "~"
"""Places before and after all others."""


class Entry(NamedTuple):
    """One thing of the story."""

    place: str
    type: str
    """``message``, ``call``, or the type of the event."""
    text: str
    """All of it as JSON; addresses of files in it are placeholders."""


class Page(NamedTuple):
    """A part of the story."""

    entries: list[Entry]
    following: str | None
    """The place that the next page goes on from; None at the end."""


class _Key(NamedTuple):
    place: str
    id: str
    conversation_id: str | None


def read_story(
    connection: Connection,
    contact_id: str,
    *,
    channels: Collection[str] | None,
    after: str | None,
    newest_first: bool,
    limit: int,
    max_bytes: int,
) -> Page:
    """Return the part of a contact's story that follows a place; None: its beginning, or its end.

    With ``channels``, of these only. Ends before what would make it more than ``max_bytes``, but not before
    the first entry. The contact must be one that is part of no other.
    """
    family = merging.family(connection, contact_id)
    threads = {
        row.id: row
        for some in chunks(family)
        for row in connection.execute(_THREADS, {"contact_ids": some})
        if channels is None or row.channel in channels
    }
    start = (_LAST if newest_first else _FIRST) if after is None else after
    keys: list[_Key] = []
    for sources, owners in ((_OF_THREADS, list(threads)), (_OF_CONTACTS, family)):
        for prefix, queries in sources:
            values = {"start": prefix + start, "most": limit + 1}
            query = queries[newest_first]
            for owner in owners:
                rows = query.run(connection, {**values, "owner": owner})
                keys += [_Key(row.id[len(prefix) :], row.id, row.conversation_id) for row in rows]
    keys.sort(reverse=newest_first)
    return _page(connection, keys, threads, channels, limit, max_bytes)


def _page(
    connection: Connection,
    keys: Sequence[_Key],
    threads: dict[str, Any],
    channels: Collection[str] | None,
    limit: int,
    max_bytes: int,
) -> Page:
    found: list[Entry] = []
    left_bytes, last = max_bytes, None
    wanted = keys[:limit]
    for key, entry in _entries(connection, wanted, threads, channels):
        if entry is not None:
            size = len(entry.text.encode())
            if found and size > left_bytes:
                return Page(found, last)
            left_bytes -= size
            found.append(entry)
        last = key.place
    return Page(found, last if len(keys) > limit else None)


def _entries(
    connection: Connection,
    keys: Sequence[_Key],
    threads: dict[str, Any],
    channels: Collection[str] | None,
) -> Iterator[tuple[_Key, Entry | None]]:
    """Give the entries of keys, some at a time; None for what is not kept any more, or not to be seen."""
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        said = read_messages(connection, _named(some, "msg"))
        called = {
            known.call.id: known.call for known in read_calls(connection, _named(some, "cal"))
        }
        told = connection.execute(_TEXTS, {"ids": _named(some, "evt")})
        bodies = {row.id: row.body for row in told}
        for key in some:
            thread = threads.get(key.conversation_id or "")
            if (content := said.get(key.id)) is not None:
                yield key, _entry(key, "message", "created_at", thread, content)
            elif (phoned := called.get(key.id)) is not None:
                yield key, _entry(key, "call", "requested_at", thread, phoned)
            else:
                yield key, _told(key, bodies.get(key.id), channels)


def _told(key: _Key, body: str | None, channels: Collection[str] | None) -> Entry | None:
    if body is None:
        return None
    known = from_json(body)
    channel = known["channel"]
    if channels is not None and (channel is None or channel["name"] not in channels):
        return None
    if "transfer" in known["data"]:
        # What was said stands in the story already.
        known["data"]["transfer"]["history"] = []
    shown = {
        "type": known["type"],
        "at": known["timestamp"],
        "id": key.id,
        "channel": channel,
        "conversation": key.conversation_id,
        "data": known["data"],
    }
    return Entry(key.place, known["type"], to_json(shown).decode())


def _entry(key: _Key, kind: str, moment: str, thread: Any, content: BaseModel) -> Entry:
    """Return what has a row of its own; ``moment`` is the field that says when it was."""
    data = content.model_dump(mode="json")
    shown = {
        "type": kind,
        "at": data[moment],
        "id": key.id,
        "channel": {"name": thread.channel, "kind": thread.kind},
        "conversation": thread.id,
        "data": {kind: data},
    }
    return Entry(key.place, kind, to_json(shown).decode())


def _named(keys: Sequence[_Key], prefix: str) -> list[str]:
    return [key.id for key in keys if key.id.startswith(prefix)]


def _both_ways(
    own_id: ColumnElement[str], thread: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> tuple[Query, Query]:
    """Return what finds the next places after one: forwards and backwards."""
    query = select(own_id.label("id"), thread.label("conversation_id")).where(*conditions)
    most: BindParameter[int] = bindparam("most")
    return (
        Query(query.where(own_id > bindparam("start")).order_by(own_id).limit(most)),
        Query(query.where(own_id < bindparam("start")).order_by(own_id.desc()).limit(most)),
    )


_THREADS: Final = select(conversation.c.id, conversation.c.channel, conversation.c.kind).where(
    conversation.c.contact_id.in_(bindparam("contact_ids", expanding=True))
)
_TEXTS: Final = (
    select(event.c.id, event_body.c.body)
    .join_from(event, event_body, event_body.c.position == event.c.position)
    .where(event.c.id.in_(bindparam("ids", expanding=True)))
)
_OWNER: Final[Any] = bindparam("owner")
_OF_THREADS: Final = (
    (
        "msg_",
        _both_ways(message.c.id, message.c.conversation_id, message.c.conversation_id == _OWNER),
    ),
    (
        "evt_",
        _both_ways(
            event.c.id,
            event.c.conversation_id,
            event.c.conversation_id == _OWNER,
            IS_NO_MESSAGE,
            event.c.type.in_([literal_column(f"'{known.value}'") for known in TOLD]),
        ),
    ),
    ("cal_", _both_ways(call.c.id, call.c.conversation_id, call.c.conversation_id == _OWNER)),
)
_OF_CONTACTS: Final = (
    (
        "evt_",
        _both_ways(
            event.c.id,
            event.c.conversation_id,
            event.c.contact_id == _OWNER,
            event.c.conversation_id.is_(None),
        ),
    ),
)
"""Where places are found: the prefix of their identifiers, and queries for the next ones, both ways."""
