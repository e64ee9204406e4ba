"""Statements for many rows, compiled once.

SQLAlchemy works out the parameters of an ``executemany`` row by row, every time; at thousands of messages
a second that was a fifth of all work. A `Bulk` statement is described in the Core like any other, compiled
once for an engine, and then handed to the driver with plain tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Table, Update, insert
from sqlalchemy.sql.compiler import SQLCompiler

Row = Mapping[str, Any]


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
        getter = itemgetter(*names)
        values: Callable[[Row], Any] = getter if len(names) > 1 else lambda one: (getter(one),)
        self._compiled[connection.dialect.name] = (str(compiled), values)
        return str(compiled), values


def bulk_insert(table: Table) -> Bulk:
    """Return the statement that inserts rows; all rows ever given to it have the same keys."""
    return Bulk(insert(table))
