"""What a profile proves: whose a new conversation is, and who turns out to be the same.

How contacts become one, and why not, is `omnigate.store.identity`; that a profile without ``verified``
proves nothing is seen to here and in `omnigate.store.ledger`.
"""

from __future__ import annotations

from typing import Final

from omnigate.model.address import Address
from omnigate.model.event import EventType
from omnigate.model.facts import ContactChange
from omnigate.model.inbound import Profile
from omnigate.store import merging
from omnigate.store.identity import Identities
from omnigate.store.ledger import Ledger
from omnigate.store.record import Draft, Recorder
from omnigate.store.threads import ChannelKey, Identity, Person
from omnigate.store.transaction import Transaction

ANOTHERS: Final = "an address is proven to be somebody else's"


class Proofs:
    """Follows the proofs that the profiles of one operation bring."""

    def __init__(
        self,
        transaction: Transaction,
        ledger: Ledger,
        recorder: Recorder,
        identities: Identities,
    ) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._recorder = recorder
        self._identities = identities

    def writer(self, profile: Profile, channel: ChannelKey, occurred_at: int) -> Person:
        """Return whose a conversation is that begins with this profile.

        That is who has its address; for one that is new and proven, who has an address proven beside it;
        else somebody new. Whoever has it by hearsay loses it to somebody new if it is proven.
        """
        ledger, verified_at = self._ledger, self._transaction.now if profile.verified else None
        owner = ledger.owner(profile.address)
        if owner is not None and profile.verified and self._is_hearsay(owner, profile.address):
            writer = ledger.new_person()
            self._hand_over(profile.address, owner, writer, channel, occurred_at)
            return writer
        if owner is None and profile.verified:
            owner = self._known_beside(profile)
        writer = owner or ledger.new_person()
        if ledger.owner(profile.address) is None:
            ledger.give(profile.address, writer, verified_at=verified_at)
        return writer

    def follow(
        self, person: Person, profile: Profile, channel: ChannelKey, occurred_at: int
    ) -> None:
        """Make the owners of addresses that a profile proves beside its own one with a person.

        The person has the profile's own address, or nothing happens. Loaded conversations follow to the
        contact that is left.
        """
        if not profile.also or not profile.verified:
            return
        if self._ledger.owner(profile.address) is not person:
            return
        for address in self._telling_first(profile):
            person = self._follow(person, address, channel, occurred_at)

    def _follow(
        self, person: Person, address: str, channel: ChannelKey, occurred_at: int
    ) -> Person:
        owner = self._ledger.owner(address)
        if owner is person:
            return person
        if owner is None:
            if self._may_have(person, address):
                self._ledger.give(
                    address, person
                )  # that it is proven comes with all of the profile
                return person
            # The proof contradicts what is proven already: the address is somebody else's, as yet unknown.
            owner = self._ledger.new_person()
            self._ledger.give(address, owner, verified_at=self._transaction.now)
        elif self._is_hearsay(owner, address) and self._may_have(person, address):
            self._hand_over(address, owner, person, channel, occurred_at)
            return person
        now_one = self._identities.same(
            person,
            owner,
            address=address,
            proof="verified",
            channel=channel,
            occurred_at=occurred_at,
        )
        return now_one or person

    def _known_beside(self, profile: Profile) -> Person | None:
        """Return who has an address that is proven beside the profile's own, and can have all the others."""
        for address in self._telling_first(profile):
            known = self._ledger.owner(address)
            if (
                known is not None
                and all(self._may_have(known, other) for other in (profile.address, *profile.also))
                and not self._is_hearsay(known, address)
            ):
                return known
        return None

    def _telling_first(self, profile: Profile) -> list[Address]:
        """Return the addresses beside the profile's own: those of which a person has one come first.

        They tell two people apart, so they are known before anything that people may share.
        """
        one_each = self._transaction.one_each
        return sorted(profile.also, key=lambda address: address.scheme not in one_each)

    def _may_have(self, person: Person, address: str) -> bool:
        """Tell whether a person can have an address too: there are some of which one has one."""
        scheme = address.partition(":")[0]
        return scheme not in self._transaction.one_each or not any(
            known.address.startswith(f"{scheme}:") and known.address != address
            for known in person.identities
        )

    def _is_hearsay(self, owner: Person, address: str) -> bool:
        """Tell whether a contact has an address without proof, and is somebody without it too."""
        if len(owner.identities) < 2:
            return False
        held = next(known for known in owner.identities if known.address == address)
        return held.verified_at is None and not self._is_vouched(owner, held)

    def _is_vouched(self, owner: Person, held: Identity) -> bool:
        connection = self._transaction.connection
        family = merging.family(connection, owner.id)
        return not held.new and merging.is_vouched(connection, family, held.created_at)

    def _hand_over(
        self, address: str, giver: Person, taker: Person, channel: ChannelKey, occurred_at: int
    ) -> None:
        """Give an address to whom it is proven for, with the conversations on it."""
        self._ledger.give(
            address, taker
        )  # that it is proven it learns with the rest of the profile
        # The taker is written at once, since rows of conversations refer to it.
        self._ledger.settle(taker, giver)
        connection = self._transaction.connection
        merging.move_conversations_on(connection, giver.id, taker.id, [address])
        merging.take_out(connection, merging.family(connection, giver.id), [address])
        merging.take_back_consent(connection, address)
        for held in taker.identities:
            if held.address == address and held.consent == "granted":
                held.consent = None
                taker.touch()
        change = ContactChange(id=giver.id, changed=["addresses"], reason=ANOTHERS)
        self._recorder.record(
            Draft(
                type=EventType.CONTACT_UPDATED,
                person=giver,
                thread=None,
                channel=channel,
                occurred_at=occurred_at,
                data=change.model_dump_json(),
            )
        )
