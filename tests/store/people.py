"""Customers of a store, by their addresses: who writes, who is merged, who is whom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from omnigate.model.inbound import Profile
from omnigate.store.contacts import Merge, merge
from omnigate.store.identity import Identities
from omnigate.store.ledger import Ledger
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.record import Recorder
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Transaction

CHANNEL = ChannelKey("calls", "call")


def proven(address: str, *also: str, **more: Any) -> Profile:
    """Return somebody who has proven all of these addresses."""
    return Profile.model_validate({"address": address, "verified": True, "also": also, **more})


def told(address: str, *also: str, **more: Any) -> Profile:
    """Return somebody who only says that the other addresses are theirs."""
    return Profile.model_validate({"address": address, "also": also, **more})


def group(*addresses: str) -> frozenset[str]:
    """Return the addresses of one contact; see `People.groups`."""
    return frozenset(addresses)


class People:
    """Customers of one store, named by their addresses."""

    def __init__(self, desk: Any, said: Any) -> None:
        self.desk = desk
        self._said = said
        self._count = 0

    def write(self, *profiles: Profile, conversation: str | None = None) -> None:
        """Have people write, all in one batch; each in a conversation of the address's own."""
        self.desk.put(*(self.said(profile, conversation) for profile in profiles))

    def said(self, profile: Profile, conversation: str | None = None) -> Any:
        """Return what somebody says, in a conversation of the address's own."""
        self._count += 1
        return self._said(f"m{self._count}", conversation or profile.address, sender=profile)

    def who(self, address: str) -> str:
        """Return the contact that has an address."""
        (row,) = self.desk.rows("SELECT contact_id FROM address WHERE address = :a", a=address)
        return str(row.contact_id)

    def proven(self) -> set[str]:
        """Return the addresses that are proven."""
        rows = self.desk.rows("SELECT address FROM address WHERE verified_at IS NOT NULL")
        return {row.address for row in rows}

    def groups(self) -> set[frozenset[str]]:
        """Return which addresses are one contact's, and check that conversations are with them."""
        owners: dict[str, set[str]] = {}
        for row in self.desk.rows("SELECT address, contact_id FROM address"):
            owners.setdefault(row.contact_id, set()).add(row.address)
        merged = self.desk.rows("SELECT id FROM contact WHERE merged_into IS NOT NULL")
        assert not owners.keys() & {row.id for row in merged}
        for row in self.desk.rows("SELECT address, contact_id FROM conversation"):
            assert row.address in owners[row.contact_id], row
        return {frozenset(group) for group in owners.values()}

    def merge(self, winner: str, loser: str, **more: Any) -> int:
        """Have a person merge the owners of two addresses; returns the merge's number."""
        self.desk.run(merge, Merge(self.who(winner), self.who(loser), **more))
        return int(self.desk.rows("SELECT max(id) FROM merge")[0][0])

    def undo(self, address: str, number: int, note: str | None = None) -> Any:
        return self.desk.run(unmerge, Unmerge(self.who(address), number, "operator", note))[0]

    def same(self, one: str, other: str, address: str, also: Sequence[str] = ()) -> str | None:
        """Prove two to be one as a call does; returns the id of what is left, None if they stay two."""

        def operation(transaction: Transaction, items: Sequence[None]) -> list[str | None]:
            ledger, recorder = Ledger(transaction), Recorder(transaction)
            ids = [self.who_in(transaction, known) for known in (one, other)]
            people = ledger.people(ids)
            left = Identities(transaction, ledger, recorder).same(
                people[ids[0]],
                people[ids[1]],
                address=address,
                proof="call",
                channel=CHANNEL,
                occurred_at=transaction.now,
                also=also,
            )
            ledger.flush()
            recorder.flush()
            return [left.id if left is not None else None] * len(items)

        left: str | None = self.desk.run(operation, None)[0]
        return left

    def who_in(self, transaction: Transaction, address: str) -> str:
        found = transaction.connection.exec_driver_sql(
            "SELECT contact_id FROM address WHERE address = ?", (address,)
        )
        return str(found.scalar_one())

    def events(self, *types: str) -> list[dict[str, Any]]:
        rows = self.desk.rows("SELECT body FROM event_body ORDER BY position")
        found = [json.loads(row.body) for row in rows]
        return [one for one in found if one["type"] in types]


def forget_addresses(transaction: Transaction, items: Sequence[str]) -> list[None]:
    """Leave contacts without addresses, as an erasure does."""
    for contact_id in items:
        transaction.connection.exec_driver_sql(
            "DELETE FROM address WHERE contact_id = ?", (contact_id,)
        )
    return [None] * len(items)
