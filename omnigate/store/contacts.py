"""Contacts: merging two that are one person, editing, reading one with all it owns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from omnigate.errors import Refused
from omnigate.model.event import EventAddress, EventContact, EventType
from omnigate.model.facts import ContactChange
from omnigate.store.ledger import Ledger
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import address, contact, conversation
from omnigate.store.threads import Person
from omnigate.store.transaction import Transaction


class Merge(NamedTuple):
    """Take the contact ``loser`` up into ``winner``."""

    winner: str
    loser: str


class Edit(NamedTuple):
    """Change fields of a contact (display_name, locale, phone, email, avatar_url)."""

    contact_id: str
    fields: dict[str, str | None]


def merge_rows(transaction: Transaction, ledger: Ledger, winner: Person, loser: Person) -> None:
    """Give the winner all that the loser owns: what is loaded in memory, the rest in the store."""
    ledger.absorb(winner, loser)
    transaction.connection.execute(_MOVE_CONVERSATIONS, {"winner": winner.id, "loser": loser.id})


def merge(transaction: Transaction, items: Sequence[Merge]) -> list[EventContact]:
    """Merge contacts and record ``contact.merged``; raises `Refused` for unknown or equal ones."""
    results = []
    for item in items:
        ledger, recorder = Ledger(transaction), Recorder(transaction)
        people = ledger.people([item.winner, item.loser])
        winner, loser = people.get(item.winner), people.get(item.loser)
        if winner is None or loser is None or winner is loser:
            raise Refused("not_found", "both contacts must exist and be two")
        _refuse_erased(transaction.connection, winner, loser)
        merge_rows(transaction, ledger, winner, loser)
        change = ContactChange(id=winner.id, merged=loser.id, reason="asked for")
        _record(transaction, recorder, EventType.CONTACT_MERGED, winner, change)
        ledger.flush()
        recorder.flush()
        results.append(_shown(winner))
    return results


def edit(transaction: Transaction, items: Sequence[Edit]) -> list[EventContact]:
    """Change contacts and record ``contact.updated``; raises `Refused` when there is no such one."""
    results = []
    for item in items:
        ledger, recorder = Ledger(transaction), Recorder(transaction)
        person = ledger.people([item.contact_id]).get(item.contact_id)
        if person is None:
            raise Refused("not_found", "there is no such contact")
        _refuse_erased(transaction.connection, person)
        changed = [name for name, value in item.fields.items() if getattr(person, name) != value]
        for name in changed:
            setattr(person, name, item.fields[name])
        if changed:
            person.touch()
            change = ContactChange(id=person.id, changed=changed)
            _record(transaction, recorder, EventType.CONTACT_UPDATED, person, change)
        ledger.flush()
        recorder.flush()
        results.append(_shown(person))
    return results


def read_contact(connection: Connection, contact_id: str) -> EventContact | None:
    """Return a contact; one that was merged answers as the one it became part of."""
    row = connection.execute(select(contact).where(contact.c.id == contact_id)).first()
    while row is not None and row.merged_into is not None:
        row = connection.execute(select(contact).where(contact.c.id == row.merged_into)).first()
    if row is None:
        return None
    identities = connection.execute(
        select(address).where(address.c.contact_id == row.id).order_by(address.c.created_at)
    )
    return EventContact(
        id=row.id,
        display_name=row.display_name,
        locale=row.locale,
        phone=row.phone,
        email=row.email,
        avatar_url=row.avatar_url,
        addresses=[
            EventAddress(
                address=known.address,
                username=known.username,
                verified=known.verified_at is not None,
            )
            for known in identities
        ],
    )


def is_erased(connection: Connection, contact_id: str) -> bool:
    """Tell whether a contact was erased: only its id is left of it."""
    query = select(contact.c.erased_at).where(contact.c.id == contact_id)
    return connection.scalar(query) is not None


def find_contacts(
    connection: Connection, *, owned_address: str | None, before: str | None, limit: int
) -> list[EventContact]:
    """Return contacts, newest first; with an address, the one that owns it."""
    query = select(contact.c.id).where(
        contact.c.merged_into.is_(None), contact.c.erased_at.is_(None)
    )
    if owned_address is not None:
        query = query.join(address, address.c.contact_id == contact.c.id).where(
            address.c.address == owned_address
        )
    if before is not None:
        query = query.where(contact.c.id < before)
    found = connection.scalars(query.order_by(contact.c.id.desc()).limit(limit)).all()
    people = (read_contact(connection, contact_id) for contact_id in found)
    return [person for person in people if person is not None]


def _refuse_erased(connection: Connection, *people: Person) -> None:
    if any(is_erased(connection, person.id) for person in people):
        raise Refused("gone", "the contact was erased")


def _shown(person: Person) -> EventContact:
    return EventContact.model_validate_json(person.as_json())


def _record(
    transaction: Transaction,
    recorder: Recorder,
    event_type: EventType,
    person: Person,
    change: ContactChange,
) -> None:
    data: Any = change.model_dump_json()
    recorder.record(
        Draft(
            type=event_type,
            person=person,
            thread=None,
            channel=None,
            occurred_at=transaction.now,
            data=data,
        )
    )


_MOVE_CONVERSATIONS: Final = (
    update(conversation)
    .where(conversation.c.contact_id == bindparam("loser"))
    .values(contact_id=bindparam("winner"))
)
