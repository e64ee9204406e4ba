"""Who is the same customer: the one place where contacts are merged because it is proven.

Theory of operation. A contact has addresses. Whoever writes from one has it; whether it is *theirs* is
another matter: an address is proven (``verified``) by a channel that has seen a signature, a login or the
like. A profile that is not verified proves nothing: it neither merges nor moves, whatever it names.

* A *proof* says that two addresses are the same person's: a verified profile about its own address and
  those under ``also``, a handover's token about where it was made and where it was used, an answered call
  about the number. It marks these addresses as proven and makes their contacts one (`Identities.same`);
  the older id stays. So any order of proofs that fit together comes to the same contacts.
* The operator says which kinds of proof are followed (`Trust`). One that is left out does nothing: it
  neither merges, moves nor marks an address as proven, and contradicts nobody. Of a verified profile
  what it says of its own address still holds then; what stands under ``also`` is as if it were not there.
* Of some schemes a person has one address (`Transaction.one_each`; ``user`` always). Two contacts that
  both have one are two people: nothing proven elsewhere merges them. Such an address counts here whether
  it is proven or not, for it may be proven tomorrow.
* What a person has parted (`omnigate.store.merging.are_parted`) no proof makes one again.
* In both cases nothing happens but a row in ``conflict``, once for two contacts and an address, and the
  event ``contact.conflict``. People decide.
* An address that a contact has by *hearsay* - never proven, beside others, and nobody has vouched for it
  by merging - goes to whom it is proven for, with the conversations on it: who writes there is whoever
  has the address. The contact keeps everything else, and the two stay two. An address that is all a
  contact has is no hearsay: the contact *is* whoever has that address, so a proof makes the two one.

Everything hangs together at each step: an address has one contact, and a conversation is its contact's
who has the address it runs on. What is decided is written at once, so that what is asked next, by rows,
sees it; what is in memory is kept alike by the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import structlog

from omnigate.model.event import EventType
from omnigate.model.facts import ContactChange, ContactConflict, ProofKind
from omnigate.store import merging
from omnigate.store.ledger import Ledger
from omnigate.store.merging import ConflictRow, MergeRow
from omnigate.store.record import Draft, Recorder
from omnigate.store.threads import ChannelKey, Person
from omnigate.store.transaction import Transaction

PARTED: Final = "somebody has parted them"

log = structlog.get_logger("identity")


class Identities:
    """Makes contacts one, or says why not, within one operation."""

    def __init__(self, transaction: Transaction, ledger: Ledger, recorder: Recorder) -> None:
        self._transaction = transaction
        self._ledger = ledger
        self._recorder = recorder

    def same(
        self,
        one: Person,
        other: Person,
        *,
        address: str,
        proof: ProofKind,
        channel: ChannelKey | None,
        occurred_at: int,
        also: Sequence[str] = (),
    ) -> Person | None:
        """Make two contacts one because of a proof, and return it; None if they stay two.

        ``address`` is what the proof is about, and what a conflict is told with; name other addresses
        that it proves under ``also`` (a token's two conversations run on two). They count as proven from
        here on, and so does an address that was all that one of the two had. ``occurred_at`` is in
        milliseconds. Conversations that the ledger has loaded follow to the contact that is left. A
        contact without any address is nobody (it was erased): nothing is merged, and nothing said. So it
        is with a proof that the operator has left out: contacts that are one already are returned.
        """
        if proof not in self._transaction.trust.merge_on:
            return one if one is other else None
        if not one.identities or not other.identities:
            return None
        proven = [address, *also, *_all_there_is(one), *_all_there_is(other)]
        if one is other:
            self._prove(one, proven)
            return one
        if (scheme := contradiction(one, other, self._transaction.one_each)) is not None:
            self._report(one, other, address, f"each has a {scheme}: of its own", channel)
            return None
        if self._are_parted(one, other):
            self._report(one, other, address, PARTED, channel)
            return None
        winner, loser = sorted((one, other), key=lambda person: person.id)
        self.join(winner, loser, proof, channel, occurred_at, proven=proven)
        return winner

    def join(
        self,
        winner: Person,
        loser: Person,
        reason: str,
        channel: ChannelKey | None,
        occurred_at: int,
        *,
        by: str | None = None,
        proven: Iterable[str] = (),
    ) -> None:
        """Make two contacts one, unasked; ``by`` names the person who says so, if it is not proven."""
        connection, now = self._transaction.connection, self._transaction.now
        families = merging.families(connection, winner.id, loser.id)
        brought = [known.address for known in loser.identities]
        filled = self._ledger.absorb(winner, loser)
        self._prove(winner, proven)
        self._ledger.settle(winner, loser)
        merging.move_conversations(connection, loser.id, winner.id)
        row = MergeRow(winner.id, loser.id, brought, filled, reason, channel and channel.name, by)
        number = merging.note_merge(connection, row, now)
        merging.resolve_between(connection, families, now)
        change = ContactChange(id=winner.id, merged=loser.id, merge=number, reason=reason)
        self._record(EventType.CONTACT_MERGED, winner, channel, occurred_at, change)

    def _are_parted(self, one: Person, other: Person) -> bool:
        connection = self._transaction.connection
        return merging.are_parted(connection, merging.families(connection, one.id, other.id))

    def _prove(self, person: Person, addresses: Iterable[str]) -> None:
        wanted = set(addresses)
        for known in person.identities:
            if known.address in wanted:
                person.know(known.address, None, self._transaction.now)

    def _report(
        self, one: Person, other: Person, address: str, reason: str, channel: ChannelKey | None
    ) -> None:
        """Say that a proof was not followed, the first time that it is about these two and this address."""
        connection, now = self._transaction.connection, self._transaction.now
        older, younger = sorted((one, other), key=lambda person: person.id)
        row = ConflictRow(older.id, younger.id, address, reason, channel and channel.name)
        families = merging.families(connection, older.id, younger.id)
        number = merging.note_conflict(connection, row, families, now)
        if number is None:
            return
        # Told of whom the address is: with that one's erasure the event forgets it.
        about = self._ledger.owner(address)
        told, rival = (one, other) if about is one else (other, one)
        conflict = ContactConflict(
            id=told.id, other=rival.id, address=address, reason=reason, conflict=number
        )
        self._record(EventType.CONTACT_CONFLICT, told, channel, now, conflict)
        log.warning(
            "two contacts contradict each other; see: omnigate contact conflicts",
            contact=older.id,
            other=younger.id,
            conflict=number,
            reason=reason,
        )

    def _record(
        self,
        event_type: EventType,
        person: Person,
        channel: ChannelKey | None,
        occurred_at: int,
        data: ContactChange | ContactConflict,
    ) -> None:
        self._recorder.record(
            Draft(
                type=event_type,
                person=person,
                thread=None,
                channel=channel,
                occurred_at=occurred_at,
                data=data.model_dump_json(),
            )
        )


def contradiction(
    one: Person, other: Person, one_each: Iterable[str], *, proven: bool = False
) -> str | None:
    """Return a scheme of which a person has one and both have one; None if there is none.

    With ``proven`` only addresses that are proven count.
    """
    for scheme in sorted(one_each):
        if _has(one, scheme, proven=proven) and _has(other, scheme, proven=proven):
            return scheme
    return None


def _has(person: Person, scheme: str, *, proven: bool) -> bool:
    return any(
        known.address.startswith(f"{scheme}:") and (known.verified_at is not None or not proven)
        for known in person.identities
    )


def _all_there_is(person: Person) -> list[str]:
    """Return the address of a contact that has just one: nothing else says who it is."""
    return [known.address for known in person.identities] if len(person.identities) == 1 else []
