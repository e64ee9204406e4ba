"""What events of others say of a person from a time at which the two were one contact.

Whoever was merged by mistake and parted again has conversations of their own; events that were recorded on
them in between name whom the contact was then, with all the addresses that it had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, or_, select

from omnigate.model.event import EventContact
from omnigate.store.merges import roots_of
from omnigate.store.merging import texts_of
from omnigate.store.person import Person, contact_rows
from omnigate.store.schema import merge
from omnigate.store.told import Unsaid
from omnigate.store.transaction import chunks

_PROFILE: Final = ("display_name", "locale", "phone", "email", "avatar_url")


class Signs(NamedTuple):
    """What a person is known by in the events of others."""

    contact_ids: frozenset[str]
    addresses: frozenset[str]
    profile: Mapping[str, frozenset[Any]]
    """Values of the fields of their contacts."""
    filled: frozenset[str]
    """Fields that others had nothing in and took from them."""
    merges: frozenset[int]
    """Numbers of the merges that they had part in."""


def parted_from(connection: Connection, person: Person) -> list[str]:
    """Return the contacts that a person was one with, at once or by way of others, and is not any more."""
    known = set(person.contact_ids)
    fresh = known
    while fresh:
        rows = [row for some in chunks(sorted(fresh)) for row in connection.execute(_with(some))]
        fresh = {end for row in rows for end in (row.winner, row.loser)} - known
        known |= fresh
    roots = roots_of(connection, sorted(known - set(person.contact_ids)))
    return sorted({row.id for row in roots.values()} - set(person.contact_ids))


def signs_of(connection: Connection, person: Person) -> Signs:
    """Return what a person is known by; nothing tells it any more once the profile is gone."""
    rows = contact_rows(connection, person.contact_ids)
    merges = [row for some in chunks(person.contact_ids) for row in connection.execute(_with(some))]
    return Signs(
        frozenset(person.contact_ids),
        frozenset(row.address for row in person.addresses),
        {name: frozenset(getattr(row, name) for row in rows) for name in _PROFILE},
        frozenset(name for row in merges for name in texts_of(row.filled)),
        frozenset(row.id for row in merges),
    )


def unsay_parted(rows: Sequence[Any], signs: Signs) -> list[Unsaid]:
    """Return those events that name a person without that."""
    found = []
    for row in rows:
        known = from_json(row.body)
        # Both, whatever the first one comes to.
        if any([_forget_profile(known, signs), _forget_reason(known, signs)]):
            found.append(Unsaid(row.position, to_json(known).decode()))
    return found


def _forget_profile(envelope: dict[str, Any], signs: Signs) -> bool:
    contact = envelope["contact"]
    if contact is None:
        return False
    if contact["id"] in signs.contact_ids:
        nobody = EventContact(id=contact["id"]).model_dump(mode="json")
        envelope["contact"] = nobody
        return bool(contact != nobody)
    others = [each for each in contact["addresses"] if each["address"] not in signs.addresses]
    if others == contact["addresses"]:
        return False
    contact["addresses"] = others
    for name in _PROFILE:
        if name in signs.filled or contact[name] in signs.profile[name]:
            contact[name] = None
    return True


def _forget_reason(envelope: dict[str, Any], signs: Signs) -> bool:
    """Forget what was said about a merge with the person, or about its end."""
    change = envelope["data"].get("contact")
    if change is None or change["reason"] is None or change["merge"] not in signs.merges:
        return False
    change["reason"] = None
    return True


def _with(contact_ids: Sequence[str]) -> Any:
    return select(merge.c.id, merge.c.winner, merge.c.loser, merge.c.filled).where(
        or_(merge.c.winner.in_(contact_ids), merge.c.loser.in_(contact_ids))
    )
