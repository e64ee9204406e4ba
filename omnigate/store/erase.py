"""Erasing what is known of a person, in pieces small enough not to hold up a turn.

Identifiers, sequence numbers and positions stay; what was said, by whom and from where goes. The pieces
come in an order in which nothing that happens meanwhile can bring back what is gone already
(`omnigate.flow.erasure`), and each may be run again: to erase what is erased changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import (
    BindParameter,
    bindparam,
    delete,
    literal_column,
    null,
    select,
    tuple_,
    update,
)

from omnigate.model.event import ContactChange, EventType
from omnigate.store.blank import ERASED_SCHEME, blank_message
from omnigate.store.ledger import Ledger
from omnigate.store.outbound import PartContent
from omnigate.store.prepared import Bulk
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import (
    address,
    attachment,
    attempt,
    contact,
    conversation,
    delivery_done,
    early_receipt,
    event_body,
    exchange,
    idempotency,
    message,
    message_part,
)
from omnigate.store.threads import NO_CONTEXT
from omnigate.store.transaction import Transaction, chunks

CHUNK: Final = 200
"""How many rows one turn works on at most."""

ERASED: Final = "(erased)"
"""Stands where an error's text was."""


class Removal(NamedTuple):
    """Take out what is known of contacts that are one person."""

    contact_ids: Sequence[str]


class Blanked(NamedTuple):
    """An event's text without what it said."""

    position: int
    body: str


class ForgottenFiles(NamedTuple):
    """Files, by their hash, that no message bears any more."""

    hashes: Sequence[str]
    discard: Callable[[str], object]
    """Removes one from the disk; called within the turn, so that nobody takes it up meanwhile."""


class End(NamedTuple):
    """All is erased: say so."""

    contact_id: str
    contact_ids: Sequence[str]
    reason: str | None


@dataclass(slots=True)
class Emptied:
    """What became of messages."""

    messages: int = 0
    hashes: list[str] = field(default_factory=list)
    """Of the files that they bore."""
    uploads: list[str] = field(default_factory=list)
    """Ids of files that a CRM had uploaded and sent with them: others may have got them too."""


def remove_person(transaction: Transaction, items: Sequence[Removal]) -> list[list[str]]:
    """Take out profiles and addresses, and part conversations from the platform's; return their ids.

    From here on the person is unknown: who writes again begins a new conversation as a new contact.
    """
    return [_remove(transaction, item.contact_ids) for item in items]


def empty_messages(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[Emptied]:
    """Take out what messages say, and their files; those that were not sent yet have failed."""
    return [_empty(transaction, list(ids)) for ids in items]


def forget_uploads(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[list[str]]:
    """Delete the rows of uploaded files; return the hashes of their bytes."""
    results = []
    for ids in items:
        hashes = transaction.connection.scalars(
            delete(attachment)
            .where(attachment.c.id.in_(ids), attachment.c.message_id.is_(None))
            .returning(attachment.c.sha256)
        )
        results.append([digest for digest in hashes if digest is not None])
    return results


def write_blanked(transaction: Transaction, items: Sequence[Sequence[Blanked]]) -> list[int]:
    """Replace the texts of events, and what their deliveries were answered; return how many."""
    return [_write_blanked(transaction, rows) for rows in items]


def forget_files(transaction: Transaction, items: Sequence[ForgottenFiles]) -> list[int]:
    """Remove those files that no row names any more; return how many there were."""
    counts = []
    for item in items:
        gone = list(dict.fromkeys(item.hashes))
        for some in chunks(gone):
            shared = set(transaction.connection.scalars(_NAMED, {"hashes": some}))
            gone = [digest for digest in gone if digest not in shared]
        for digest in gone:
            item.discard(digest)
        counts.append(len(gone))
    return counts


def end_erasure(transaction: Transaction, items: Sequence[End]) -> list[str | None]:
    """Note that contacts are erased and record ``contact.erased``; None if that was done before."""
    return [_end(transaction, item) for item in items]


def forget_answers(transaction: Transaction, outbox_ids: Sequence[int]) -> None:
    """Take out what attempts said and were answered."""
    connection = transaction.connection
    for start in range(0, len(outbox_ids), CHUNK):
        keys = {"ids": outbox_ids[start : start + CHUNK]}
        connection.execute(_FORGET_EXCHANGES, keys)
        connection.execute(_FORGET_ERRORS, keys)


def _remove(transaction: Transaction, contact_ids: Sequence[str]) -> list[str]:
    connection = transaction.connection
    keys = {"ids": list(contact_ids)}
    rows = connection.execute(_CONVERSATIONS, keys).all()
    for some in (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)):
        named = [(row.channel, row.external_id) for row in some]
        connection.execute(
            delete(early_receipt).where(
                tuple_(early_receipt.c.channel, early_receipt.c.conversation).in_(named)
            )
        )
    _PART_CONVERSATION.run(
        connection,
        [
            {
                "key": row.id,
                "address_now": f"{ERASED_SCHEME}:{row.id}",
                # Not to be guessed: whoever named it would write into the old conversation.
                "external_now": f"{ERASED_SCHEME}:{secrets.token_hex(16)}",
                "context_now": NO_CONTEXT,
                "now": transaction.now,
            }
            for row in rows
        ],
    )
    connection.execute(delete(address).where(address.c.contact_id.in_(keys["ids"])))
    connection.execute(_FORGET_PROFILE, {**keys, "now": transaction.now})
    return [row.id for row in rows]


def _empty(transaction: Transaction, ids: list[str]) -> Emptied:
    connection = transaction.connection
    keys = {"ids": ids}
    rows = connection.execute(select(message).where(_IS_ONE_OF), keys).all()
    _EMPTY_MESSAGE.run(
        connection,
        [
            {
                "key": row.id,
                "content_now": None if row.content is None else blank_message(row.content),
                "state_now": "failed" if row.state in ("queued", "sending") else row.state,
            }
            for row in rows
        ],
    )
    early = connection.execute(
        select(message_part.c.channel, message_part.c.external_id).where(
            _IS_PART, message_part.c.external_id.is_not(None)
        ),
        keys,
    ).all()
    if early:
        receipts = tuple_(early_receipt.c.channel, early_receipt.c.external_id)
        connection.execute(delete(early_receipt).where(receipts.in_([tuple(row) for row in early])))
    connection.execute(_EMPTY_PARTS, keys)
    hashes = list(connection.scalars(_HASHES, keys))
    connection.execute(delete(attachment).where(attachment.c.message_id.in_(ids)))
    _forget_keys(transaction, rows)
    forget_answers(transaction, list(connection.scalars(_DONE_OF_MESSAGES, keys)))
    return Emptied(len(rows), hashes, _uploads(rows))


def _uploads(rows: Sequence[Any]) -> list[str]:
    """Return the ids of files that outbound messages were sent with."""
    return [
        file["id"]
        for row in rows
        if row.content is not None
        for file in from_json(row.content)["attachments"]
    ]


def _forget_keys(transaction: Transaction, rows: Sequence[Any]) -> None:
    """Forget the idempotency keys under which messages were queued: both bear the same time."""
    connection = transaction.connection
    created = {row.created_at for row in rows if row.direction == "outbound"}
    if not created:
        return
    answers = tuple(f'["{row.id}"' for row in rows)
    found = connection.execute(
        select(idempotency.c.scope, idempotency.c.key, idempotency.c.answer).where(
            idempotency.c.created_at.in_(sorted(created))
        )
    )
    gone = [(row.scope, row.key) for row in found if row.answer.startswith(answers)]
    if gone:
        connection.execute(
            delete(idempotency).where(tuple_(idempotency.c.scope, idempotency.c.key).in_(gone))
        )


def _write_blanked(transaction: Transaction, rows: Sequence[Blanked]) -> int:
    connection = transaction.connection
    count = WRITE_BLANKED.run(
        connection, [{"key": row.position, "body_now": row.body} for row in rows]
    )
    positions = {"positions": [row.position for row in rows]}
    forget_answers(transaction, list(connection.scalars(_DONE_OF_EVENTS, positions)))
    return count


def _end(transaction: Transaction, item: End) -> str | None:
    connection = transaction.connection
    unfinished = select(contact.c.id).where(
        contact.c.id.in_(item.contact_ids), contact.c.erased_at.is_(None)
    )
    if not connection.scalars(unfinished).all():
        return None
    connection.execute(
        update(contact)
        .where(contact.c.id.in_(item.contact_ids))
        .values(erased_at=transaction.now, updated_at=transaction.now)
    )
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    change = ContactChange(id=item.contact_id, reason=item.reason)
    recorded = recorder.record(
        Draft(
            type=EventType.CONTACT_ERASED,
            person=ledger.people([item.contact_id])[item.contact_id],
            thread=None,
            channel=None,
            occurred_at=transaction.now,
            data=change.model_dump_json(),
        )
    )
    recorder.flush()
    return recorded.id


_IDS: Final[BindParameter[Any]] = bindparam("ids", expanding=True)
_IS_ONE_OF: Final = message.c.id.in_(_IDS)
_IS_PART: Final = message_part.c.message_id.in_(_IDS)
_CONVERSATIONS: Final = select(
    conversation.c.id, conversation.c.channel, conversation.c.external_id
).where(conversation.c.contact_id.in_(_IDS))
_PART_CONVERSATION: Final = Bulk(
    update(conversation)
    .where(conversation.c.id == bindparam("key"))
    .values(
        external_id=bindparam("external_now"),
        address=bindparam("address_now"),
        subject=null(),
        status=literal_column("'closed'"),
        context=bindparam("context_now"),
        updated_at=bindparam("now"),
    )
)
_FORGET_PROFILE: Final = (
    update(contact)
    .where(contact.c.id.in_(_IDS))
    .values(
        display_name=null(),
        locale=null(),
        phone=null(),
        email=null(),
        avatar_url=null(),
        blocked_at=null(),
        updated_at=bindparam("now"),
    )
)
_EMPTY_MESSAGE: Final = Bulk(
    update(message)
    .where(message.c.id == bindparam("key"))
    .values(
        content=bindparam("content_now"),
        state=bindparam("state_now"),
        error=null(),
        external_id=null(),
    )
)
NO_CONTENT: Final = to_json(PartContent()).decode()
"""The body of a part that says nothing."""
_EMPTY_PARTS: Final = (
    update(message_part)
    .where(_IS_PART)
    .values(
        body=NO_CONTENT,
        error=null(),
        external_id=null(),
        state=literal_column(
            "CASE WHEN state IN ('queued', 'sending') THEN 'failed' ELSE state END"
        ),
    )
)
_HASHES: Final = select(attachment.c.sha256).where(
    attachment.c.message_id.in_(_IDS), attachment.c.sha256.is_not(None)
)
_NAMED: Final = select(attachment.c.sha256).where(
    attachment.c.sha256.in_(bindparam("hashes", expanding=True))
)
_DONE_OF_MESSAGES: Final = select(delivery_done.c.outbox_id).where(
    delivery_done.c.message_id.in_(_IDS), delivery_done.c.message_id.is_not(None)
)
_DONE_OF_EVENTS: Final = select(delivery_done.c.outbox_id).where(
    delivery_done.c.position.in_(bindparam("positions", expanding=True)),
    delivery_done.c.position.is_not(None),
)
WRITE_BLANKED: Final = Bulk(
    update(event_body)
    .where(event_body.c.position == bindparam("key"))
    .values(body=bindparam("body_now"), media=literal_column("0"))
)
_FORGET_EXCHANGES: Final = delete(exchange).where(exchange.c.outbox_id.in_(_IDS))
_FORGET_ERRORS: Final = update(attempt).where(attempt.c.outbox_id.in_(_IDS)).values(error=ERASED)
