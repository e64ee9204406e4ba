"""What is kept of merges and of proofs that contradict each other: rows written, asked and forgotten.

`omnigate.store.identity` decides; nothing here does. These statements run only when somebody is proven to
be somebody else, or says so: never for an ordinary message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from omnigate.store.schema import address, conflict, contact, conversation, merge
from omnigate.store.transaction import chunks

MOST_COUNTED: Final = 2**31 - 1
"""Where counting stops."""


Families = tuple[Sequence[str], Sequence[str]]
"""Two contacts, each with all that became part of it, by ids."""


class MergeRow(NamedTuple):
    """A merge as it is written down."""

    winner: str
    loser: str
    addresses: Sequence[str]
    """What the loser brought."""
    filled: Sequence[str]
    """Fields that the winner had nothing in and took from the loser."""
    reason: str
    channel: str | None
    by: str | None
    """Who said so; None: it was proven."""


class ConflictRow(NamedTuple):
    """A proof that was not followed, as it is written down; ``contact_id`` is the older contact."""

    contact_id: str
    other_id: str
    address: str
    reason: str
    channel: str | None


def family(connection: Connection, contact_id: str) -> list[str]:
    """Return a contact and all that became part of it, by ids; the contact itself first."""
    known = fresh = [contact_id]
    while fresh:
        query = select(contact.c.id).where(contact.c.merged_into.in_(fresh))
        # What is known already is not followed again: whatever the rows say, this ends.
        fresh = [one for one in connection.scalars(query) if one not in known]
        known = [*known, *fresh]
    return known


def families(connection: Connection, one: str, other: str) -> Families:
    """Return the families of two contacts."""
    return family(connection, one), family(connection, other)


def note_merge(connection: Connection, row: MergeRow, now: int) -> int:
    """Write down a merge; return its number."""
    done = connection.execute(
        insert(merge).values(
            winner=row.winner,
            loser=row.loser,
            addresses=_as_text(row.addresses),
            filled=_as_text(row.filled),
            reason=row.reason,
            channel=row.channel,
            merged_at=now,
            merged_by=row.by,
        )
    )
    return int(done.inserted_primary_key[0])  # type: ignore[index]  # of one row there is one key


def find_merge(connection: Connection, merge_id: int) -> Any | None:
    """Return the row of a merge, or None if there is none."""
    return connection.execute(select(merge).where(merge.c.id == merge_id)).first()


def standing_merge(connection: Connection, loser: str) -> Any | None:
    """Return the merge by which a contact is part of another; None where nothing was written down."""
    query = select(merge).where(merge.c.loser == loser, merge.c.undone_at.is_(None))
    return connection.execute(query.order_by(merge.c.id.desc())).first()


def take_out(connection: Connection, losers: Sequence[str], addresses: Sequence[str]) -> None:
    """Take addresses that are somebody else's now out of what contacts have brought to merges that stand."""
    gone = set(addresses)
    rows = connection.execute(
        select(merge.c.id, merge.c.addresses).where(
            merge.c.loser.in_(losers), merge.c.undone_at.is_(None)
        )
    ).all()
    for row in rows:
        brought = texts_of(row.addresses)
        left = [known for known in brought if known not in gone]
        if left != brought:
            connection.execute(
                update(merge).where(merge.c.id == row.id).values(addresses=_as_text(left))
            )


def note_undone(connection: Connection, merge_id: int, by: str, now: int) -> None:
    """Write down that a merge was undone, and by whom."""
    connection.execute(
        update(merge).where(merge.c.id == merge_id).values(undone_at=now, undone_by=by)
    )


def are_parted(connection: Connection, families: Families) -> bool:
    """Tell whether a person has parted two families: a merge between them was undone."""
    query = select(merge.c.id).where(
        merge.c.undone_at.is_not(None),
        _between(merge.c.winner, merge.c.loser, families),
    )
    return connection.execute(query.limit(1)).first() is not None


def is_vouched(connection: Connection, contact_ids: Sequence[str], since: int) -> bool:
    """Tell whether a person has merged somebody into a family since a time, and it stands."""
    query = select(merge.c.id).where(
        merge.c.winner.in_(contact_ids),
        merge.c.merged_by.is_not(None),
        merge.c.undone_at.is_(None),
        merge.c.merged_at >= since,
    )
    return connection.execute(query.limit(1)).first() is not None


def note_conflict(
    connection: Connection,
    row: ConflictRow,
    families: Families,
    now: int,
) -> int | None:
    """Write down a proof between two families that was not followed; return its number if it is new.

    The same address between the same two is counted and otherwise left as it is, resolved or not.
    """
    known = connection.execute(
        select(conflict.c.id, conflict.c["count"]).where(
            conflict.c.address == row.address,
            _between(conflict.c.contact_id, conflict.c.other_id, families),
        )
    ).first()
    if known is not None:
        connection.execute(
            update(conflict)
            .where(conflict.c.id == known.id)
            .values(count=min(known[1] + 1, MOST_COUNTED), last_at=now)
        )
        return None
    done = connection.execute(
        insert(conflict).values(**row._asdict(), count=1, first_at=now, last_at=now)
    )
    return int(done.inserted_primary_key[0])  # type: ignore[index]  # as above


def resolve_between(connection: Connection, families: Families, now: int) -> None:
    """Mark the open conflicts between two families as resolved."""
    connection.execute(
        update(conflict)
        .where(
            conflict.c.resolved_at.is_(None),
            _between(conflict.c.contact_id, conflict.c.other_id, families),
        )
        .values(resolved_at=now)
    )


def move_conversations(connection: Connection, giver: str, taker: str) -> None:
    """Give all conversations of a contact to another one."""
    connection.execute(_MOVE_ALL, {"giver": giver, "taker": taker})


def move_conversations_on(
    connection: Connection, giver: str, taker: str, addresses: Sequence[str]
) -> None:
    """Give those conversations of a contact to another one that run on these addresses."""
    for some in chunks(addresses):
        connection.execute(
            update(conversation)
            .where(conversation.c.contact_id == giver, conversation.c.address.in_(some))
            .values(contact_id=taker)
        )


def take_back_consent(connection: Connection, owned_address: str) -> None:
    """Forget that somebody agreed to be written to at an address: it was not theirs. A refusal stays."""
    connection.execute(
        update(address)
        .where(address.c.address == owned_address, address.c.consent == "granted")
        .values(consent=None, consent_at=None, consent_source=None)
    )


def forget_merges(connection: Connection, contact_ids: Sequence[str]) -> None:
    """Take out what merges and conflicts say about contacts: for their erasure.

    That they were merged stays, so that ids still lead to what became of them; it cannot be undone any
    more. Conflicts go altogether.
    """
    for some in chunks(contact_ids):
        connection.execute(
            update(merge)
            .where(or_(merge.c.winner.in_(some), merge.c.loser.in_(some)))
            .values(addresses="[]", filled="[]", reason="")
        )
        connection.execute(
            delete(conflict).where(
                or_(conflict.c.contact_id.in_(some), conflict.c.other_id.in_(some))
            )
        )


def texts_of(text: str) -> list[str]:
    """Return what a row lists: addresses, names of fields."""
    found: list[str] = from_json(text)
    return found


def _as_text(listed: Sequence[str]) -> str:
    return to_json(list(listed)).decode()


def _between(left: Any, right: Any, families: Families) -> Any:
    """Return the condition that a row is between two families, whichever way round."""
    one, other = families
    return or_(
        and_(left.in_(one), right.in_(other)),
        and_(left.in_(other), right.in_(one)),
    )


_MOVE_ALL: Final = (
    update(conversation)
    .where(conversation.c.contact_id == bindparam("giver"))
    .values(contact_id=bindparam("taker"))
)
