"""Queuing messages to customers: the message, its parts, its place in the channel's lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, insert, select

from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.attachment import Attachment, Location
from omnigate.model.event import EventType
from omnigate.model.facts import Message, StatusData
from omnigate.model.inbound import Profile
from omnigate.model.outbound import Author, Button, Notices
from omnigate.store.blank import ERASED_SCHEME
from omnigate.store.idempotency import Answers, IdempotencyKey
from omnigate.store.ledger import Ledger
from omnigate.store.messages import message_row
from omnigate.store.owed import Owed, owe
from omnigate.store.prepared import Query
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import (
    FORCED,
    address,
    attachment,
    conversation,
    message,
    message_part,
)
from omnigate.store.threads import ChannelKey, Thread
from omnigate.store.transaction import Target, Transaction
from omnigate.store.urgency import urgency_of


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
    automatic: bool = False
    extensions: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Outgoing:
    """One message to queue, rendered into the parts that its channel needs."""

    channel: ChannelKey
    destination_id: int
    said: Message
    parts: Sequence[PartContent]
    conversation_id: str | None = None
    force: bool = False
    """Also to a customer who wants no messages there."""
    address: Address | None = None
    """Where to write to when there is no conversation yet."""
    contact_id: str | None = None
    """Who is to have that address, where it was chosen for somebody."""
    notices: Notices | None = None
    """Whom messages that nobody asked for may go to; None: this one is none."""
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
            self._rows[message_part].append(_part_row(item, index, part))
        self._rows[attachment].extend(item.new_attachments)
        target = Target(item.destination_id, ordered=True)
        self._owed.append(
            Owed(
                target,
                thread.id,
                urgency_of(thread.waiting_since, is_notice=item.notices is not None),
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
            return self._open(thread, item)
        if item.address is None or item.external_id is None:
            raise Refused("no_recipient", "a message needs a conversation or an address")
        known = _LATEST.run(
            self._transaction.connection,
            {"channel": item.channel.name, "address": str(item.address)},
        )
        if known:
            self._ledger.load_ids([known[0].id])
            return self._open(self._ledger.by_id[known[0].id], item)
        owner = self._ledger.owner(item.address)
        held = owner.identity(item.address) if owner is not None else None
        require_agreed(item, is_known=held is not None, consent=held.consent if held else None)
        return self._open(self._begin_thread(item, item.address, item.external_id), item)

    def _open(self, thread: Thread, item: Outgoing) -> Thread:
        """Return the conversation; raises `Refused` when nothing can be written there."""
        _require_open(thread.address, thread.blocked_at, item)
        if item.contact_id is not None:
            wanted = self._ledger.people([item.contact_id]).get(item.contact_id)
            if wanted is not thread.person:
                raise Refused("no_address", f"{item.address} is somebody else's by now")
        if not thread.new:
            held = thread.person.identity(thread.address)
            require_agreed(item, is_known=True, consent=held.consent if held else None)
        return thread

    def _begin_thread(self, item: Outgoing, address: Address, external_id: str) -> Thread:
        channel = item.channel
        profile = _profile(address)
        self._ledger.load([(channel, external_id)])
        begun = self._ledger.thread(channel, external_id)
        if begun is not None:
            return begun
        thread = self._ledger.open_thread(channel, external_id, profile)
        thread.subject = item.said.subject
        self._ledger.learn(thread.person, profile)
        self._recorder.record(
            Draft(
                type=EventType.CONVERSATION_STARTED,
                person=thread.person,
                thread=thread,
                channel=channel,
                occurred_at=self._transaction.now,
                data=StatusData(status="open", by="api").model_dump_json(),
                before=item.said.id,
            )
        )
        return thread


def _profile(address: Address) -> Profile:
    """Return what an address alone tells of whom it is."""
    return Profile(
        address=address,
        phone=address.path if address.scheme == "tel" else None,
        email=address.path if address.scheme == "mailto" else None,
    )


def look_ahead(connection: Connection, item: Outgoing) -> None:
    """Raise `Refused` when the message could not be queued because of whom it is for; changes nothing."""
    if item.conversation_id is not None:
        found = connection.execute(_ONE, {"id": item.conversation_id}).first()
        if found is None:
            raise Refused("not_found", "there is no such conversation")
    else:
        keys = {"channel": item.channel.name, "address": str(item.address)}
        found = connection.execute(_LATEST_WITH, keys).first()
    if found is not None:
        _require_open(found.address, found.blocked_at, item)
    whose = found.address if found is not None else str(item.address)
    held = connection.execute(_HELD, {"address": whose}).first()
    is_known = found is not None or held is not None
    require_agreed(item, is_known=is_known, consent=held.consent if held is not None else None)


def require_agreed(item: Outgoing, *, is_known: bool, consent: str | None) -> None:
    """Raise `Refused` where a message that nobody asked for may not go."""
    if item.notices is None or item.force:
        return
    if consent == "refused":
        raise Refused(
            "consent_refused",
            "the customer has refused to be written to first here; set force to send it all the same",
        )
    if item.notices == "consent" and consent is None:
        raise Refused(
            "no_consent",
            f"notices on {item.channel.name!r} need the customer's consent, and nobody has said that"
            " it was given; PUT /v1/contacts/{id}/consents says so",
        )
    if not is_known:
        raise Refused(
            "not_known",
            "nobody is known at this address, and notices go to customers who are; set force to send"
            " it all the same",
        )


def _require_open(address: str, blocked_at: int | None, item: Outgoing) -> None:
    if address.startswith(f"{ERASED_SCHEME}:"):
        raise Refused("gone", "whom the conversation was with has been erased")
    if blocked_at is not None and not item.force:
        raise Refused(
            "recipient_blocked",
            "the customer has asked not to be written to here; set force to send it all the same",
        )


def _part_row(item: Outgoing, index: int, part: PartContent) -> dict[str, Any]:
    body = to_json(part)
    if item.force:
        body = to_json({**from_json(body), FORCED: True})
    return {
        "message_id": item.said.id,
        "number": index,
        "channel": item.channel.name,
        "state": "queued",
        "doubts": 0,
        "body": body.decode(),
    }


_HELD: Final = select(address.c.consent).where(address.c.address == bindparam("address"))
_ONE: Final = select(conversation.c.address, conversation.c.blocked_at).where(
    conversation.c.id == bindparam("id")
)
_LATEST_WITH: Final = (
    select(conversation.c.address, conversation.c.blocked_at)
    .where(
        conversation.c.channel == bindparam("channel"),
        conversation.c.address == bindparam("address"),
    )
    .order_by(conversation.c.updated_at.desc())
    .limit(1)
)
_LATEST: Final = Query(
    select(conversation.c.id)
    .where(
        conversation.c.channel == bindparam("channel"),
        conversation.c.address == bindparam("address"),
    )
    .order_by(conversation.c.updated_at.desc())
    .limit(1)
)
