"""The store leaves room for PostgreSQL: tables and statements are the same there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.elements import ClauseElement

import omnigate.store
from omnigate.store.prepared import Bulk, Lookup, Query
from omnigate.store.schema import metadata

POSTGRESQL: Any = cast(Any, postgresql).dialect()


def statements() -> Iterator[Any]:
    for module in pkgutil.iter_modules(omnigate.store.__path__):
        if module.name == "migrations":
            continue
        for name, value in vars(importlib.import_module(f"omnigate.store.{module.name}")).items():
            query = value._queries[8] if isinstance(value, Lookup) else value
            statement = query._statement if isinstance(query, Bulk | Query) else query
            if getattr(statement, "_post_values_clause", None) is not None:
                continue  # made by the dialect's own upsert, which each engine has
            if isinstance(statement, ClauseElement) and statement.supports_execution:
                yield pytest.param(statement, id=f"{module.name}.{name}")


@pytest.mark.parametrize("statement", list(statements()))
def test_every_prepared_statement_can_be_said_to_postgresql(statement):
    assert str(statement.compile(dialect=POSTGRESQL))


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_made_in_postgresql(table):
    assert str(CreateTable(table).compile(dialect=POSTGRESQL))
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=POSTGRESQL))


def test_what_is_sqlites_own_stands_in_three_modules():
    own = ("sqlite3", "dialects.sqlite", "PRAGMA", "sqlite_sequence")
    found = {
        path.name
        for path in Path(omnigate.store.__path__[0]).glob("*.py")
        if any(word in path.read_text() for word in own)
    }
    assert found == {"backup.py", "dialect.py", "engine.py"}
