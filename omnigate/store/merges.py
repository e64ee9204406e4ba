"""Merges and conflicts as operators see them: listed, told with what became of the contacts, resolved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, or_, select, update

from omnigate.errors import Refused
from omnigate.store.merging import family
from omnigate.store.schema import conflict, contact, merge
from omnigate.store.transaction import Transaction, chunks


def read_merges(
    connection: Connection, contact_id: str, *, before: int | None, limit: int
) -> list[Any]:
    """Return rows of the merges that a contact, or what became part of it, has part in; newest first."""
    known = family(connection, contact_id)
    query = select(merge).where(or_(merge.c.winner.in_(known), merge.c.loser.in_(known)))
    if before is not None:
        query = query.where(merge.c.id < before)
    return list(connection.execute(query.order_by(merge.c.id.desc()).limit(limit)))


def read_conflicts(
    connection: Connection, *, resolved: bool, before: int | None, limit: int
) -> list[Any]:
    """Return rows of conflicts that are open, or all of them if ``resolved``; newest first."""
    query = _CONFLICTS
    if not resolved:
        query = query.where(conflict.c.resolved_at.is_(None))
    if before is not None:
        query = query.where(conflict.c.id < before)
    return list(connection.execute(query.order_by(conflict.c.id.desc()).limit(limit)))


def read_conflict(connection: Connection, conflict_id: int) -> Any | None:
    """Return the row of a conflict, or None if there is none."""
    return connection.execute(_CONFLICTS.where(conflict.c.id == conflict_id)).first()


def resolve_conflicts(transaction: Transaction, items: Sequence[int]) -> list[None]:
    """Mark conflicts as seen to; raises `Refused` (``not_found``) for one that there is not."""
    for conflict_id in items:
        found = transaction.connection.execute(
            update(conflict)
            .where(conflict.c.id == conflict_id, conflict.c.resolved_at.is_(None))
            .values(resolved_at=transaction.now)
        )
        if not found.rowcount and read_conflict(transaction.connection, conflict_id) is None:
            raise Refused("not_found", "there is no such conflict")
    return [None] * len(items)


def roots_of(connection: Connection, contact_ids: Iterable[str]) -> dict[str, Any]:
    """Return rows of the contacts that some are part of now, by the ids that are asked for.

    One that is by itself is its own; unknown ids are left out. Takes a statement for all of them, and one
    for each merge in a row that some went through.
    """
    asked = list(dict.fromkeys(contact_ids))
    known: dict[str, Any] = {}
    wanted = asked
    while wanted:
        rows = [
            row for some in chunks(wanted) for row in connection.execute(_CONTACTS, {"ids": some})
        ]
        known.update((row.id, row) for row in rows)
        above = {row.merged_into for row in rows if row.merged_into is not None}
        wanted = sorted(above - known.keys())
    return {contact_id: _root(known, contact_id) for contact_id in asked if contact_id in known}


def _root(known: dict[str, Any], contact_id: str) -> Any:
    seen = {contact_id}
    # Whatever the rows say, this ends.
    while (above := known[contact_id].merged_into) in known and above not in seen:
        seen.add(above)
        contact_id = above
    return known[contact_id]


_CONTACTS: Final = select(contact).where(contact.c.id.in_(bindparam("ids", expanding=True)))
_CONFLICTS: Final = select(conflict, conflict.c["count"].label("seen"))
"""``count`` by another name: of a row that is a method."""
