"""Segments: what a part was sent in where the platform needs several, each with receipts of its own.

A part is as far as the least advanced of its segments, and failed when one of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from omnigate.store.dialect import upsert
from omnigate.store.ranks import message_state, rises
from omnigate.store.schema import message, segment
from omnigate.store.transaction import Transaction, chunks


@dataclass(slots=True)
class _Segment:
    part: tuple[str, int]
    state: str


class Segments:
    """The segments of one batch."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._known: dict[tuple[str, str], _Segment] = {}
        self._of_part: dict[tuple[str, int], list[_Segment]] = {}
        self._new: list[dict[str, Any]] = []
        self._changes: list[dict[str, Any]] = []

    def load(self, channel: str, external_ids: Sequence[str]) -> dict[str, Any]:
        """Load segments with all others of their parts; return those that are named so, by id."""
        connection = self._transaction.connection
        found: dict[str, Any] = {}
        for some in chunks(external_ids):
            for row in connection.execute(_NAMED, {"channel": channel, "ids": some}):
                found[row.external_id] = row
        self.load_of(sorted({row.message_id for row in found.values()}))
        return found

    def load_of(self, message_ids: Sequence[str]) -> None:
        """Load the segments of messages."""
        for some in chunks(message_ids):
            for row in self._transaction.connection.execute(_OF_MESSAGES, {"ids": some}):
                self._learn(row.channel, row.external_id, (row.message_id, row.number), row.state)

    def are_several(self, message_id: str, number: int) -> bool:
        """Tell whether a part was sent in more than one segment."""
        return len(self._of_part.get((message_id, number), ())) > 1

    def add(self, channel: str, message_id: str, number: int, external_ids: Sequence[str]) -> None:
        """Note what a part was sent in; ids that served before mean the latest part from now on."""
        for external_id in external_ids:
            before = self._known.get((channel, external_id))
            if before is not None and before.part != (message_id, number):
                self._of_part[before.part].remove(before)
                del self._known[channel, external_id]
                named = {"of": channel, "called": external_id}
                self._changes = [it for it in self._changes if not named.items() <= it.items()]
            self._learn(channel, external_id, (message_id, number), "sent")
            self._new.append(
                {
                    "channel": channel,
                    "external_id": external_id,
                    "message_id": message_id,
                    "number": number,
                    "state": "sent",
                }
            )

    def move(self, channel: str, external_id: str, state: str) -> str | None:
        """Bring a segment into a state, if it rises; return the state of the part, None if nothing changed.

        What is no segment is a part by itself: its state is returned as it is.
        """
        known = self._known.get((channel, external_id))
        if known is None:
            return state
        if not rises(known.state, state):
            return None
        known.state = state
        self._changes.append({"of": channel, "called": external_id, "now": state})
        return message_state([one.state for one in self._of_part[known.part]])

    def told(self, channel: str, external_id: str, error: str | None) -> str | None:
        """Return an error, with the segment that it is about where a part has several."""
        known = self._known.get((channel, external_id))
        count = len(self._of_part[known.part]) if known is not None else 1
        if error is None or count == 1:
            return error
        return f"segment {external_id}, one of {count}: {error}"

    def flush(self) -> None:
        """Write the changes."""
        connection = self._transaction.connection
        if self._new:
            connection.execute(_ADD, self._new)
        if self._changes:
            connection.execute(_MOVE, self._changes)
        self._new, self._changes = [], []

    def _learn(self, channel: str, external_id: str, part: tuple[str, int], state: str) -> None:
        if (channel, external_id) not in self._known:
            known = self._known[channel, external_id] = _Segment(part, state)
            self._of_part.setdefault(part, []).append(known)


_NAMED: Final = (
    select(segment.c.external_id, segment.c.message_id, segment.c.number, message.c.conversation_id)
    .join_from(segment, message, message.c.id == segment.c.message_id)
    .where(
        segment.c.channel == bindparam("channel"),
        segment.c.external_id.in_(bindparam("ids", expanding=True)),
    )
)
_OF_MESSAGES: Final = select(segment).where(
    segment.c.message_id.in_(bindparam("ids", expanding=True))
)
_NEW: Final = upsert(segment)
_ADD: Final = _NEW.on_conflict_do_update(
    index_elements=[segment.c.channel, segment.c.external_id],
    set_={name: _NEW.excluded[name] for name in ("message_id", "number", "state")},
    where=segment.c.message_id != _NEW.excluded.message_id,
)
_MOVE: Final = (
    update(segment)
    .where(segment.c.channel == bindparam("of"), segment.c.external_id == bindparam("called"))
    .values(state=bindparam("now"))
)
