"""Contacts and conversations as rows: what is new or changed is written with a few statements.

`omnigate.store.ledger` says what that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, update

from omnigate.store.prepared import Bulk, bulk_insert
from omnigate.store.schema import address as address_table
from omnigate.store.schema import contact as contact_table
from omnigate.store.schema import conversation as conversation_table
from omnigate.store.threads import OWN_FIELDS, Identity, Person, Thread
from omnigate.store.transaction import Transaction


def write(transaction: Transaction, people: Sequence[Person], threads: Sequence[Thread]) -> None:
    """Write what differs from the store: contacts, their addresses, conversations, in this order."""
    _write_people(transaction, people)
    _write_identities(transaction, people)
    _write_threads(transaction, threads)


def rename(transaction: Transaction, thread: Thread) -> None:
    """Write what a conversation is called now, at once: its old name may be another's before the end."""
    _RENAME.run(transaction.connection, [{"key": thread.id, "external_id": thread.external_id}])


def _write_people(transaction: Transaction, people: Sequence[Person]) -> None:
    connection, now = transaction.connection, transaction.now
    if new := [_contact_row(person, now) for person in people if person.new]:
        _INSERT_CONTACT.run(connection, new)
    if changed := [
        _contact_row(person, now) for person in people if person.changed and not person.new
    ]:
        _UPDATE_CONTACT.run(connection, [{"key": row.pop("id"), **row} for row in changed])
    for person in people:
        person.new = person.changed = False


def _write_threads(transaction: Transaction, threads: Sequence[Thread]) -> None:
    connection, now = transaction.connection, transaction.now
    if begun := [_thread_row(thread, now) for thread in threads if thread.new]:
        _INSERT_CONVERSATION.run(connection, begun)
    changed: list[dict[str, Any]] = []
    counted: list[dict[str, Any]] = []
    for thread in threads:
        differs = thread.written()
        if thread.changed and not thread.new:
            if differs:
                changed.append(_thread_change(thread, now))
            else:
                # A message as such only takes a number: indexes and references stay as they are.
                counted.append(
                    {"key": thread.id, "next_sequence": thread.next_sequence, "updated_at": now}
                )
        thread.new = thread.changed = False
    _UPDATE_CONVERSATION.run(connection, changed)
    _COUNT_ON.run(connection, counted)


def _write_identities(transaction: Transaction, people: Sequence[Person]) -> None:
    connection, now = transaction.connection, transaction.now
    known = [
        (person, identity)
        for person in people
        for identity in person.identities
        if identity.new or identity.changed
    ]
    if added := [_address_row(person, identity, now) for person, identity in known if identity.new]:
        _INSERT_ADDRESS.run(connection, added)
    if changed := [
        {"key": identity.address, **_address_row(person, identity, now)}
        for person, identity in known
        if not identity.new
    ]:
        for row in changed:
            del row["address"], row["created_at"]
        _UPDATE_ADDRESS.run(connection, changed)
    for person, identity in known:
        if identity.new:
            identity.created_at = now
            person.in_order()
        identity.new = identity.changed = False


def _contact_row(person: Person, now: int) -> dict[str, Any]:
    row = {name: getattr(person, name) for name in ("id", *OWN_FIELDS)}
    row["updated_at"] = now
    if person.new:
        row["created_at"] = now
    return row


def _address_row(person: Person, identity: Identity, now: int) -> dict[str, Any]:
    return {
        "address": identity.address,
        "contact_id": person.id,
        "username": identity.username,
        "verified_at": identity.verified_at,
        "created_at": now,
    }


def _thread_change(thread: Thread, now: int) -> dict[str, Any]:
    return {
        "key": thread.id,
        "contact_id": thread.person.id,
        "subject": thread.subject,
        "status": thread.status,
        "owner": thread.owner,
        "blocked_at": thread.blocked_at,
        "waiting_since": thread.waiting_since,
        "answered_at": thread.answered_at,
        "next_sequence": thread.next_sequence,
        "context": thread.context,
        "updated_at": now,
    }


def _thread_row(thread: Thread, now: int) -> dict[str, Any]:
    row = _thread_change(thread, now)
    row["id"] = row.pop("key")
    row.update(
        channel=thread.channel.name,
        kind=thread.channel.kind,
        external_id=thread.external_id,
        address=thread.address,
        created_at=now,
    )
    return row


_INSERT_CONTACT: Final = bulk_insert(contact_table)
_INSERT_ADDRESS: Final = bulk_insert(address_table)
_INSERT_CONVERSATION: Final = bulk_insert(conversation_table)
_UPDATE_CONTACT: Final = Bulk(
    update(contact_table)
    .where(contact_table.c.id == bindparam("key"))
    .values({name: bindparam(name) for name in (*OWN_FIELDS, "updated_at")})
)
_UPDATE_ADDRESS: Final = Bulk(
    update(address_table)
    .where(address_table.c.address == bindparam("key"))
    .values({name: bindparam(name) for name in ("contact_id", "username", "verified_at")})
)
_RENAME: Final = Bulk(
    update(conversation_table)
    .where(conversation_table.c.id == bindparam("key"))
    .values(external_id=bindparam("external_id"))
)
_COUNT_ON: Final = Bulk(
    update(conversation_table)
    .where(conversation_table.c.id == bindparam("key"))
    .values(next_sequence=bindparam("next_sequence"), updated_at=bindparam("updated_at"))
)
_UPDATE_CONVERSATION: Final = Bulk(
    update(conversation_table)
    .where(conversation_table.c.id == bindparam("key"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "contact_id",
                "subject",
                "status",
                "owner",
                "blocked_at",
                "waiting_since",
                "answered_at",
                "next_sequence",
                "context",
                "updated_at",
            )
        }
    )
)
