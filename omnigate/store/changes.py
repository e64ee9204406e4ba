"""Changes to messages that are there already: edits, deletions, the company's reactions.

A change is a further part of its message, in the same lane: it reaches the platform after everything
that was asked for before. What the message says here changes only once the platform has taken it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, func, select, update

from omnigate.errors import Refused
from omnigate.model.attachment import Attachment
from omnigate.model.event import EventType
from omnigate.model.facts import ChangeFailed, Message, ReactionChanged
from omnigate.model.outbound import Button, ChangeAction, OutboundChange
from omnigate.store.blank import ERASED_SCHEME
from omnigate.store.errands import Errand
from omnigate.store.fade import is_faded
from omnigate.store.idempotency import Answers, IdempotencyKey
from omnigate.store.messages import read_messages
from omnigate.store.prepared import bulk_insert
from omnigate.store.record import Draft, Owed, Recorder, owe
from omnigate.store.schema import SEND, conversation, message, message_part
from omnigate.store.threads import ChannelKey, Thread
from omnigate.store.transaction import RecordedEvent, Target, Transaction, chunks

if TYPE_CHECKING:
    from omnigate.store.parts import PartResult


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
    erased = _erased(connection, [item.conversation_id for item in items])
    rows: list[dict[str, Any]] = []
    owed: list[Owed] = []
    results = []
    for item in items:
        if (answer := answers.given(item.key)) is not None:
            results.append(answer)
            continue
        if item.conversation_id in erased:
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
                    item.channel.priority,
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


def change_of(row: Any) -> OutboundChange:
    """Return what a channel is asked to change, of a part's row."""
    content = from_json(row.body)
    content = {name: content[name] for name in _ASKED if name in content}
    return OutboundChange(
        id=f"{row.message_id}.{row.number}",
        message=row.message_id,
        index=row.number,
        action=row.action,
        conversation=row.external_id,
        address=row.address,
        **content,
    )


def settle_changes(
    transaction: Transaction,
    recorder: Recorder,
    threads: Mapping[str, Thread],
    items: Sequence[PartResult],
) -> dict[tuple[str, int], Errand]:
    """Store how changes went, record the events, and let what was asked for with a failed one fail.

    Returns what is still to be done of the same change after each step, by message and part.
    """
    after: dict[tuple[str, int], Errand] = {}
    for item in items:
        if item.state == "queued":
            continue  # as with any part: it is only tried again
        keys: dict[str, Any] = {"message": item.message_id, "part": item.index}
        row = transaction.connection.execute(_CHANGE, keys).one()
        last = item.index + from_json(row.body).get("steps_left", 0)  # erased: nothing is left
        after[item.message_id, item.index] = Errand(item.message_id, item.index + 1, last)
        if row.state not in ("queued", "sending"):
            continue
        transaction.connection.execute(
            _SETTLE, {**keys, "state_now": item.state, "why": item.error}
        )
        thread = threads[item.message_id]
        if item.state == "sent":
            _made(transaction, recorder, thread, row)
        else:
            transaction.connection.execute(_FAIL_REST, {**keys, "last": last, "why": item.error})
            failed = ChangeFailed(
                message=item.message_id,
                action=row.action,
                state="unknown" if item.state == "unknown" else "failed",
                error=item.error,
            )
            _record(
                transaction,
                recorder,
                thread,
                EventType.MESSAGE_CHANGE_FAILED,
                failed.model_dump_json(),
                item.message_id,
            )
    return after


def _made(transaction: Transaction, recorder: Recorder, thread: Thread, row: Any) -> None:
    content = from_json(row.body)
    if row.action == "react":
        reaction = ReactionChanged(
            message=row.message_id,
            external_id=content["external_id"],
            emoji=content["emoji"],
            by="company",
        )
        _record(
            transaction,
            recorder,
            thread,
            EventType.REACTION_CHANGED,
            reaction.model_dump_json(),
            row.message_id,
        )
        return
    if content["becomes"] is None:
        return
    [before] = read_messages(transaction.connection, [row.message_id]).values()
    said = Message.model_validate({**before.model_dump(), **content["becomes"]})
    event_type = EventType.MESSAGE_EDITED if row.action == "edit" else EventType.MESSAGE_DELETED
    recorded = _record(
        transaction,
        recorder,
        thread,
        event_type,
        said.model_dump_json(),
        row.message_id,
        media=bool(said.attachments),
    )
    changed: dict[str, Any] = (
        {"content": said.model_dump_json()}
        if row.position is None
        else {"position": recorded.position}
    )
    transaction.connection.execute(
        _SAYS_NOW.values(changed), {"key": row.message_id, "state_now": said.state}
    )


def _record(
    transaction: Transaction,
    recorder: Recorder,
    thread: Thread,
    event_type: EventType,
    data: str,
    message_id: str,
    *,
    media: bool = False,
) -> RecordedEvent:
    return recorder.record(
        Draft(
            type=event_type,
            person=thread.person,
            thread=thread,
            channel=thread.channel,
            occurred_at=transaction.now,
            data=data,
            message_id=message_id,
            media=media,
        )
    )


def _next_numbers(connection: Connection, message_ids: Sequence[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for some in chunks(list(dict.fromkeys(message_ids))):
        for row in connection.execute(_LAST_NUMBERS, {"ids": some}):
            numbers[row.message_id] = row.last + 1
    return numbers


def _erased(connection: Connection, conversation_ids: Sequence[str]) -> set[str]:
    """Return those of the conversations that are parted from whom they were with."""
    found: set[str] = set()
    for some in chunks(list(dict.fromkeys(conversation_ids))):
        found.update(connection.scalars(_ERASED, {"ids": some}))
    return found


_ASKED: Final = ("external_id", "text", "attachments", "buttons", "emoji")
"""What of a change the channel is told."""
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
_ERASED: Final = select(conversation.c.id).where(
    conversation.c.id.in_(bindparam("ids", expanding=True)),
    conversation.c.address.startswith(f"{ERASED_SCHEME}:"),
)
_ONE_PART = (
    message_part.c.message_id == bindparam("message"),
    message_part.c.number == bindparam("part"),
)
_CHANGE: Final = (
    select(
        message_part.c.message_id,
        message_part.c.action,
        message_part.c.state,
        message_part.c.body,
        message.c.position,
    )
    .join_from(message_part, message, message.c.id == message_part.c.message_id)
    .where(*_ONE_PART)
)
_SETTLE: Final = (
    update(message_part)
    .where(*_ONE_PART)
    .values(state=bindparam("state_now"), error=bindparam("why"))
)
_FAIL_REST: Final = (
    update(message_part)
    .where(
        message_part.c.message_id == bindparam("message"),
        message_part.c.number.between(bindparam("part") + 1, bindparam("last")),
        message_part.c.state == "queued",
    )
    .values(state="failed", error=bindparam("why"))
)
_SAYS_NOW: Final = (
    update(message).where(message.c.id == bindparam("key")).values(state=bindparam("state_now"))
)
