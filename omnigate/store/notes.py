"""What channels keep for themselves: notes under keys, written in the transaction of what they put."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select

from omnigate.hosting import Note
from omnigate.store.dialect import upsert
from omnigate.store.schema import note
from omnigate.store.transaction import Transaction, chunks


def write_notes(
    transaction: Transaction, notes: Mapping[tuple[str, str], str | Note | None]
) -> None:
    """Write notes by channel and key; None takes one away."""
    gone = [{"of": name, "called": key} for (name, key), value in notes.items() if value is None]
    kept = [
        {"channel": name, "key": key, **_said(value), "updated_at": transaction.now}
        for (name, key), value in notes.items()
        if value is not None
    ]
    if gone:
        transaction.connection.execute(_FORGET, gone)
    if kept:
        transaction.connection.execute(_UPSERT, kept)


def read_notes(connection: Connection, channel: str, prefix: str = "") -> dict[str, str]:
    """Return a channel's notes whose keys begin so, in order of the keys."""
    given = {"of": channel, "prefix": prefix, "end": prefix + _LAST, "size": len(prefix)}
    rows = connection.execute(_BEGINNING, given)
    return {row.key: row.value for row in rows}


def forget_notes_about(connection: Connection, addresses: Iterable[str]) -> None:
    """Take away what channels have noted about whoever has one of the addresses."""
    for some in chunks(list(dict.fromkeys(addresses))):
        connection.execute(_FORGET_ABOUT, {"addresses": some})


def notes_about(connection: Connection, addresses: Iterable[str]) -> list[Any]:
    """Return what channels have noted about whoever has one of the addresses."""
    return [
        row
        for some in chunks(list(dict.fromkeys(addresses)))
        for row in connection.execute(_ABOUT, {"addresses": some})
    ]


def _said(value: str | Note) -> dict[str, str | None]:
    if isinstance(value, Note):
        return {"value": value.value, "about": value.about}
    return {"value": value, "about": None}


_LAST: Final = "\U0010ffff" * 200
"""No key that begins with a prefix comes after the prefix and this: keys have at most 200 characters."""

_FORGET: Final = delete(note).where(
    note.c.channel == bindparam("of"), note.c.key == bindparam("called")
)
_NEW: Final = upsert(note)
_UPSERT: Final = _NEW.on_conflict_do_update(
    index_elements=[note.c.channel, note.c.key],
    set_={name: getattr(_NEW.excluded, name) for name in ("value", "about", "updated_at")},
)
_IS_ABOUT: Final = note.c.about.in_(bindparam("addresses", expanding=True))
_FORGET_ABOUT: Final = delete(note).where(_IS_ABOUT)
_ABOUT: Final = select(note).where(_IS_ABOUT).order_by(note.c.channel, note.c.key)
_BEGINNING: Final = (
    select(note.c.key, note.c.value)
    .where(
        note.c.channel == bindparam("of"),
        # The order of bytes finds where they begin; LIKE would read signs in a key.
        note.c.key.between(bindparam("prefix"), bindparam("end")),
        func.substr(note.c.key, 1, bindparam("size")) == bindparam("prefix"),
    )
    .order_by(note.c.key)
)
