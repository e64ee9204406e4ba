"""Statements that are run thousands of times a second, compiled once.

SQLAlchemy works out the parameters of an ``executemany`` row by row, and the text of an ``IN`` list anew
every time, which the driver then prepares anew: at thousands of messages a second that was a third of all
work. Statements here are described in the Core like any other, compiled once for an engine, and then
handed to the driver with plain tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
)
from sqlalchemy import insert as insert_into
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

Row = Mapping[str, Any]
Keys = Sequence[BindParameter[Any]]

KEY_COUNTS: Final = (1, 8, 32, 128, 512)
"""Lengths that an ``IN`` list is written for: few, so that the driver keeps every one prepared."""

_NAMES: Final = tuple(f"key_{number}" for number in range(KEY_COUNTS[-1]))


class Bulk:
    """A statement whose every parameter is named by a key of the rows it is run with."""

    def __init__(self, statement: Insert | Update | Delete) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Callable[[Row], Any]]] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Execute the statement for each row; return how many rows of the table it touched."""
        if not rows:
            return 0
        known = self._compiled.get(connection.dialect.name)
        sql, values = known if known is not None else self._compile(connection, rows[0])
        return connection.exec_driver_sql(sql, [values(row) for row in rows]).rowcount

    def _compile(self, connection: Connection, row: Row) -> tuple[str, Callable[[Row], Any]]:
        statement = self._statement
        keys = list(row) if isinstance(statement, Insert) else None
        compiled: SQLCompiler = statement.compile(dialect=connection.dialect, column_keys=keys)
        names: list[str] = compiled.positiontup or []
        if missing := [name for name in names if name not in row]:
            raise TypeError(f"rows have no value for {missing} of: {compiled}")
        self._compiled[connection.dialect.name] = known = (str(compiled), _tuple_of(names))
        return known


def bulk_insert(table: Table) -> Bulk:
    """Return the statement that inserts rows; all rows ever given to it have the same keys."""
    return Bulk(insert_into(table))


class Query:
    """A statement that gives rows, as the driver gives them: 0 and 1 for booleans."""

    def __init__(self, statement: Select[*tuple[Any, ...]] | UpdateBase) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Callable[[Row], Any], Row]] = {}

    def run(self, connection: Connection, values: Row) -> Sequence[Any]:
        """Execute the statement with the values of its parameters, by name; return all rows."""
        known = self._compiled.get(connection.dialect.name) or self._compile(connection)
        sql, bound, constants = known
        return connection.exec_driver_sql(sql, bound({**constants, **values})).all()

    def _compile(self, connection: Connection) -> tuple[str, Callable[[Row], Any], Row]:
        compiled: SQLCompiler = self._statement.compile(dialect=connection.dialect)
        constants = {name: it for name, it in compiled.params.items() if it is not None}
        known = (str(compiled), _tuple_of(compiled.positiontup or []), constants)
        self._compiled[connection.dialect.name] = known
        return known


class Lookup:
    """A query for many keys; its rows are as those of a `Query`."""

    def __init__(self, statement: Callable[[Keys], Select[Any]]) -> None:
        """Take the query, given the parameters that its ``IN`` list consists of."""
        self._queries = {count: Query(statement(_keys(count))) for count in KEY_COUNTS}

    def run(
        self, connection: Connection, keys: Sequence[str], values: Row | None = None
    ) -> Iterator[Any]:
        """Execute the query for the keys, in several parts if they are many; give all rows."""
        most = KEY_COUNTS[-1]
        for start in range(0, len(keys), most):
            some = keys[start : start + most]
            count = next(count for count in KEY_COUNTS if count >= len(some))
            # Filled up with a key that is there already: it finds nothing twice.
            filled = [*some, *[some[0]] * (count - len(some))]
            named = dict(zip(_NAMES, filled, strict=False))
            yield from self._queries[count].run(connection, {**named, **(values or {})})


def _keys(count: int) -> Keys:
    return [bindparam(name) for name in _NAMES[:count]]


def _tuple_of(names: Sequence[str]) -> Callable[[Row], Any]:
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)
