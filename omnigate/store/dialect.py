"""Everything that is SQLite's own, apart from opening the file (`engine`) and copying it (`backup`).

Another engine gets its own of these few; all other modules speak SQLAlchemy's common language.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DBAPIError

__all__ = [
    "disk_failure",
    "disk_is_full",
    "file_problems",
    "give_back_pages",
    "numbers_given",
    "truncate_log",
    "upsert",
]

_FATAL_CODES: Final = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
)
_FULL_CODES: Final = frozenset(
    # The second: no room for the memory that connections share, a file beside the database.
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
)


def disk_failure(error: BaseException) -> BaseException | None:
    """Return the driver's error if it means that the file cannot be trusted any more."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", 0)
    return original if code & 0xFF in _FATAL_CODES and code not in _FULL_CODES else None


def disk_is_full(error: BaseException) -> bool:
    """Tell whether the driver refused a write for lack of room; nothing of it was kept."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlite_errorcode", 0) in _FULL_CODES


def numbers_given(connection: Connection) -> Mapping[str, int]:
    """Return the highest number that rows of a table ever had, deleted ones included, by table."""
    rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
    return {row.name: row.seq for row in rows}


def give_back_pages(connection: Connection, pages: int) -> int:
    """Cut up to so many unused pages off the file; return how many unused ones are left."""
    left: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    # One at a time: the driver takes but one step of this statement, and each step frees one page.
    for _ in range(min(pages, left)):
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    rest: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    return rest


def file_problems(connection: Connection, limit: int) -> list[str]:
    """Return what is wrong with the file and with references between its tables."""
    said = connection.exec_driver_sql(f"PRAGMA quick_check({limit})").scalars()
    found = [f"file: {line}" for line in said if line != "ok"]
    found += (
        f"{table} row {row} refers to a missing {parent}"
        for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check")
    )
    return found


def truncate_log(connection: Connection) -> bool:
    """Move the log into the database file and empty it; False if somebody still reads from it.

    Outside of a transaction, on the connection that writes. Waits for readers no longer than a moment.
    """
    driver = connection.connection.driver_connection
    if driver is None:
        return False
    patience = driver.execute("PRAGMA busy_timeout").fetchone()[0]
    driver.execute("PRAGMA busy_timeout=100")
    try:
        busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        driver.execute(f"PRAGMA busy_timeout={patience}")
    return not busy
