"""Receipts: what the platform says became of a part. Early, late, twice and in any order.

A state only ever rises: queued → sending → sent → delivered → read. ``unknown`` stands below ``sent``
and ``failed`` above it: they are ends that only proof may leave, that the part was taken or that it did
arrive. So receipts lead to one state, in whatever order they come. A receipt for an id that
is not known yet is kept until the part that bears the id is settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Text, bindparam, delete, func, select, update

from omnigate.model.event import EventType
from omnigate.model.facts import Message, Part
from omnigate.model.inbound import Receipt
from omnigate.store.dialect import upsert
from omnigate.store.ledger import Ledger
from omnigate.store.messages import read_messages
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import early_receipt, message, message_part
from omnigate.store.threads import ChannelKey, Thread
from omnigate.store.transaction import RecordedEvent, Transaction, chunks

RANK: Final = {
    "queued": 0,
    "sending": 1,
    "unknown": 2,
    "sent": 3,
    "failed": 4,
    "delivered": 5,
    "read": 6,
}

ANY_CONVERSATION: Final = ""
"""Stands in an early receipt for the conversation that its platform did not name."""

STATE_EVENTS: Final = {
    "sent": EventType.MESSAGE_SENT,
    "delivered": EventType.MESSAGE_DELIVERED,
    "read": EventType.MESSAGE_READ,
    "failed": EventType.MESSAGE_FAILED,
    "unknown": EventType.MESSAGE_UNKNOWN,
}


def rises(before: str, after: str) -> bool:
    """Tell whether a part in state ``before`` may go over to ``after``."""
    return RANK[after] > RANK[before]


def message_state(parts: Sequence[str]) -> str:
    """Return the state of a message from its parts': the worst end, else the least advanced."""
    for end in ("failed", "unknown"):
        if end in parts:
            return end
    return min(parts, key=RANK.__getitem__)


@dataclass(frozen=True, slots=True)
class _Part:
    message_id: str
    index: int
    conversation_id: str


class Receipts:
    """The receipts of one batch."""

    def __init__(self, transaction: Transaction, recorder: Recorder, ledger: Ledger) -> None:
        self._transaction = transaction
        self._recorder = recorder
        self._ledger = ledger
        self._wanted: dict[str, set[str]] = {}
        self._parts: dict[tuple[str, str], _Part] = {}
        self._states: dict[str, dict[int, str]] = {}
        self._messages: dict[str, Message] = {}
        self._part_changes: list[dict[str, Any]] = []
        self._message_changes: list[dict[str, Any]] = []
        self._early: list[dict[str, Any]] = []

    def want(self, channel: str, external_id: str) -> None:
        """Have the part that the platform calls so loaded by `load`."""
        self._wanted.setdefault(channel, set()).add(external_id)

    def load(self) -> None:
        """Load the parts asked for, and their messages."""
        connection = self._transaction.connection
        for channel, external_ids in self._wanted.items():
            for some in chunks(sorted(external_ids)):
                for row in connection.execute(_PARTS, {"channel": channel, "ids": some}):
                    part = _Part(row.message_id, row.number, row.conversation_id)
                    self._parts[channel, row.external_id] = part
        self._wanted.clear()
        self._ledger.load_ids(part.conversation_id for part in self._parts.values())
        self.load_messages([part.message_id for part in self._parts.values()])

    def load_messages(self, message_ids: Sequence[str]) -> None:
        """Load messages with the states of their parts."""
        connection = self._transaction.connection
        missing = [known for known in dict.fromkeys(message_ids) if known not in self._messages]
        self._messages.update(read_messages(connection, missing))
        for known in missing:
            if known in self._messages:
                parts = self._messages[known].parts
                self._states[known] = {part.index: part.state for part in parts}

    def take(self, channel: ChannelKey, item: Receipt) -> tuple[RecordedEvent, str] | None:
        """Apply one receipt; return the event and the message when the message's state changed."""
        part = self._parts.get((channel.name, item.message_id))
        if part is None:
            self._early.append(_early_row(channel.name, item, self._transaction.now))
            return None
        if item.any_conversation:
            thread = self._ledger.by_id.get(part.conversation_id)
        else:
            thread = self._ledger.thread(channel, item.conversation)
        if thread is None or thread.id != part.conversation_id:
            return None
        occurred_at = round(item.occurred_at.timestamp() * 1000)
        recorded = self.move(
            thread, part.message_id, part.index, item.state, item.error, occurred_at
        )
        return (recorded, part.message_id) if recorded else None

    def move(
        self,
        thread: Thread,
        message_id: str,
        index: int,
        state: str,
        error: str | None,
        occurred_at: int,
        external_id: str | None = None,
    ) -> RecordedEvent | None:
        """Bring a part into a state, if it rises; record the message's event if that changes it."""
        states = self._states[message_id]
        if not rises(states[index], state):
            return None
        before = message_state(list(states.values()))
        states[index] = state
        self._part_changes.append(
            {
                "message": message_id,
                "part": index,
                "state": state,
                "error": error,
                "external_id": external_id,
            }
        )
        if self._messages[message_id].state == "deleted":
            return None
        after = message_state(list(states.values()))
        if after == before and after not in ("failed", "unknown"):
            return None
        self._message_changes.append({"key": message_id, "state": after, "error": error})
        return self._record(thread, message_id, after, error, occurred_at)

    def flush(self) -> None:
        """Write the changes."""
        connection = self._transaction.connection
        if self._part_changes:
            connection.execute(_UPDATE_PART, self._part_changes)
        if self._message_changes:
            connection.execute(_UPDATE_MESSAGE, self._message_changes)
        if self._early:
            connection.execute(upsert(early_receipt).on_conflict_do_nothing(), self._early)
        self._part_changes, self._message_changes, self._early = [], [], []

    def _record(
        self, thread: Thread, message_id: str, state: str, error: str | None, occurred_at: int
    ) -> RecordedEvent | None:
        if state not in STATE_EVENTS:
            return None
        said = self._messages[message_id]
        changed = {
            change["part"]: change
            for change in self._part_changes
            if change["message"] == message_id
        }
        parts = [_after(part, changed.get(part.index)) for part in said.parts]
        said = said.model_copy(
            update={
                "state": state,
                "error": error,
                "parts": parts,
                "external_ids": [part.external_id for part in parts if part.external_id],
            }
        )
        self._messages[message_id] = said
        return self._recorder.record(
            Draft(
                type=STATE_EVENTS[state],
                person=thread.person,
                thread=thread,
                channel=thread.channel,
                occurred_at=occurred_at,
                data=said.model_dump_json(),
                message_id=message_id,
                media=bool(said.attachments),
            )
        )


def take_early(connection: Connection, channel: str, external_ids: Sequence[str]) -> list[Any]:
    """Return and remove the receipts that came before these ids were known, oldest first."""
    found: list[Any] = []
    for some in chunks(external_ids):
        keys = {"channel": channel, "ids": some}
        if rows := connection.execute(_EARLY, keys).all():
            connection.execute(_FORGET_EARLY, keys)
            found += rows
    return sorted(found, key=lambda row: (RANK[row.state], row.occurred_at))


def _after(part: Part, change: Mapping[str, Any] | None) -> Part:
    """Return a part as it is after its latest change: why an earlier try failed is over then."""
    if change is None:
        return part
    return part.model_copy(
        update={
            "state": change["state"],
            "external_id": change["external_id"] or part.external_id,
            "error": change["error"],
        }
    )


def _early_row(channel: str, item: Receipt, now: int) -> dict[str, Any]:
    return {
        "channel": channel,
        "external_id": item.message_id,
        "state": item.state,
        "conversation": ANY_CONVERSATION if item.any_conversation else item.conversation,
        "error": item.error,
        "occurred_at": round(item.occurred_at.timestamp() * 1000),
        "recorded_at": now,
    }


_PARTS: Final = (
    select(
        message_part.c.external_id,
        message_part.c.message_id,
        message_part.c.number,
        message.c.conversation_id,
    )
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(
        message_part.c.channel == bindparam("channel"),
        message_part.c.external_id.in_(bindparam("ids", expanding=True)),
    )
)
_UPDATE_PART: Final = (
    update(message_part)
    .where(
        message_part.c.message_id == bindparam("message"),
        message_part.c.number == bindparam("part"),
    )
    .values(
        state=bindparam("state"),
        error=bindparam("error"),
        external_id=func.coalesce(
            bindparam("external_id", type_=Text()), message_part.c.external_id
        ),
    )
)
_UPDATE_MESSAGE: Final = (
    update(message)
    .where(message.c.id == bindparam("key"))
    .values(state=bindparam("state"), error=bindparam("error"))
)
_MATCHES = (
    early_receipt.c.channel == bindparam("channel"),
    early_receipt.c.external_id.in_(bindparam("ids", expanding=True)),
)
_EARLY: Final = select(early_receipt).where(*_MATCHES)
_FORGET_EARLY: Final = delete(early_receipt).where(*_MATCHES)
