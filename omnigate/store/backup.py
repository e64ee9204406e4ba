"""A copy of the store while the daemon works: one consistent moment of the database, then the files.

Source: sqlite.org, "VACUUM", section "VACUUM with an INTO clause" (read 2026-11-22).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Final

from omnigate.errors import StoreError
from omnigate.owners import hand_over
from omnigate.store.directories import make_directory, sync_directory

DATABASE: Final = "omnigate.db"
FILES: Final = "files"
LOOK_SECONDS: Final = 0.2


def back_up_database(source: Path, target: Path, tell: Callable[[int, int], None]) -> int:
    """Copy the database as it is at one moment into a new file; return its size in bytes.

    The copy is complete, synced and checked before it gets its name, so that a file of that name is
    always a good one; an older one is replaced. Works beside a running daemon, which does not notice.
    ``tell`` hears of the bytes written and about how many there will be. Raises `StoreError`, also
    where the target is a store that somebody uses or used: that is never replaced.
    """
    if _is_in_use(target):
        raise StoreError(
            f"{target.parent} is where a store is at work, no place for a copy; name another directory"
        )
    draft = target.with_name(f".{target.name}.part")
    try:
        make_directory(target.parent)
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        hand_over(draft)
        with _told(draft, source.stat().st_size, tell):
            _vacuum_into(source, draft)
        _check(draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)
        sync_directory(target.parent)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{target} could not be written: {reason}") from error
    return target.stat().st_size


def back_up_files(source: Path, target: Path, tell: Callable[[int, int], None]) -> int:
    """Copy the files of attachments that the target does not have yet; return how many those were.

    Names are made of what the files hold, so one that is there need not be copied again. Call after
    `back_up_database`: then no file that it names is missing. Raises `StoreError`.
    """
    wanted = [
        path
        for path in sorted(source.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
        if not _is_copied(path, target / path.relative_to(source))
    ]
    for number, path in enumerate(wanted, 1):
        copy = target / path.relative_to(source)
        draft = copy.with_name(f".{copy.name}.part")
        try:
            if not copy.parent.is_dir():
                make_directory(copy.parent)
            draft.touch(mode=0o600)
            hand_over(draft)
            shutil.copyfile(path, draft)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(copy)
        except FileNotFoundError:
            draft.unlink(missing_ok=True)
            continue  # erased meanwhile
        except OSError as error:
            raise StoreError(f"{copy} could not be written: {error.strerror}") from error
        tell(number, len(wanted))
    return len(wanted)


def _is_in_use(target: Path) -> bool:
    """Tell whether a database there is not a copy: a copy has neither a lock nor a log beside it."""
    beside = (f"{target.name}{end}" for end in (".lock", "-wal", "-shm"))
    return any(target.with_name(name).exists() for name in beside)


def _vacuum_into(source: Path, target: Path) -> None:
    connection = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=10)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    finally:
        connection.close()


def _check(copy: Path) -> None:
    connection = sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)
    try:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    finally:
        connection.close()
    if said != "ok":
        raise StoreError(f"the copy is damaged: {said}; see omnigate db check")


def _is_copied(path: Path, copy: Path) -> bool:
    return copy.is_file() and copy.stat().st_size == path.stat().st_size


class _told:  # noqa: N801  # used like a function
    """Tells how large a file has become while others write it."""

    def __init__(self, file: Path, total: int, tell: Callable[[int, int], None]) -> None:
        self._over = Event()
        self._thread = Thread(target=self._look, args=(file, total, tell), daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self, file: Path, total: int, tell: Callable[[int, int], None]) -> None:
        while not self._over.wait(LOOK_SECONDS):
            tell(file.stat().st_size, total)
