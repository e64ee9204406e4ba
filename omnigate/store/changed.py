"""What becomes of changes to messages: told to the channel, and once the platform has answered, to the CRM.

They are queued by `omnigate.store.changes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import bindparam, select, update

from omnigate.model.event import EventType
from omnigate.model.facts import ChangeFailed, Message, ReactionChanged
from omnigate.model.outbound import OutboundChange
from omnigate.store.errands import Errand
from omnigate.store.messages import read_messages
from omnigate.store.partresult import PartResult
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import message, message_part
from omnigate.store.threads import Thread
from omnigate.store.transaction import RecordedEvent, Transaction


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


_ASKED: Final = ("external_id", "text", "attachments", "buttons", "emoji")
"""What of a change the channel is told."""
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
