"""Receipts: what the platform says became of a part. Early, late, twice and in any order.

States only rise (`omnigate.store.states`), so receipts lead to one state, in whatever order they come. A
receipt for an id that is not known yet is kept until the part that bears the id is settled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select

from omnigate.model.inbound import Receipt
from omnigate.store.dialect import upsert
from omnigate.store.ledger import Ledger
from omnigate.store.ranks import RANK
from omnigate.store.record import Recorder
from omnigate.store.schema import early_receipt, message, message_part
from omnigate.store.segments import Segments
from omnigate.store.states import States
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import RecordedEvent, Transaction, chunks

ANY_CONVERSATION: Final = ""
"""Stands in an early receipt for the conversation that its platform did not name."""


@dataclass(frozen=True, slots=True)
class _Part:
    message_id: str
    index: int
    conversation_id: str


class Receipts:
    """The receipts of one batch."""

    def __init__(self, transaction: Transaction, recorder: Recorder, ledger: Ledger) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._wanted: dict[str, set[str]] = {}
        self._wanted_parts: set[str] = set()
        self._parts: dict[tuple[str, str], _Part] = {}
        self._segments = Segments(transaction)
        self._states = States(transaction, recorder)
        self._early: list[dict[str, Any]] = []

    def want(self, channel: str, item: Receipt) -> None:
        """Have the part that a receipt is about loaded by `load`."""
        self._wanted.setdefault(channel, set()).add(item.message_id)
        if item.part is not None:
            self._wanted_parts.add(item.part)

    def load(self) -> None:
        """Load the parts asked for, and their messages."""
        connection = self._transaction.connection
        for channel, external_ids in self._wanted.items():
            for some in chunks(sorted(external_ids)):
                for row in connection.execute(_PARTS, {"channel": channel, "ids": some}):
                    part = _Part(row.message_id, row.number, row.conversation_id)
                    self._parts[channel, row.external_id] = part
            for called, row in self._segments.load(channel, sorted(external_ids)).items():
                part = _Part(row.message_id, row.number, row.conversation_id)
                self._parts[channel, called] = part
        self._load_by_own_ids()
        self._wanted.clear()
        self._ledger.load_ids(part.conversation_id for part in self._parts.values())
        self._states.load([part.message_id for part in self._parts.values()])

    def take(self, channel: ChannelKey, item: Receipt) -> tuple[RecordedEvent, str] | None:
        """Apply one receipt; return the event and the message when the message's state changed."""
        part = self._parts.get((channel.name, item.message_id))
        if part is None and item.part is not None:
            part = self._parts.get((channel.name, item.part))
            if part is not None and self._segments.are_several(part.message_id, part.index):
                part = None  # one of its segments is meant, and the others may be on their way
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
        state = self._segments.move(channel.name, item.message_id, item.state)
        if state is None:
            return None
        error = self._segments.told(channel.name, item.message_id, item.error)
        recorded = self._states.move(thread, part.message_id, part.index, state, error, occurred_at)
        return (recorded, part.message_id) if recorded else None

    @contextmanager
    def set_down(self, message_id: str) -> Iterator[None]:
        """Have what receipts say written down while somebody else changes a message they are about."""
        self._states.flush()
        yield
        self._states.load_anew(message_id)

    def flush(self) -> None:
        """Write the changes."""
        self._states.flush()
        self._segments.flush()
        if self._early:
            keep = upsert(early_receipt).on_conflict_do_nothing()
            self._transaction.connection.execute(keep, self._early)
        self._early = []

    def _load_by_own_ids(self) -> None:
        """Load parts by the ids that we gave them."""
        named = {one: _own_id(one) for one in self._wanted_parts}
        messages = sorted({known[0] for known in named.values() if known is not None})
        self._segments.load_of(messages)
        for some in chunks(messages):
            for row in self._transaction.connection.execute(_OWN, {"ids": some}):
                part = _Part(row.message_id, row.number, row.conversation_id)
                self._parts[row.channel, f"{row.message_id}.{row.number}"] = part
        self._wanted_parts.clear()


def take_early(connection: Connection, channel: str, external_ids: Sequence[str]) -> list[Any]:
    """Return and remove the receipts that came before these ids were known, oldest first."""
    found: list[Any] = []
    for some in chunks(external_ids):
        keys = {"channel": channel, "ids": some}
        if rows := connection.execute(_EARLY, keys).all():
            connection.execute(_FORGET_EARLY, keys)
            found += rows
    return sorted(found, key=lambda row: (RANK[row.state], row.occurred_at))


def _own_id(text: str) -> tuple[str, int] | None:
    """Return message and number of a part by its own id, None when it is none."""
    message_id, _, number = text.rpartition(".")
    return (message_id, int(number)) if message_id and number.isdecimal() else None


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
_OWN: Final = (
    select(
        message_part.c.channel,
        message_part.c.message_id,
        message_part.c.number,
        message.c.conversation_id,
    )
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(message_part.c.message_id.in_(bindparam("ids", expanding=True)))
)
_MATCHES = (
    early_receipt.c.channel == bindparam("channel"),
    early_receipt.c.external_id.in_(bindparam("ids", expanding=True)),
)
_EARLY: Final = select(early_receipt).where(*_MATCHES)
_FORGET_EARLY: Final = delete(early_receipt).where(*_MATCHES)
