"""Changes to messages that are there already: edits, deletions, the company's reactions.

A change is a further part of its message, in the same lane: it reaches the platform after everything
that was asked for before. What the message says here changes only once the platform has taken it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, func, select

from omnigate.errors import Refused
from omnigate.model.attachment import Attachment
from omnigate.model.facts import Message
from omnigate.model.outbound import Button, ChangeAction
from omnigate.store.blank import ERASED_SCHEME
from omnigate.store.fade import is_faded
from omnigate.store.idempotency import Answers, IdempotencyKey
from omnigate.store.messages import read_messages
from omnigate.store.owed import Owed, owe
from omnigate.store.prepared import bulk_insert
from omnigate.store.schema import SEND, conversation, message, message_part
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Target, Transaction, chunks
from omnigate.store.urgency import urgency_of


@dataclass(slots=True)
class ChangeContent:
    """What one change does on the platform; whom it concerns is filled in when it is made."""

    external_id: str
    text: str | None = None
    attachments: list[Attachment] = field(default_factory=list)
    buttons: list[list[Button]] = field(default_factory=list)
    emoji: list[str] = field(default_factory=list)
    becomes: dict[str, Any] | None = None
    """What of the message is different once this is done; with the last step of a request."""
    steps_left: int = 0
    """How many steps of the same request come after this one."""


@dataclass(slots=True)
class Changing:
    """What is to be changed about one message, step by step."""

    message_id: str
    conversation_id: str
    channel: ChannelKey
    destination_id: int
    action: ChangeAction
    steps: Sequence[ChangeContent]
    key: IdempotencyKey | None = None


class ChangeAccepted(NamedTuple):
    """The answer to a change that is queued."""

    id: str
    conversation: str
    action: str


class Changeable(NamedTuple):
    """A message as far as changing it goes."""

    said: Message
    channel: str
    conversation_id: str
    external_id: str | None
    sent_as: Sequence[str | None]
    """What the platform calls its parts, in order."""
    is_faded: bool = False
    """What it said is gone: nobody would take out what an edit brings."""


def read_changeable(connection: Connection, message_id: str) -> Changeable | None:
    """Return what there is to change about a message, or None if there is no such message."""
    row = connection.execute(_MESSAGE, {"id": message_id}).first()
    if row is None:
        return None
    said = read_messages(connection, [message_id])[message_id]
    sent_as = connection.scalars(_SENT_AS, {"id": message_id}).all()
    return Changeable(
        said,
        row.channel,
        row.conversation_id,
        row.external_id,
        sent_as,
        is_faded(connection, message_id),
    )


def enqueue_changes(transaction: Transaction, items: Sequence[Changing]) -> list[ChangeAccepted]:
    """Queue changes; raises `Refused` (whom it was said to was erased meanwhile) or `KeyReused`."""
    answers = Answers(transaction, ChangeAccepted, [item.key for item in items])
    connection = transaction.connection
    numbers = _next_numbers(connection, [item.message_id for item in items])
    waiting = _waiting(connection, [item.conversation_id for item in items])
    rows: list[dict[str, Any]] = []
    owed: list[Owed] = []
    results = []
    for item in items:
        if (answer := answers.given(item.key)) is not None:
            results.append(answer)
            continue
        if item.conversation_id not in waiting:
            raise Refused("gone", "whom the conversation was with has been erased")
        first = numbers.get(item.message_id, 0)
        numbers[item.message_id] = first + len(item.steps)
        rows += (
            {
                "message_id": item.message_id,
                "number": first + index,
                "channel": item.channel.name,
                "state": "queued",
                "doubts": 0,
                "body": to_json(replace(step, steps_left=len(item.steps) - index - 1)).decode(),
                "action": item.action,
            }
            for index, step in enumerate(item.steps)
        )
        if item.steps:
            target = Target(item.destination_id, ordered=True)
            owed.append(
                Owed(
                    target,
                    item.conversation_id,
                    urgency_of(waiting[item.conversation_id]),
                    message_id=item.message_id,
                    first_part=first,
                    last_part=first + len(item.steps) - 1,
                )
            )
        accepted = ChangeAccepted(item.message_id, item.conversation_id, item.action)
        answers.remember(item.key, accepted)
        results.append(accepted)
    _INSERT_PART.run(connection, rows)
    answers.flush()
    owe(transaction, owed)
    return results


def _next_numbers(connection: Connection, message_ids: Sequence[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for some in chunks(list(dict.fromkeys(message_ids))):
        for row in connection.execute(_LAST_NUMBERS, {"ids": some}):
            numbers[row.message_id] = row.last + 1
    return numbers


def _waiting(connection: Connection, conversation_ids: Sequence[str]) -> dict[str, int | None]:
    """Return since when customers wait for an answer, but of those who were erased."""
    found: dict[str, int | None] = {}
    for some in chunks(list(dict.fromkeys(conversation_ids))):
        for row in connection.execute(_NOT_ERASED, {"ids": some}):
            found[row.id] = row.waiting_since
    return found


_INSERT_PART: Final = bulk_insert(message_part)
_MESSAGE: Final = select(message.c.channel, message.c.conversation_id, message.c.external_id).where(
    message.c.id == bindparam("id")
)
_SENT_AS: Final = (
    select(message_part.c.external_id)
    .where(message_part.c.message_id == bindparam("id"), message_part.c.action == SEND)
    .order_by(message_part.c.number)
)
_LAST_NUMBERS: Final = (
    select(message_part.c.message_id, func.max(message_part.c.number).label("last"))
    .where(message_part.c.message_id.in_(bindparam("ids", expanding=True)))
    .group_by(message_part.c.message_id)
)
_NOT_ERASED: Final = select(conversation.c.id, conversation.c.waiting_since).where(
    conversation.c.id.in_(bindparam("ids", expanding=True)),
    ~conversation.c.address.startswith(f"{ERASED_SCHEME}:"),
)
