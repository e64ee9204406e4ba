"""Who waits for an answer, and for how long.

A customer waits from the first message that a person wrote, or the first button pressed, until a message
that a person wrote was sent to them, or the conversation is closed. What a machine writes begins no wait
and ends none. A wait is one row, written when it begins and when it ends: the messages between, and the
answers to nobody, cost nothing. That somebody waits stands in the conversation, which is at hand
(`omnigate.store.ledger`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, func, null, select, update

from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.schema import wait
from omnigate.store.threads import ChannelKey, Thread
from omnigate.store.transaction import Transaction, Waited

Step = Literal["asked", "answered", "closed"]
CLOSED: Final[Step] = "closed"
LONGEST_BEFORE_MS: Final = 24 * 3600 * 1000
"""How long before it was stored a wait may have begun: a platform's clock, or a sender's, may be wrong."""


class Waits:
    """The waits that one operation begins and ends."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._begun: dict[str, dict[str, Any]] = {}
        """Those that have not ended, by conversation."""
        self._past: list[dict[str, Any]] = []
        """Those that ended in the operation that began them."""
        self._ended: list[dict[str, Any]] = []

    def follow(
        self, step: Step, thread: Thread, channel: ChannelKey, at: int, message_id: str | None
    ) -> None:
        """Take note of what a customer or the company did; before the conversations are written."""
        now = self._transaction.now
        if step == "asked":
            if thread.waiting_since is None:
                since = max(min(at, now), now - LONGEST_BEFORE_MS)
                self._begin(thread, channel, since, message_id)
            return
        is_first = thread.answered_at is None
        if step == "answered" and is_first:
            thread.answered_at = now
            thread.changed = True
        if thread.waiting_since is not None:
            self._end(thread, max(thread.waiting_since, min(at, now)), step, is_first=is_first)

    def flush(self) -> None:
        """Write what has begun and ended."""
        connection = self._transaction.connection
        _END.run(connection, self._ended)
        _INSERT.run(connection, [*self._past, *self._begun.values()])
        self._begun, self._past, self._ended = {}, [], []

    def _begin(
        self, thread: Thread, channel: ChannelKey, since: int, message_id: str | None
    ) -> None:
        thread.waiting_since = since
        thread.changed = True
        due_at = None if channel.target_ms is None else since + channel.target_ms
        self._begun[thread.id] = {
            "conversation_id": thread.id,
            "channel": channel.name,
            "message_id": message_id,
            "since": since,
            "target_ms": channel.target_ms,
            "due_at": due_at,
            "first": thread.answered_at is None,
            "overdue_at": None,
            "ended_at": None,
            "outcome": None,
        }
        if due_at is not None:
            earliest = self._transaction.overdue_at
            self._transaction.overdue_at = due_at if earliest is None else min(earliest, due_at)

    def _end(self, thread: Thread, ended_at: int, outcome: str, *, is_first: bool) -> None:
        since, thread.waiting_since = thread.waiting_since, None
        thread.changed = True
        if outcome == "answered" and since is not None:
            waited = Waited(thread.channel.name, ended_at - since, is_first)
            self._transaction.waited.append(waited)
        row = self._begun.pop(thread.id, None)
        if row is not None:
            self._past.append({**row, "ended_at": ended_at, "outcome": outcome, "due_at": None})
        else:
            self._ended.append({"key": thread.id, "at": ended_at, "how": outcome})


def forget_waits(transaction: Transaction, conversation_ids: Iterable[str]) -> None:
    """End the waits in conversations whose customer was erased."""
    now = transaction.now
    ended = [{"key": known, "at": now, "how": "erased"} for known in conversation_ids]
    _END.run(transaction.connection, ended)


def next_overdue(connection: Connection) -> int | None:
    """Return when the next wait becomes overdue, in milliseconds since 1970; None: none will."""
    found: int | None = connection.scalar(_NEXT)
    return found


_INSERT: Final = bulk_insert(wait)
_END: Final = Bulk(
    update(wait)
    .where(wait.c.conversation_id == bindparam("key"), wait.c.ended_at.is_(None))
    .values(ended_at=bindparam("at"), outcome=bindparam("how"), due_at=null())
)
_NEXT: Final = select(func.min(wait.c.due_at)).where(wait.c.due_at.is_not(None))
