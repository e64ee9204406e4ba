"""Queuing messages to customers: the message, its parts, its place in the channel's lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic_core import to_json
from sqlalchemy import bindparam, insert, select

from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.attachment import Attachment, Location
from omnigate.model.event import EventType
from omnigate.model.facts import Message, StatusData
from omnigate.model.inbound import Profile
from omnigate.model.outbound import Author, Button
from omnigate.store.blank import ERASED_SCHEME
from omnigate.store.idempotency import Answers, IdempotencyKey
from omnigate.store.ledger import Ledger
from omnigate.store.messages import message_row
from omnigate.store.prepared import Query
from omnigate.store.record import Draft, Owed, Recorder, owe
from omnigate.store.schema import (
    attachment,
    conversation,
    message,
    message_part,
)
from omnigate.store.threads import ChannelKey, Thread
from omnigate.store.transaction import Target, Transaction


@dataclass(slots=True)
class PartContent:
    """What one send will carry; whom it goes to is filled in when it is sent."""

    text: str | None = None
    subject: str | None = None
    attachments: list[Attachment] = field(default_factory=list)
    location: Location | None = None
    buttons: list[list[Button]] = field(default_factory=list)
    author: Author | None = None
    reply_to: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Outgoing:
    """One message to queue, rendered into the parts that its channel needs."""

    channel: ChannelKey
    destination_id: int
    said: Message
    parts: Sequence[PartContent]
    conversation_id: str | None = None
    address: Address | None = None
    """Where to write to when there is no conversation yet."""
    external_id: str | None = None
    """What the channel calls the conversation that then begins."""
    expires_at: int | None = None
    key: IdempotencyKey | None = None
    new_attachments: Sequence[dict[str, Any]] = ()
    """Rows of files that are to be fetched from a URL."""


class Accepted(NamedTuple):
    """The answer to a queued message."""

    id: str
    conversation: str
    state: str
    degraded: list[str]


def enqueue(transaction: Transaction, items: Sequence[Outgoing]) -> list[Accepted]:
    """Queue messages; raises `Refused` (unknown conversation) or `KeyReused`."""
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    ledger.load_ids(item.conversation_id for item in items if item.conversation_id)
    ledger.know(Profile(address=item.address) for item in items if item.address)
    answers = Answers(transaction, Accepted, [item.key for item in items])
    batch = _Batch(transaction, ledger, recorder, answers)
    results = [batch.add(item) for item in items]
    batch.flush()
    return results


class _Batch:
    def __init__(
        self,
        transaction: Transaction,
        ledger: Ledger,
        recorder: Recorder,
        answers: Answers[Accepted],
    ) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._recorder = recorder
        self._answers = answers
        self._rows: dict[Any, list[dict[str, Any]]] = {
            message: [],
            message_part: [],
            attachment: [],
        }
        self._owed: list[Owed] = []

    def add(self, item: Outgoing) -> Accepted:
        if (answer := self._answers.given(item.key)) is not None:
            return answer
        thread = self._thread(item)
        said = item.said
        self._rows[message].append(
            message_row(
                thread,
                said.id,
                direction=said.direction,
                state=said.state,
                content=said.model_dump_json(),
                external_id=None,
                now=self._transaction.now,
                expires_at=item.expires_at,
            )
        )
        for index, part in enumerate(item.parts):
            self._rows[message_part].append(_part_row(said.id, index, item.channel.name, part))
        self._rows[attachment].extend(item.new_attachments)
        target = Target(item.destination_id, ordered=True)
        self._owed.append(
            Owed(
                target,
                thread.id,
                item.channel.priority,
                message_id=said.id,
                expires_at=item.expires_at,
            )
        )
        accepted = Accepted(said.id, thread.id, "queued", said.degraded)
        self._answers.remember(item.key, accepted)
        return accepted

    def flush(self) -> None:
        self._ledger.flush()
        for table, rows in self._rows.items():
            if rows:
                self._transaction.connection.execute(insert(table), rows)
        if self._rows[attachment]:
            self._transaction.attachments_due = True
        self._recorder.flush()
        self._answers.flush()
        owe(self._transaction, self._owed)

    def _thread(self, item: Outgoing) -> Thread:
        if item.conversation_id is not None:
            thread = self._ledger.by_id.get(item.conversation_id)
            if thread is None:
                raise Refused("not_found", "there is no such conversation")
            if thread.address.startswith(f"{ERASED_SCHEME}:"):
                raise Refused("gone", "whom the conversation was with has been erased")
            return thread
        if item.address is None or item.external_id is None:
            raise Refused("no_recipient", "a message needs a conversation or an address")
        known = _LATEST.run(
            self._transaction.connection,
            {"channel": item.channel.name, "address": str(item.address)},
        )
        if known:
            self._ledger.load_ids([known[0].id])
            return self._ledger.by_id[known[0].id]
        return self._begin_thread(item.channel, item.address, item.external_id)

    def _begin_thread(self, channel: ChannelKey, address: Address, external_id: str) -> Thread:
        profile = Profile(address=address)
        self._ledger.load([(channel, external_id)])
        begun = self._ledger.thread(channel, external_id)
        if begun is not None:
            return begun
        thread = self._ledger.open_thread(channel, external_id, profile)
        self._ledger.learn(thread.person, profile)
        self._recorder.record(
            Draft(
                type=EventType.CONVERSATION_STARTED,
                person=thread.person,
                thread=thread,
                channel=channel,
                occurred_at=self._transaction.now,
                data=StatusData(status="open", by="api").model_dump_json(),
            )
        )
        return thread


def _part_row(message_id: str, index: int, channel: str, part: PartContent) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "number": index,
        "channel": channel,
        "state": "queued",
        "doubts": 0,
        "body": to_json(part).decode(),
    }


_LATEST: Final = Query(
    select(conversation.c.id)
    .where(
        conversation.c.channel == bindparam("channel"),
        conversation.c.address == bindparam("address"),
    )
    .order_by(conversation.c.updated_at.desc())
    .limit(1)
)
