"""How far parts have come, and their messages with them.

A state only ever rises: queued → sending → sent → delivered → read. ``unknown`` stands below ``sent``
and ``failed`` above it: they are ends that only proof may leave, that the part was taken or that it did
arrive. So what is said of a part leads to one state, in whatever order it comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Text, bindparam, func, update

from omnigate.model.event import EventType
from omnigate.model.facts import Message, Part
from omnigate.store.messages import read_messages
from omnigate.store.ranks import ARRIVED, ENDS, message_state, rises
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import message, message_part
from omnigate.store.threads import Thread
from omnigate.store.transaction import RecordedEvent, Transaction

STATE_EVENTS: Final = {
    "sent": EventType.MESSAGE_SENT,
    "delivered": EventType.MESSAGE_DELIVERED,
    "read": EventType.MESSAGE_READ,
    "failed": EventType.MESSAGE_FAILED,
    "unknown": EventType.MESSAGE_UNKNOWN,
}


class States:
    """The states of one batch's parts."""

    def __init__(self, transaction: Transaction, recorder: Recorder) -> None:
        self._transaction = transaction
        self._recorder = recorder
        self._states: dict[str, dict[int, str]] = {}
        self._messages: dict[str, Message] = {}
        self._part_changes: list[dict[str, Any]] = []
        self._message_changes: list[dict[str, Any]] = []

    def load(self, message_ids: Sequence[str]) -> None:
        """Load messages with the states of their parts."""
        connection = self._transaction.connection
        missing = [known for known in dict.fromkeys(message_ids) if known not in self._messages]
        self._messages.update(read_messages(connection, missing))
        for known in missing:
            if known in self._messages:
                parts = self._messages[known].parts
                self._states[known] = {part.index: part.state for part in parts}

    def load_anew(self, message_id: str) -> None:
        """Load a message again after somebody else has changed it, if it was loaded; flush before that."""
        if self._messages.pop(message_id, None) is not None:
            self.load([message_id])

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
        change = {
            "message": message_id,
            "part": index,
            "state": state,
            "error": error,
            "external_id": external_id,
        }
        self._part_changes.append(change)
        said = self._messages[message_id]
        parts = [_after(part, change) if part.index == index else part for part in said.parts]
        self._messages[message_id] = said.model_copy(update={"parts": parts})
        if said.state == "deleted":
            return None
        after = message_state(list(states.values()))
        if after == before and not (after in ENDS and state == after):
            return None
        if after in ENDS and state != after:
            # It ends so because of another part, and that one says why.
            error = next(one.error for one in parts if one.state == after)
        self._message_changes.append({"key": message_id, "state": after, "error": error})
        is_answer = after in ARRIVED and before not in ARRIVED
        return self._record(thread, message_id, after, error, occurred_at, is_answer=is_answer)

    def flush(self) -> None:
        """Write the changes."""
        connection = self._transaction.connection
        if self._part_changes:
            connection.execute(_UPDATE_PART, self._part_changes)
        if self._message_changes:
            connection.execute(_UPDATE_MESSAGE, self._message_changes)
        self._part_changes, self._message_changes = [], []

    def _record(
        self,
        thread: Thread,
        message_id: str,
        state: str,
        error: str | None,
        occurred_at: int,
        *,
        is_answer: bool,
    ) -> RecordedEvent | None:
        if state not in STATE_EVENTS:
            return None
        said = self._messages[message_id]
        said = said.model_copy(
            update={
                "state": state,
                "error": error,
                "external_ids": [part.external_id for part in said.parts if part.external_id],
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
                wait="answered" if is_answer and not said.automatic else None,
            )
        )


def _after(part: Part, change: Mapping[str, Any]) -> Part:
    """Return a part as it is after a change: why an earlier try failed is over then."""
    return part.model_copy(
        update={
            "state": change["state"],
            "external_id": change["external_id"] or part.external_id,
            "error": change["error"],
        }
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
