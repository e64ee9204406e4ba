"""Calls as they are now: for the API, for their channels, and what is to be done about them next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, case, func, select

from omnigate.model.attachment import Attachment
from omnigate.model.call import Call
from omnigate.store.attachments import read_attachments
from omnigate.store.calls import stored_call
from omnigate.store.schema import call as call_table
from omnigate.store.schema import conversation
from omnigate.store.transaction import chunks

_OPEN: Final = call_table.c.ended_at.is_(None)
_WAITS: Final = call_table.c.due_at.is_not(None)


class CallFound(NamedTuple):
    """A call and where it belongs."""

    call: Call
    channel: str
    conversation_id: str
    is_cancelled: bool
    """Somebody has taken it back while it was under way."""
    begun_at: int
    """When its latest attempt was begun, as far as that is known, else when it changed last."""
    heard_at: int
    """When anything was heard of it last, or decided about it."""
    cut_at: int | None = None
    """When it was to be ended because it lasts too long."""


class Outlook(NamedTuple):
    """What is to be done about calls."""

    due: Mapping[str, int]
    """How many are due, by channel."""
    next_at: int | None
    """When the next one falls due, or is late."""
    is_late: bool
    """There are some that were not tried in time."""
    under_way: Sequence[CallFound]
    """All that were begun and have not ended, those that are held as unknown too."""


class CallCount(NamedTuple):
    """How many calls of a channel there are just now."""

    waiting: int
    in_progress: int
    unknown: int


NO_CALLS: Final = CallCount(0, 0, 0)


def read_call(connection: Connection, call_id: str) -> CallFound | None:
    """Return a call as it is now, what is known of its recording included; None if there is none."""
    found = _found(connection, select(call_table).where(call_table.c.id == call_id))
    return found[0] if found else None


def read_calls(connection: Connection, call_ids: Collection[str]) -> list[CallFound]:
    """Return calls as they are now; unknown ones are left out."""
    if not call_ids:
        return []
    return _found(connection, select(call_table).where(call_table.c.id.in_(call_ids)))


def list_calls(
    connection: Connection,
    *,
    channels: Collection[str] | None = None,
    states: Collection[str] | None = None,
    conversation_ids: Collection[str] | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[CallFound]:
    """Return calls, newest first, older than the id ``before``; of these channels, in these states."""
    query = select(call_table)
    if channels is not None:
        query = query.where(call_table.c.channel.in_(channels))
    if states is not None:
        query = query.where(call_table.c.state.in_(states))
    if conversation_ids is not None:
        query = query.where(call_table.c.conversation_id.in_(conversation_ids))
    if before is not None:
        query = query.where(call_table.c.id < before)
    return _found(connection, query.order_by(call_table.c.id.desc()).limit(limit))


def open_calls(connection: Connection, channel: str) -> list[Call]:
    """Return the calls of a channel that have not ended, the oldest first."""
    query = select(call_table).where(call_table.c.channel == channel, _OPEN)
    return [known.call for known in _found(connection, query.order_by(call_table.c.id))]


def calls_asked_in(connection: Connection, channel: str) -> list[tuple[str, Call]]:
    """Return the calls asked for in conversations of a channel that have not ended, the oldest first.

    Each with the platform's id of the conversation.
    """
    found = _found(connection, select(call_table).where(_OPEN).order_by(call_table.c.id))
    calls = [known.call for known in found]
    wanted = {call.from_conversation for call in calls if call.from_conversation is not None}
    external: dict[str | None, str] = {}
    for some in chunks(sorted(wanted)):
        rows = connection.execute(
            select(conversation.c.id, conversation.c.external_id).where(
                conversation.c.id.in_(some), conversation.c.channel == channel
            )
        )
        external |= {row.id: row.external_id for row in rows}
    places = [(external.get(call.from_conversation), call) for call in calls]
    return [(place, call) for place, call in places if place is not None]


def look_ahead(connection: Connection, now: int) -> Outlook:
    """Return what is to be done about calls, of all channels."""
    due = select(call_table.c.channel, func.count()).where(
        _OPEN, call_table.c.due_at <= now, call_table.c.expires_at > now
    )
    under_way = select(call_table).where(_OPEN, call_table.c.due_at.is_(None))
    found = _found(connection, under_way.order_by(call_table.c.id))
    late_at = connection.scalar(select(func.min(call_table.c.expires_at)).where(_WAITS))
    due_at = connection.scalar(
        select(func.min(call_table.c.due_at)).where(_OPEN, call_table.c.due_at > now)
    )
    return Outlook(
        due={row[0]: row[1] for row in connection.execute(due.group_by(call_table.c.channel))},
        next_at=min((at for at in (late_at, due_at) if at is not None and at > now), default=None),
        is_late=late_at is not None and late_at <= now,
        under_way=found,
    )


def count_calls(connection: Connection) -> dict[str, CallCount]:
    """Count the calls that have not ended, by channel."""
    unknown = call_table.c.state == "unknown"
    query = (
        select(
            call_table.c.channel,
            func.count(call_table.c.due_at),
            func.count(),
            func.sum(case((unknown, 1), else_=0)),
        )
        .where(_OPEN)
        .group_by(call_table.c.channel)
    )
    return {
        channel: CallCount(waiting, total - waiting - held, held)
        for channel, waiting, total, held in connection.execute(query)
    }


def _found(connection: Connection, query: Select[Any]) -> list[CallFound]:
    rows = connection.execute(query).all()
    found = [_found_in(row) for row in rows]
    recordings = [known.call.recording.id for known in found if known.call.recording is not None]
    files = read_attachments(connection, recordings) if recordings else {}
    return [
        _with_file(known, {key: kept.attachment for key, kept in files.items()}) for known in found
    ]


def _found_in(row: Any) -> CallFound:
    stored = stored_call(row)
    return CallFound(
        stored.call,
        stored.channel,
        stored.conversation_id,
        is_cancelled=stored.cancel_asked_at is not None,
        begun_at=stored.updated_at if stored.begun_at is None else stored.begun_at,
        heard_at=stored.updated_at,
        cut_at=stored.cut_at,
    )


def _with_file(known: CallFound, files: Mapping[str, Attachment]) -> CallFound:
    """Return a call with what is known of its recording by now; none if that is gone."""
    if known.call.recording is None:
        return known
    now = files.get(known.call.recording.id)
    return known._replace(call=known.call.model_copy(update={"recording": now}))
