"""Undoing a merge: what became one contact is two again, in any order and however much came after.

Theory of operation. The loser of a merge, whatever it has become part of since, gets back those addresses
that it brought and that its present root - the contact that it is part of now - still has, with the
conversations on them, also those that began later. They are then taken out of what the contacts above it
have brought to merges of their own: so a row always says what is to go with its loser, and rows may be
undone in any order, with merges in between. What was merged into the loser before stays part of it; what
was merged into the winner stays there. Fields that were filled from the loser, on the way
up to the root, are emptied again where they still say the same. What a handover told in conversations of
the one about the other is not told any more. The row of the merge stays, as undone: no
proof makes the two one again (`omnigate.store.identity`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from omnigate.errors import Refused
from omnigate.model.event import EventContact, EventType
from omnigate.model.facts import ContactChange
from omnigate.store import merging
from omnigate.store.arriving import forget_told
from omnigate.store.ledger import Ledger
from omnigate.store.record import Draft, Recorder
from omnigate.store.threads import Person
from omnigate.store.transaction import Transaction

UNDONE: Final = "undone"


class Unmerge(NamedTuple):
    """Undo a merge of a contact: of the one that was merged, or of the one that it is part of."""

    contact_id: str
    merge_id: int
    by: str
    note: str | None = None


def unmerge(transaction: Transaction, items: Sequence[Unmerge]) -> list[EventContact]:
    """Undo merges; return the contacts that are by themselves again.

    Records ``contact.unmerged`` for who it was part of, and ``contact.updated`` for who is apart now.
    Raises `Refused`: ``not_found`` when the contact has no such merge, ``undone`` when it was undone
    before, ``gone`` when what the loser brought was erased.
    """
    return [_unmerge(transaction, item) for item in items]


def _unmerge(transaction: Transaction, item: Unmerge) -> EventContact:
    connection = transaction.connection
    row = merging.find_merge(connection, item.merge_id)
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    loser = ledger.apart(row.loser) if row is not None else None
    root = ledger.people([item.contact_id]).get(item.contact_id)
    if row is None or loser is None or root is None:
        raise Refused("not_found", _UNKNOWN)
    if row.undone_at is not None:
        raise Refused("undone", "this merge was undone before")
    if ledger.people([loser.id])[loser.id] is not root:
        raise Refused("not_found", _UNKNOWN)
    if not root.identities:
        raise Refused("gone", "what was merged was erased")
    line = _line(ledger, loser)
    held = {known.address for known in root.identities}
    moved = [address for address in merging.texts_of(row.addresses) if address in held]
    merging.take_out(connection, [person.id for person in line], moved)
    _empty_again(connection, row, loser, line)
    loser.merged_into = None
    for address in moved:
        ledger.give(address, loser)
    loser.touch()
    root.touch()
    ledger.flush()
    merging.move_conversations_on(connection, root.id, loser.id, moved)
    forget_told(transaction, root.id, loser.id)
    merging.note_undone(connection, row.id, item.by, transaction.now)
    reason = item.note or UNDONE
    change = ContactChange(id=root.id, merged=loser.id, merge=row.id, reason=reason)
    _record(transaction, recorder, EventType.CONTACT_UNMERGED, root, change)
    change = ContactChange(id=loser.id, changed=["addresses"], merge=row.id, reason=reason)
    _record(transaction, recorder, EventType.CONTACT_UPDATED, loser, change)
    recorder.flush()
    return EventContact.model_validate_json(loser.as_json())


def _line(ledger: Ledger, loser: Person) -> list[Person]:
    """Return the contacts that one is part of, from the one that it was merged into up to the root."""
    line: list[Person] = []
    above = loser.merged_into
    while above is not None and (holder := ledger.apart(above)) is not None:
        line.append(holder)
        above = holder.merged_into
    return line


def _empty_again(connection: Connection, row: Any, loser: Person, line: Sequence[Person]) -> None:
    """Empty what was filled from the loser, in every contact on the way up to its present root.

    A field is followed no further than it was filled on the way: the next one had a value of its own.
    """
    filled = set(merging.texts_of(row.filled))
    for holder in line:
        for name in filled:
            if getattr(holder, name) == getattr(loser, name):
                setattr(holder, name, None)
        holder.touch()
        further = merging.standing_merge(connection, holder.id)
        filled &= set(merging.texts_of(further.filled)) if further is not None else set()


def _record(
    transaction: Transaction,
    recorder: Recorder,
    event_type: EventType,
    person: Person,
    change: ContactChange,
) -> None:
    recorder.record(
        Draft(
            type=event_type,
            person=person,
            thread=None,
            channel=None,
            occurred_at=transaction.now,
            data=change.model_dump_json(),
        )
    )


_UNKNOWN: Final = "the contact has no such merge; omnigate contact merges lists those it has"
