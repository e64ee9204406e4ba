"""The database file: its schema, its lock, and what survives the loss of power."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from omnigate.errors import StoreError
from omnigate.store.engine import StoreLock, database_path, open_readers, open_writer
from omnigate.store.schema import metadata
from omnigate.store.store import open_store


def test_the_migrated_file_has_the_tables_that_the_code_describes(desk: Any) -> None:
    with desk.engine.begin() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_a_file_of_a_newer_version_is_refused_in_words_and_left_alone(new_desk: Any) -> None:
    desk = new_desk()
    path = Path(desk.engine.url.database)
    with desk.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9999'"))
    desk.close()

    async def start() -> None:
        async with open_store(f"sqlite:///{path}"):
            raise AssertionError("it opened")

    with pytest.raises(StoreError, match=r"'v9999'.*newer"):
        asyncio.run(start())
    with open_readers(path, 1).connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "v9999"
    with pytest.raises(StoreError, match="v9999"):
        asyncio.run(start())  # and the lock is free again


def test_only_one_process_has_the_store(tmp_path: Path) -> None:
    first, second = StoreLock(tmp_path / "store.db"), StoreLock(tmp_path / "store.db")
    first.acquire()
    with pytest.raises(StoreError, match=r"process \d+.*store\.db.*stop it first"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("synchronous", 2),  # FULL: the log is synced at every commit
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("secure_delete", 1),
        ("auto_vacuum", 2),
    ],
)
def test_the_writing_connection_keeps_what_it_commits(
    tmp_path: Path, pragma: str, value: Any
) -> None:
    engine = open_writer(tmp_path / "store.db")
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()


def test_the_daemons_own_writer_syncs_every_commit(tmp_path: Path) -> None:
    def ask(transaction: Any, items: Any) -> list[Any]:
        return [
            transaction.connection.exec_driver_sql("PRAGMA synchronous").scalar() for _ in items
        ]

    async def run() -> Any:
        async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
            return await store.writer.do(ask, None)

    assert asyncio.run(run()) == 2


def test_readers_cannot_write(new_desk: Any) -> None:
    readers = open_readers(Path(new_desk().engine.url.database), 1)
    with readers.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.execute(text("DELETE FROM event"))
    readers.dispose()


@pytest.mark.parametrize("url", ["postgresql://localhost/x", "sqlite://", "nonsense", "mysql:///x"])
def test_an_address_that_is_no_sqlite_file_is_refused_in_words(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///"):
        database_path(url)


def test_one_bad_item_fails_alone_and_its_neighbours_are_committed(tmp_path: Path) -> None:
    def put(transaction: Any, items: Any) -> list[str]:
        for item in items:
            transaction.connection.execute(
                text("INSERT INTO cursor (channel, value, updated_at) VALUES (:name, :value, 0)"),
                {"name": item, "value": None if item == "bad" else "1"},
            )
        return list(items)

    async def run() -> list[Any]:
        async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
            wanted = [store.writer.do_nowait(put, name) for name in ("a", "bad", "b")]
            results = await asyncio.gather(*wanted, return_exceptions=True)
            rows = await store.read(
                lambda connection: connection.execute(text("SELECT channel FROM cursor")).all()
            )
            return [*results, sorted(row[0] for row in rows)]

    first, bad, second, kept = asyncio.run(run())
    assert (first, second, kept) == ("a", "b", ["a", "b"])
    assert isinstance(bad, StoreError)


@pytest.mark.anyio
@pytest.mark.parametrize("spoil", ["junk", "no directory"])
async def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(
    tmp_path: Path, spoil: str
) -> None:
    place = tmp_path / "omnigate.db"
    if spoil == "junk":
        place.write_bytes(b"no database at all " * 300)
    else:
        place.write_text("a file")
        place = place / "omnigate.db"
    with pytest.raises(StoreError, match=r"cannot be opened: .*set another \[store\] url"):
        async with open_store(f"sqlite:///{place}"):
            pass
