"""Contacts and conversations that an operation works on: loaded together, written back together.

An operation first says which conversations it needs, gets them all with a few statements, changes
them in memory, records events through `omnigate.store.record` and at the end flushes once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import bindparam, select

from omnigate import ids
from omnigate.model.inbound import Profile
from omnigate.store.entries import rename, write
from omnigate.store.prepared import Lookup, Row
from omnigate.store.schema import address as address_table
from omnigate.store.schema import contact as contact_table
from omnigate.store.schema import conversation as conversation_table
from omnigate.store.threads import ChannelKey, Identity, Person, Thread
from omnigate.store.transaction import Transaction


class Ledger:
    """The conversations and contacts of one operation."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._recent = transaction.recent
        self.by_key: dict[tuple[str, str], Thread] = {}
        self.by_id: dict[str, Thread] = {}
        self._people: dict[str, Person] = {}
        self._by_address: dict[str, Person] = {}

    def load(self, wanted: Iterable[tuple[ChannelKey, str]]) -> None:
        """Load the conversations that exist, by channel and the platform's id."""
        by_channel: dict[str, list[str]] = {}
        for channel, external_id in wanted:
            if (channel.name, external_id) in self.by_key:
                continue
            if (thread := self._recent.thread(channel.name, external_id)) is not None:
                self._take_up(thread)
            else:
                by_channel.setdefault(channel.name, []).append(external_id)
        for name, external_ids in by_channel.items():
            self._read(_BY_KEY, list(dict.fromkeys(external_ids)), {"channel": name})

    def load_ids(self, conversation_ids: Iterable[str]) -> None:
        """Load conversations by our own ids; unknown ones are left out of ``by_id``."""
        missing: list[str] = []
        for known in dict.fromkeys(conversation_ids):
            if known in self.by_id:
                continue
            if (thread := self._recent.thread_with_id(known)) is not None:
                self._take_up(thread)
            else:
                missing.append(known)
        self._read(_BY_ID, missing)

    def thread(self, channel: ChannelKey, external_id: str) -> Thread | None:
        """Return a loaded conversation, or None if there is none."""
        return self.by_key.get((channel.name, external_id))

    def open_thread(
        self, channel: ChannelKey, external_id: str, profile: Profile, person: Person | None = None
    ) -> Thread:
        """Return the conversation; one that is new is begun with the person, or the address's owner.

        Call `know` for all the profiles of the operation first.
        """
        thread = self.by_key.get((channel.name, external_id))
        if thread is None:
            person = person or self.owner(profile.address) or self.new_person()
            self._by_address.setdefault(profile.address, person)
            thread = Thread(
                ids.conversation_id(), channel, external_id, person, profile.address, new=True
            )
            self.by_key[channel.name, external_id] = thread
            self.by_id[thread.id] = thread
        return thread

    def rename(self, thread: Thread, external_id: str) -> None:
        """Call a conversation otherwise from now on; no other one may be called so."""
        del self.by_key[thread.channel.name, thread.external_id]
        thread.external_id = external_id
        thread.changed = True
        self.by_key[thread.channel.name, external_id] = thread
        if not thread.new:
            rename(self._transaction, thread)
        self._recent.forget()

    def know(self, profiles: Iterable[Profile]) -> None:
        """Load the contacts behind the addresses of the profiles."""
        wanted: dict[str, None] = {}
        for profile in profiles:
            for address in proven_by(profile):
                if address in self._by_address:
                    continue
                if (owner := self._recent.owner(address)) is not None:
                    self._meet(owner)
                else:
                    wanted[address] = None
        rows = list(_OWNERS.run(self._transaction.connection, list(wanted)))
        self._read_people([row.contact_id for row in rows])
        for row in rows:
            self._by_address[row.address] = self._people[row.contact_id]

    def learn(self, person: Person, profile: Profile) -> list[str]:
        """Take over a profile; return the names of what changed.

        An address that belongs to somebody else stays theirs: see `omnigate.store.proofs`.
        """
        verified_at = self._transaction.now if profile.verified else None
        changed = person.learn(profile)
        gained = False
        for address in proven_by(profile):
            if self._by_address.setdefault(address, person) is person:
                username = profile.username if address == profile.address else None
                gained = person.know(address, username, verified_at) or gained
        return [*changed, "addresses"] if gained else changed

    def owner(self, address: str) -> Person | None:
        """Return the contact that has an address; call `know` first."""
        return self._by_address.get(address)

    def new_person(self) -> Person:
        """Return a contact that nobody has heard of; give it an address."""
        person = Person(ids.contact_id(), new=True)
        self._people[person.id] = person
        return person

    def give(self, address: str, person: Person, *, verified_at: int | None = None) -> None:
        """Have an address be a person's from here on, in memory, with the loaded conversations on it."""
        giver = self._by_address.get(address)
        self._by_address[address] = person
        if giver is not None and giver is not person:
            moved = [known for known in giver.identities if known.address == address]
            for identity in moved:
                giver.identities.remove(identity)
                identity.changed = not identity.new
                person.identities.append(identity)
            person.in_order()
            giver.touch()
            person.touch()
            for thread in self.by_id.values():
                if thread.person is giver and thread.address == address:
                    thread.person = person
        person.know(address, None, verified_at)

    def apart(self, contact_id: str) -> Person | None:
        """Return a contact by id as it is by itself, also one that became part of another."""
        self._read_people([contact_id])
        return self._people.get(contact_id)

    def absorb(self, winner: Person, loser: Person) -> list[str]:
        """Hand all of the loser's addresses and loaded conversations to the winner, in memory.

        Returns the names of fields that the winner had nothing in and now has from the loser.
        """
        for identity in loser.identities:
            identity.changed = not identity.new
            winner.identities.append(identity)
            self._by_address[identity.address] = winner
        loser.identities = []
        loser.merged_into = winner.id
        loser.touch()
        filled = winner.learn_gaps(loser)
        for thread in self.by_id.values():
            if thread.person is loser:
                thread.person = winner
        return filled

    def settle(self, *people: Person) -> None:
        """Write contacts and their addresses at once, for rows that refer to them or are asked for."""
        with self._recent.written_by_ledger():
            write(self._transaction, people, ())

    def people(self, contact_ids: Sequence[str]) -> dict[str, Person]:
        """Load contacts by id, one that was merged as the one it became part of; not unknown ones."""
        found: dict[str, Person] = {}
        for known in contact_ids:
            person = self._person_now(known)
            if person is not None:
                found[known] = person
        return found

    def flush(self) -> None:
        """Write everything that is new or changed."""
        people, threads = list(self._people.values()), list(self.by_id.values())
        with self._recent.written_by_ledger():
            write(self._transaction, people, threads)
        self._recent.remember(threads, people)

    def _person_now(self, contact_id: str) -> Person | None:
        self._read_people([contact_id])
        person = self._people.get(contact_id)
        while person is not None and person.merged_into is not None:
            self._read_people([person.merged_into])
            person = self._people.get(person.merged_into)
        return person

    def _take_up(self, thread: Thread) -> None:
        """Work on a conversation that is remembered, and on whom it is with."""
        self.by_id[thread.id] = self.by_key[thread.channel.name, thread.external_id] = thread
        self._meet(thread.person)

    def _meet(self, person: Person) -> None:
        """Work on a contact that is remembered."""
        self._people[person.id] = person
        for identity in person.identities:
            self._by_address[identity.address] = person

    def _read(self, query: Lookup, keys: Sequence[str], values: Row | None = None) -> None:
        rows = list(query.run(self._transaction.connection, keys, values))
        self._read_people([row.contact_id for row in rows])
        for row in rows:
            if row.id not in self.by_id:
                thread = Thread(
                    id=row.id,
                    channel=ChannelKey(row.channel, row.kind),
                    external_id=row.external_id,
                    person=self._people[row.contact_id],
                    address=row.address,
                    subject=row.subject,
                    status=row.status,
                    owner=row.owner,
                    blocked_at=row.blocked_at,
                    waiting_since=row.waiting_since,
                    answered_at=row.answered_at,
                    next_sequence=row.next_sequence,
                    context=row.context,
                )
                self.by_id[row.id] = thread
                self.by_key[row.channel, row.external_id] = thread

    def _read_people(self, contact_ids: Sequence[str]) -> None:
        missing: list[str] = []
        for known in dict.fromkeys(contact_ids):
            if known in self._people:
                continue
            if (person := self._recent.person(known)) is not None:
                self._meet(person)
            else:
                missing.append(known)
        connection = self._transaction.connection
        for row in _CONTACTS.run(connection, missing):
            self._people[row.id] = Person(
                row.id,
                row.display_name,
                row.locale,
                row.phone,
                row.email,
                row.avatar_url,
                row.blocked_at,
                row.merged_into,
            )
        for row in _ADDRESSES.run(connection, missing):
            person = self._people[row.contact_id]
            person.identities.append(
                Identity(row.address, row.username, row.verified_at, row.created_at, row.consent)
            )
            self._by_address[row.address] = person


def proven_by(profile: Profile) -> Sequence[str]:
    """Return the addresses that a profile speaks of: its own, and those that it proves beside it."""
    return (profile.address, *profile.also) if profile.verified else (profile.address,)


_BY_KEY: Final = Lookup(
    lambda keys: select(conversation_table).where(
        conversation_table.c.channel == bindparam("channel"),
        conversation_table.c.external_id.in_(keys),
    )
)
_BY_ID: Final = Lookup(
    lambda keys: select(conversation_table).where(conversation_table.c.id.in_(keys))
)
_OWNERS: Final = Lookup(
    lambda keys: select(address_table.c.address, address_table.c.contact_id).where(
        address_table.c.address.in_(keys)
    )
)
_CONTACTS: Final = Lookup(lambda keys: select(contact_table).where(contact_table.c.id.in_(keys)))
_ADDRESSES: Final = Lookup(
    lambda keys: (
        select(address_table)
        .where(address_table.c.contact_id.in_(keys))
        .order_by(address_table.c.created_at, address_table.c.address)
    )
)
