"""Contacts and conversations that an operation works on: loaded together, written back together.

An operation first says which conversations it needs, gets them all with a few statements, changes
them in memory, records events through `omnigate.store.record` and at the end flushes once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from omnigate import ids
from omnigate.model.inbound import Profile
from omnigate.store.prepared import Bulk, Lookup, Row, bulk_insert
from omnigate.store.schema import address as address_table
from omnigate.store.schema import contact as contact_table
from omnigate.store.schema import conversation as conversation_table
from omnigate.store.threads import OWN_FIELDS, ChannelKey, Identity, Person, Thread
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

    def open_thread(self, channel: ChannelKey, external_id: str, profile: Profile) -> Thread:
        """Return the conversation, begun if it is new, with the profile's owner as its contact.

        Call `know` for all the profiles of the operation first.
        """
        thread = self.by_key.get((channel.name, external_id))
        if thread is None:
            person = self._person(profile)
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
        self._recent.forget()

    def know(self, profiles: Iterable[Profile]) -> None:
        """Load the contacts behind the addresses of the profiles."""
        wanted: dict[str, None] = {}
        for profile in profiles:
            for address in (profile.address, *profile.also):
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

        An address that belongs to somebody else stays theirs: see `rivals`.
        """
        now = self._transaction.now
        changed = person.learn(profile)
        gained = False
        if self._by_address.setdefault(profile.address, person) is person:
            gained = person.know(
                profile.address, profile.username, now if profile.verified else None
            )
        for also in profile.also:
            if self._by_address.setdefault(also, person) is person:
                gained = person.know(also, None, now) or gained
        return [*changed, "addresses"] if gained else changed

    def rivals(self, person: Person, profile: Profile) -> list[Person]:
        """Return the other contacts that own an address proven to be this person's."""
        if not profile.also:
            return []
        owners = [self._by_address.get(address) for address in profile.also]
        return list({rival.id: rival for rival in owners if rival and rival is not person}.values())

    def absorb(self, winner: Person, loser: Person) -> None:
        """Hand all of the loser's addresses and loaded conversations to the winner, in memory."""
        for identity in loser.identities:
            identity.changed = not identity.new
            winner.identities.append(identity)
            self._by_address[identity.address] = winner
        loser.identities = []
        loser.merged_into = winner.id
        loser.touch()
        winner.learn_gaps(loser)
        for thread in self.by_id.values():
            if thread.person is loser:
                thread.person = winner
                thread.changed = True

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
            self._flush_people(people)
            self._flush_identities(people)
            self._flush_threads(threads)
        self._recent.remember(threads, people)

    def _flush_people(self, people: Sequence[Person]) -> None:
        connection, now = self._transaction.connection, self._transaction.now
        if new := [_contact_row(person, now) for person in people if person.new]:
            _INSERT_CONTACT.run(connection, new)
        if changed := [
            _contact_row(person, now) for person in people if person.changed and not person.new
        ]:
            _UPDATE_CONTACT.run(connection, [{"key": row.pop("id"), **row} for row in changed])
        for person in people:
            person.new = person.changed = False

    def _flush_threads(self, threads: Sequence[Thread]) -> None:
        connection, now = self._transaction.connection, self._transaction.now
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

    def _flush_identities(self, people: Sequence[Person]) -> None:
        connection, now = self._transaction.connection, self._transaction.now
        known = [
            (person, identity)
            for person in people
            for identity in person.identities
            if identity.new or identity.changed
        ]
        if added := [
            _address_row(person, identity, now) for person, identity in known if identity.new
        ]:
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

    def _person(self, profile: Profile) -> Person:
        """Return the contact behind any of the proven addresses, or a new one."""
        for address in (profile.address, *profile.also):
            if (known := self._by_address.get(address)) is not None:
                break
        else:
            known = Person(ids.contact_id(), new=True)
            self._people[known.id] = known
        for address in (profile.address, *profile.also):
            self._by_address.setdefault(address, known)
        return known

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
                Identity(row.address, row.username, row.verified_at, row.created_at)
            )
            self._by_address[row.address] = person


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
        "external_id": thread.external_id,
        "contact_id": thread.person.id,
        "subject": thread.subject,
        "status": thread.status,
        "owner": thread.owner,
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
        address=thread.address,
        created_at=now,
    )
    return row


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
                "external_id",
                "contact_id",
                "subject",
                "status",
                "owner",
                "next_sequence",
                "context",
                "updated_at",
            )
        }
    )
)
