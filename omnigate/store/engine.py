"""Opening the database file: the lock, the pragmas, the one writing connection and the readers.

Source: sqlite.org, "PRAGMA statements", "Write-Ahead Logging" (read 2026-11-21).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.url import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool, StaticPool

from omnigate.errors import StoreError
from omnigate.owners import hand_over

_WRITER_PRAGMAS: Final = (
    # auto_vacuum takes effect only before the first table is made.
    "PRAGMA auto_vacuum=INCREMENTAL",
    "PRAGMA journal_mode=WAL",
    # FULL syncs the log at every commit: what was acknowledged survives the loss of power.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA secure_delete=ON",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA cache_size=-16384",
)
_READER_PRAGMAS: Final = (
    "PRAGMA query_only=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cache_size=-4096",
)


class StoreLock:
    """An exclusive lock beside the database: one daemon per store, gone when the process ends."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock; raises `StoreError` naming the process that holds it."""
        is_new = not self._path.exists()
        file = self._path.open("a+")
        if is_new:
            self._path.chmod(0o600)
            hand_over(self._path, self._owned())
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise StoreError(
                f"another Omnigate (process {holder}) has {self._path.name.removesuffix('.lock')} open;"
                " stop it first, or give this one another [store] url"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def _owned(self) -> Path:
        """Return what has the owner that the lock should have: root's would be closed to the daemon."""
        directory = self._path.parent
        if directory.stat().st_uid == 0 and self._database.exists():
            return self._database
        return directory

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def database_path(url: str) -> Path:
    """Return the file behind a ``sqlite:///…`` URL; raises `StoreError` for anything else."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(f"{url!r} is no database URL; write sqlite:///path/omnigate.db") from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise StoreError("only SQLite is served: write url = 'sqlite:///path/omnigate.db'")
    return Path(parsed.database).absolute()


def open_writer(path: Path) -> Engine:
    """Return the engine whose single connection makes all changes, each in BEGIN IMMEDIATE."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "isolation_level": None},
        # Errors would quote messages and tokens' digests, and errors are logged.
        hide_parameters=True,
    )
    _on_connect(engine, _WRITER_PRAGMAS)
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def open_readers(path: Path, count: int) -> Engine:
    """Return the engine for short read transactions, over at most ``count`` connections."""
    engine = create_engine(
        f"sqlite:///file:{path}?mode=ro&uri=true",
        poolclass=QueuePool,
        pool_size=count,
        max_overflow=0,
        connect_args={"check_same_thread": False, "isolation_level": None},
        # Errors would quote messages and tokens' digests, and errors are logged.
        hide_parameters=True,
    )
    _on_connect(engine, _READER_PRAGMAS)
    _begin_with(engine, "BEGIN")
    return engine


def _on_connect(engine: Engine, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, record: Any) -> None:
        for pragma in pragmas:
            connection.execute(pragma).close()


def _begin_with(engine: Engine, statement: str) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(statement)
