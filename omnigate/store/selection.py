"""What operators pick out of a store's lists: by destination, reason and time, in pages and chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, func, select

from omnigate.store.destinations import Direction, Health, health_of
from omnigate.store.schema import destination

CHUNK: Final = 500
"""How many items one turn of the writer works on at most."""

FilterT = TypeVar("FilterT")


class Owner(NamedTuple):
    """A destination by its number, as operators know it."""

    id: int
    direction: Direction
    name: str
    health: Health
    """As it was noted last."""


@dataclass(frozen=True)
class Pick(Generic[FilterT]):
    """How items of one table are picked out for work on many: by number, or by filter up to a number."""

    key: Column[int]
    conditions: Callable[[Connection, FilterT], Sequence[ColumnElement[bool]]]

    def last(self, connection: Connection) -> int:
        """Return the greatest number that there is, 0 for none."""
        return connection.scalar(select(func.coalesce(func.max(self.key), 0))) or 0

    def count(self, connection: Connection, wanted: FilterT, up_to: int) -> int:
        """Return how many items a filter finds."""
        query = select(func.count()).select_from(self.key.table).where(self.key <= up_to)
        return connection.scalar(query.where(*self.conditions(connection, wanted))) or 0

    def following(
        self, connection: Connection, wanted: FilterT, after: int, up_to: int, limit: int
    ) -> list[int]:
        """Return the next numbers above ``after`` that a filter finds, the lowest first."""
        query = select(self.key).where(self.key > after, self.key <= up_to)
        query = query.where(*self.conditions(connection, wanted)).order_by(self.key)
        return list(connection.scalars(query.limit(limit)))

    def known(self, connection: Connection, numbers: Sequence[int]) -> list[int]:
        """Return those of the numbers, in order, that items have; at most `CHUNK` are given."""
        query = select(self.key).where(self.key.in_(numbers)).order_by(self.key)
        return list(connection.scalars(query))


def destinations_called(connection: Connection, name: str | None) -> dict[int, Owner]:
    """Return the destinations of a name, by number; all of them for None.

    A channel and a backend may have the same name: ``channel:shop`` means the one, ``shop`` both. Those
    that are no longer in the configuration are there too: they may still be owed something.
    """
    query = select(destination)
    if name is not None:
        direction, _, bare = name.rpartition(":")
        query = query.where(destination.c.name == bare)
        if direction:
            query = query.where(destination.c.direction == direction)
    return {
        row.id: Owner(row.id, row.direction, row.name, health_of(row))
        for row in connection.execute(query)
    }


def number_chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Cut the numbers of rows, each once, into pieces that fit an ``IN`` list."""
    distinct = list(dict.fromkeys(numbers))
    for start in range(0, len(distinct), CHUNK):
        yield distinct[start : start + CHUNK]
