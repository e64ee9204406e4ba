"""Whether customers have agreed to be written to first: said for each address, told, kept with its source.

What is said here holds until somebody says otherwise, whoever the address comes to belong to - but that a
stranger had agreed (`omnigate.store.merging.take_back_consent`). That a customer stops the messages of a
channel is no consent and no refusal: it is a block, of that conversation, and the customer's own to lift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam, update

from omnigate.errors import Refused
from omnigate.model.event import EventContact, EventType
from omnigate.model.facts import Consent, ContactChange
from omnigate.store.contacts import is_erased
from omnigate.store.ledger import Ledger
from omnigate.store.prepared import Bulk
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import address
from omnigate.store.threads import Identity, Person
from omnigate.store.transaction import Transaction


class ConsentSaid(NamedTuple):
    """What somebody has said about one address of a contact."""

    contact_id: str
    address: str
    state: Consent | None
    """None: what was said before does not hold any more."""
    source: str | None
    """Where that is from: a form, a call, a paper. None: whoever called the API."""


def set_consents(transaction: Transaction, items: Sequence[ConsentSaid]) -> list[EventContact]:
    """Write consents down and record ``contact.updated`` where they change; return the contacts.

    The same state said again renews its time and source and is told to nobody. Raises `Refused`:
    ``not_found`` (no such contact), ``no_address`` (it does not have that one), ``gone``.
    """
    return [_set(transaction, item) for item in items]


def _set(transaction: Transaction, item: ConsentSaid) -> EventContact:
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    person = ledger.people([item.contact_id]).get(item.contact_id)
    if person is None:
        raise Refused("not_found", "there is no such contact")
    if is_erased(transaction.connection, person.id):
        raise Refused("gone", "the contact was erased")
    held = _held(person, item.address)
    has_changed, held.consent = held.consent != item.state, item.state
    said = item.state is not None
    _WRITE.run(
        transaction.connection,
        [
            {
                "key": item.address,
                "state": item.state,
                "at": transaction.now if said else None,
                "source": item.source if said else None,
            }
        ],
    )
    if has_changed:
        person.touch()
        change = ContactChange(id=person.id, changed=["consents"])
        recorder.record(
            Draft(
                type=EventType.CONTACT_UPDATED,
                person=person,
                thread=None,
                channel=None,
                occurred_at=transaction.now,
                data=change.model_dump_json(),
            )
        )
    ledger.flush()
    recorder.flush()
    return EventContact.model_validate_json(person.as_json())


def _held(person: Person, wanted: str) -> Identity:
    for known in person.identities:
        if known.address == wanted:
            return known
    raise Refused("no_address", f"the contact has no address {wanted}")


_WRITE: Final = Bulk(
    update(address)
    .where(address.c.address == bindparam("key"))
    .values(
        consent=bindparam("state"), consent_at=bindparam("at"), consent_source=bindparam("source")
    )
)
