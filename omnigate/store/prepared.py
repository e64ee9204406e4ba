"""Statements that are run thousands of times a second, compiled once.

SQLAlchemy works out the parameters of an ``executemany`` row by row, and the text of an ``IN`` list anew
every time, which the driver then prepares anew: at thousands of messages a second that was a third of all
work. Statements here are described in the Core like any other, compiled once for an engine, and then
handed to the driver itself with plain tuples. Only those that change what is remembered
(`omnigate.store.recent`) take the longer way, where they are seen.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

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
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from omnigate.store.recent import changes_what_is_remembered

Row = Mapping[str, Any]
Keys = Sequence[BindParameter[Any]]

KEY_COUNTS: Final = (1, 8, 32, 128, 512)
"""Lengths that an ``IN`` list is written for: few, so that the driver keeps every one prepared."""

_NAMES: Final = tuple(f"key_{number}" for number in range(KEY_COUNTS[-1]))


class _Ready(NamedTuple):
    """A statement as one engine wants it."""

    sql: str
    values: Callable[[Row], Any]
    """Gives the driver's parameters for a row."""
    constants: Row
    is_seen: bool
    """It must be run where changes are watched."""


class Bulk:
    """A statement whose every parameter is named by a key of the rows it is run with."""

    def __init__(self, statement: Insert | Update | Delete) -> None:
        self._statement = statement
        self._compiled: dict[str, _Ready] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Execute the statement for each row; return how many rows of the table it touched."""
        if not rows:
            return 0
        known = self._compiled.get(connection.dialect.name) or self._compile(connection, rows[0])
        values = known.values
        given = [values(row) for row in rows]
        if known.is_seen:
            return connection.exec_driver_sql(known.sql, given).rowcount
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(known.sql, given)
            return cursor.rowcount
        except connection.dialect.loaded_dbapi.Error as error:
            raise _as_always(connection, known.sql, error) from error

    def _compile(self, connection: Connection, row: Row) -> _Ready:
        statement = self._statement
        keys = list(row) if isinstance(statement, Insert) else None
        compiled: SQLCompiler = statement.compile(dialect=connection.dialect, column_keys=keys)
        names: list[str] = compiled.positiontup or []
        if missing := [name for name in names if name not in row]:
            raise TypeError(f"rows have no value for {missing} of: {compiled}")
        sql = str(compiled)
        known = _Ready(sql, _tuple_of(names), {}, changes_what_is_remembered(sql))
        self._compiled[connection.dialect.name] = known
        return known


def bulk_insert(table: Table) -> Bulk:
    """Return the statement that inserts rows; all rows ever given to it have the same keys."""
    return Bulk(insert_into(table))


class Query:
    """A statement that gives rows, as the driver gives them: 0 and 1 for booleans."""

    def __init__(self, statement: Select[*tuple[Any, ...]] | UpdateBase) -> None:
        self._statement = statement
        self._compiled: dict[str, _Ready] = {}
        self._row: Callable[[Sequence[Any]], Any] | None = None

    def run(self, connection: Connection, values: Row) -> Sequence[Any]:
        """Execute the statement with the values of its parameters, by name; return all rows."""
        known = self._compiled.get(connection.dialect.name) or self._compile(connection)
        given = known.values({**known.constants, **values})
        if known.is_seen:
            return connection.exec_driver_sql(known.sql, given).all()
        cursor = connection.connection.cursor()
        try:
            cursor.execute(known.sql, given)
            found = cursor.fetchall()
        except connection.dialect.loaded_dbapi.Error as error:
            raise _as_always(connection, known.sql, error) from error
        row = self._row or self._named(cursor.description)
        return [row(values) for values in found]

    def _compile(self, connection: Connection) -> _Ready:
        compiled: SQLCompiler = self._statement.compile(dialect=connection.dialect)
        constants = {name: it for name, it in compiled.params.items() if it is not None}
        sql, values = str(compiled), _tuple_of(compiled.positiontup or [])
        known = _Ready(sql, values, constants, changes_what_is_remembered(sql))
        self._compiled[connection.dialect.name] = known
        return known

    def _named(self, description: Sequence[Sequence[Any]]) -> Callable[[Sequence[Any]], Any]:
        kind = namedtuple("Found", [column[0] for column in description], rename=True)  # type: ignore[misc]  # columns are known only at run time
        self._row = kind._make
        return self._row


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


def _as_always(connection: Connection, sql: str, error: Exception) -> Exception:
    """Return the driver's error as SQLAlchemy would have raised it."""
    base = connection.dialect.loaded_dbapi.Error
    return DBAPIError.instance(sql, None, error, base, hide_parameters=True)


def _keys(count: int) -> Keys:
    return [bindparam(name) for name in _NAMES[:count]]


def _tuple_of(names: Sequence[str]) -> Callable[[Row], Any]:
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)
