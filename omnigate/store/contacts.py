"""Contacts: merging two that are one person, editing, reading one with all it owns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from omnigate.errors import Refused
from omnigate.model.event import EventAddress, EventContact, EventType
from omnigate.model.facts import ContactChange
from omnigate.store import merges
from omnigate.store.identity import Identities, contradiction
from omnigate.store.ledger import Ledger
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import address, contact, conversation
from omnigate.store.threads import Person, latest_of_each_scheme
from omnigate.store.transaction import Transaction, chunks

ASKED_FOR: Final = "asked for"


class Merge(NamedTuple):
    """Take the contact ``loser`` up into ``winner``, because a person says so."""

    winner: str
    loser: str
    by: str = "api"
    note: str | None = None
    force: bool = False
    """Also when both have a proven address of a scheme of which a person has one."""


class Edit(NamedTuple):
    """Change fields of a contact (display_name, locale, phone, email, avatar_url)."""

    contact_id: str
    fields: dict[str, str | None]


def merge(transaction: Transaction, items: Sequence[Merge]) -> list[EventContact]:
    """Merge contacts and record ``contact.merged``; conflicts between the two are resolved by it.

    Raises `Refused`: ``not_found`` for unknown ones, ``same_contact``, ``contradictory``, ``gone``.
    """
    results = []
    for item in items:
        ledger, recorder = Ledger(transaction), Recorder(transaction)
        people = ledger.people([item.winner, item.loser])
        winner, loser = people.get(item.winner), people.get(item.loser)
        if winner is None or loser is None:
            raise Refused("not_found", "both contacts must exist")
        if winner is loser:
            raise Refused("same_contact", "both are one contact already")
        _refuse_erased(winner, loser)
        if not item.force:
            _refuse_contradictory(transaction, winner, loser)
        identities = Identities(transaction, ledger, recorder)
        identities.join(winner, loser, item.note or ASKED_FOR, None, transaction.now, by=item.by)
        ledger.flush()
        recorder.flush()
        results.append(_shown(winner))
    return results


def edit(transaction: Transaction, items: Sequence[Edit]) -> list[EventContact]:
    """Change contacts and record ``contact.updated``; raises `Refused`: ``not_found``, ``gone``."""
    results = []
    for item in items:
        ledger, recorder = Ledger(transaction), Recorder(transaction)
        person = ledger.people([item.contact_id]).get(item.contact_id)
        if person is None:
            raise Refused("not_found", "there is no such contact")
        _refuse_erased(person)
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
    return read_contacts(connection, [contact_id]).get(contact_id)


def read_contacts(connection: Connection, contact_ids: Iterable[str]) -> dict[str, EventContact]:
    """Return contacts by the ids that are asked for; unknown ones are left out.

    One that was merged answers as the one it became part of. However many are asked for, it takes a
    statement for them, one for each merge in a row that some went through, and one for addresses.
    """
    rows = merges.roots_of(connection, contact_ids)
    owned: dict[str, list[Any]] = {row.id: [] for row in rows.values()}
    for some in chunks(sorted(owned)):
        for known in connection.execute(_ADDRESSES, {"ids": some}):
            owned[known.contact_id].append(known)
    people = {row.id: _contact_shown(row, owned[row.id]) for row in rows.values()}
    return {contact_id: people[row.id] for contact_id, row in rows.items()}


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
    people = read_contacts(connection, found)
    return [people[contact_id] for contact_id in found]


def contacts_on(
    connection: Connection, contact_ids: Iterable[str], channels: Collection[str]
) -> set[str]:
    """Return those contacts that have a conversation on one of these channels."""
    found: set[str] = set()
    for some in chunks(sorted(set(contact_ids))):
        found.update(connection.scalars(_ON_CHANNELS, {"ids": some, "channels": list(channels)}))
    return found


def _contact_shown(row: Any, owned: list[Any]) -> EventContact:
    latest = latest_of_each_scheme(owned)
    return EventContact(
        id=row.id,
        display_name=row.display_name,
        locale=row.locale,
        phone=row.phone,
        email=row.email,
        avatar_url=row.avatar_url,
        addresses=[_address_shown(known) for known in latest],
        addresses_left_out=len(owned) - len(latest),
    )


def _address_shown(row: Any) -> EventAddress:
    return EventAddress(
        address=row.address,
        username=row.username,
        verified=row.verified_at is not None,
        consent=row.consent,
    )


def _refuse_erased(*people: Person) -> None:
    # Nobody else is without an address: that goes first, while the rest is still being erased.
    if not all(person.identities for person in people):
        raise Refused("gone", "the contact was erased")


def _refuse_contradictory(transaction: Transaction, winner: Person, loser: Person) -> None:
    scheme = contradiction(winner, loser, transaction.one_each, proven=True)
    if scheme is not None:
        raise Refused(
            "contradictory",
            f"each of the two has a proven {scheme}: address, and a person has one of these;"
            " if they are one all the same, merge them with force",
        )


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


_ADDRESSES: Final = (
    select(address)
    .where(address.c.contact_id.in_(bindparam("ids", expanding=True)))
    .order_by(address.c.created_at, address.c.address)
)
_ON_CHANNELS: Final = (
    select(conversation.c.contact_id)
    .where(
        conversation.c.contact_id.in_(bindparam("ids", expanding=True)),
        conversation.c.channel.in_(bindparam("channels", expanding=True)),
    )
    .distinct()
)
