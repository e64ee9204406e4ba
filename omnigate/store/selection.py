"""What operators pick out of a store's lists: by destination, reason and time, in pages and chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, Select, select

from omnigate.store.schema import destination

CHUNK: Final = 500
"""How many items one turn of the writer works on at most."""


class Owner(NamedTuple):
    """A destination by its number, as operators know it."""

    id: int
    direction: str
    name: str


def destinations_called(connection: Connection, name: str | None) -> dict[int, Owner]:
    """Return the destinations of a name, of both directions, by number; all of them for None.

    Those that are no longer in the configuration are there too: they may still be owed something.
    """
    query: Select[tuple[int, str, str]] = select(
        destination.c.id, destination.c.direction, destination.c.name
    )
    if name is not None:
        query = query.where(destination.c.name == name)
    return {row.id: Owner(row.id, row.direction, row.name) for row in connection.execute(query)}


def number_chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Cut the numbers of rows, each once, into pieces that fit an ``IN`` list."""
    distinct = list(dict.fromkeys(numbers))
    for start in range(0, len(distinct), CHUNK):
        yield distinct[start : start + CHUNK]
