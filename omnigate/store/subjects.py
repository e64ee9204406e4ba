"""Which lanes are about a conversation or a contact: its own, and those of replays beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, and_, or_, select

from omnigate import ids
from omnigate.store.schema import APART, contact, conversation, destination, lane, replay
from omnigate.store.streams import lane_prefix

LaneKey = tuple[int, str]
"""Number of the destination, and stream."""

_BEHIND: Final = chr(ord(APART) + 1)
_CHUNK: Final = 100


def lanes_about(connection: Connection, subjects: Iterable[str]) -> list[LaneKey]:
    """Return the lanes, of all destinations, that carry what is about these conversations or contacts.

    Found by the lanes' key, so it costs what is found and not what is stored.
    """
    owners = list(connection.scalars(select(destination.c.id)))
    replays = connection.execute(select(replay.c.id, replay.c.destination_id)).all()
    found: dict[LaneKey, None] = {}
    for subject in subjects:
        wanted = [
            and_(lane.c.destination_id == owner, _is_about(lane.c.stream, subject))
            for owner in owners
        ]
        wanted += [
            and_(
                lane.c.destination_id == row.destination_id,
                lane.c.stream == lane_prefix(row.id) + subject,
            )
            for row in replays
        ]
        for start in range(0, len(wanted), _CHUNK):
            query = select(lane.c.destination_id, lane.c.stream).where(
                or_(*wanted[start : start + _CHUNK])
            )
            found.update(
                ((row.destination_id, row.stream), None) for row in connection.execute(query)
            )
    return list(found)


def is_known(connection: Connection, subject: str) -> bool:
    """Tell whether there is a conversation or a contact of this id."""
    column = conversation.c.id if ids.is_id(subject, "cnv") else contact.c.id
    return connection.scalar(select(column).where(column == subject)) is not None


def is_about(connection: Connection, stream: Column[Any], subject: str) -> ColumnElement[bool]:
    """Tell whether a lane is about a conversation or contact: its own, or a replay's beside it."""
    replays = connection.scalars(select(replay.c.id)).all()
    return or_(
        _is_about(stream, subject),
        stream.in_([lane_prefix(number) + subject for number in replays]),
    )


def _is_about(stream: Column[Any], subject: str) -> ColumnElement[bool]:
    """Tell whether a lane is the subject's own, or one apart for something of it."""
    return and_(stream >= subject, stream < subject + _BEHIND)
