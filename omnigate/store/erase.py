"""Erasing what is known of a person, in pieces small enough not to hold up a turn.

Identifiers, sequence numbers and positions stay; what was said, by whom and from where goes. The pieces
come in an order in which nothing that happens meanwhile can bring back what is gone already
(`omnigate.flow.erasure`), and each may be run again: to erase what is erased changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BindParameter,
    bindparam,
    delete,
    false,
    literal_column,
    null,
    select,
    tuple_,
    update,
)

from omnigate.model.event import EventType
from omnigate.model.facts import ContactChange
from omnigate.store.blank import ERASED_SCHEME
from omnigate.store.ledger import Ledger
from omnigate.store.merging import forget_merges
from omnigate.store.notes import forget_notes_about
from omnigate.store.prepared import Bulk
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import (
    address,
    attempt,
    contact,
    conversation,
    delivery_done,
    early_receipt,
    event_body,
    exchange,
    handover,
)
from omnigate.store.threads import NO_CONTEXT
from omnigate.store.transaction import Transaction, chunks
from omnigate.store.waits import forget_waits

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


class End(NamedTuple):
    """All is erased: say so."""

    contact_id: str
    contact_ids: Sequence[str]
    conversation_ids: Sequence[str]
    reason: str | None


def remove_person(transaction: Transaction, items: Sequence[Removal]) -> list[list[str]]:
    """Take out profiles, addresses and notes, and part conversations from the platform's; return their ids.

    From here on the person is unknown: who writes again begins a new conversation as a new contact.
    """
    return [_remove(transaction, item.contact_ids) for item in items]


def write_blanked(transaction: Transaction, items: Sequence[Sequence[Blanked]]) -> list[int]:
    """Replace the texts of events, and what their deliveries were answered; return how many."""
    return [_write_blanked(transaction, rows) for rows in items]


def end_erasure(transaction: Transaction, items: Sequence[End]) -> list[str | None]:
    """Note that contacts are erased, forget tokens of theirs and record ``contact.erased``.

    None where that was done before.
    """
    return [_end(transaction, item) for item in items]


def forget_answers(transaction: Transaction, outbox_ids: Sequence[int]) -> None:
    """Take out what attempts said and were answered."""
    connection = transaction.connection
    for start in range(0, len(outbox_ids), CHUNK):
        keys = {"ids": outbox_ids[start : start + CHUNK]}
        connection.execute(_FORGET_EXCHANGES, keys)
        connection.execute(_FORGET_ERRORS, keys)


def forget_answers_about(transaction: Transaction, positions: Sequence[int]) -> None:
    """Take out what attempts at delivering events said and were answered."""
    done = transaction.connection.scalars(_DONE_OF_EVENTS, {"positions": list(positions)})
    forget_answers(transaction, list(done))


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
    owned = connection.scalars(_ADDRESSES, keys)
    forget_notes_about(connection, [*owned, *(row.address for row in rows)])
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
    forget_waits(transaction, [row.id for row in rows])
    connection.execute(delete(address).where(address.c.contact_id.in_(keys["ids"])))
    forget_merges(connection, keys["ids"])
    connection.execute(_FORGET_PROFILE, {**keys, "now": transaction.now})
    return [row.id for row in rows]


def _write_blanked(transaction: Transaction, rows: Sequence[Blanked]) -> int:
    connection = transaction.connection
    count = WRITE_BLANKED.run(
        connection, [{"key": row.position, "body_now": row.body} for row in rows]
    )
    forget_answers_about(transaction, [row.position for row in rows])
    return count


def _end(transaction: Transaction, item: End) -> str | None:
    connection = transaction.connection
    unfinished = select(contact.c.id).where(
        contact.c.id.in_(item.contact_ids), contact.c.erased_at.is_(None)
    )
    if not connection.scalars(unfinished).all():
        return None
    for some in chunks(item.conversation_ids):
        connection.execute(delete(handover).where(handover.c.conversation_id.in_(some)))
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
_CONVERSATIONS: Final = select(
    conversation.c.id, conversation.c.channel, conversation.c.external_id, conversation.c.address
).where(conversation.c.contact_id.in_(_IDS))
_ADDRESSES: Final = select(address.c.address).where(address.c.contact_id.in_(_IDS))
_PART_CONVERSATION: Final = Bulk(
    update(conversation)
    .where(conversation.c.id == bindparam("key"))
    .values(
        external_id=bindparam("external_now"),
        address=bindparam("address_now"),
        subject=null(),
        status=literal_column("'closed'"),
        waiting_since=null(),
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
_DONE_OF_EVENTS: Final = select(delivery_done.c.outbox_id).where(
    delivery_done.c.position.in_(bindparam("positions", expanding=True)),
    delivery_done.c.position.is_not(None),
)
WRITE_BLANKED: Final = Bulk(
    update(event_body)
    .where(event_body.c.position == bindparam("key"))
    .values(body=bindparam("body_now"), media=false())
)
_FORGET_EXCHANGES: Final = delete(exchange).where(exchange.c.outbox_id.in_(_IDS))
_FORGET_ERRORS: Final = update(attempt).where(attempt.c.outbox_id.in_(_IDS)).values(error=ERASED)
