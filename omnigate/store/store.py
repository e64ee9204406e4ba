"""The store's front: opened once, written through one writer, read through short transactions."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError

from omnigate.errors import StoreError
from omnigate.model.event import EventType
from omnigate.owners import hand_over, owner_of
from omnigate.store.dialect import disk_is_full
from omnigate.store.directories import make_directory
from omnigate.store.engine import StoreLock, database_path, open_readers, open_writer
from omnigate.store.migrate import upgrade
from omnigate.store.recent import Recent
from omnigate.store.schema import installation
from omnigate.store.transaction import ONE_EACH, TRUST, RowNumbers, Target, Transaction
from omnigate.store.writer import Writer

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

_READERS: Final = 2


class Store:
    """An open store. Make one with `open_store`."""

    def __init__(
        self, path: Path, *, delivery_expiry_seconds: float, clock: Callable[[], float]
    ) -> None:
        self.path = path
        self.clock = clock
        self.key = b""
        """32 random bytes that only this installation knows."""
        self.routing: Callable[[str | None, EventType, str | None], Sequence[Target]] = _nowhere
        """Asked for every event that is recorded; set by the composition root."""
        self.one_each = ONE_EACH
        """Schemes of addresses of which a person has one; set by the composition root."""
        self.trust = TRUST
        """What makes contacts one from now on; set by the composition root."""
        self.expiry_ms = int(delivery_expiry_seconds * 1000)
        """For how long what is recorded from now on is offered."""
        self._lock = StoreLock(path)
        self._numbers: RowNumbers | None = None
        self._engine = open_writer(path)
        self._recent = Recent()
        self._recent.watch(self._engine)
        self._readers = open_readers(path, _READERS)
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="omnigate-reader")
        self.writer = Writer(self._engine.connect, self._begin)

    def now(self) -> int:
        """Return the store's time in milliseconds since 1970."""
        return int(self.clock() * 1000)

    async def read(
        self,
        query: Callable[Concatenate[Connection, ParamsT], ResultT],
        *args: ParamsT.args,
        **kwargs: ParamsT.kwargs,
    ) -> ResultT:
        """Run a reading function in a short transaction of its own, in a reader's thread."""
        work = partial(self._read, partial(query, **kwargs), args)
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    def _read(self, query: Callable[..., ResultT], args: tuple[object, ...]) -> ResultT:
        try:
            with self._readers.connect() as connection, connection.begin():
                return query(connection, *args)
        except DBAPIError as error:
            raise StoreError(f"the store could not be read: {error.orig}") from error

    def _begin(self, connection: Connection) -> Transaction:
        if self._numbers is None:
            self._numbers = RowNumbers(connection)
        self._recent.begin()
        return Transaction(
            connection,
            self.now(),
            self._numbers,
            self.routing,
            self.expiry_ms,
            recent=self._recent,
            one_each=self.one_each,
            trust=self.trust,
        )

    def _prepare(self) -> None:
        """Lock, migrate and read the installation's key; before the writer's thread starts."""
        self._lock.acquire()
        try:
            with self._engine.begin() as connection:
                upgrade(connection)
                self.key = _installation_key(connection)
        except DBAPIError as error:
            self._lock.release()
            remedy = "put a backup in its place, or set another [store] url"
            if disk_is_full(error):
                remedy = "nothing is wrong with it: make room, and start again"
            raise StoreError(f"{self.path} cannot be opened: {error.orig}; {remedy}") from error
        except StoreError:
            self._lock.release()
            raise

    def _close(self) -> None:
        self._reading.shutdown()
        self._readers.dispose()
        self.writer.shut()
        # Closing the last connection moves the log into the database file.
        self._engine.dispose()
        self._lock.release()


@asynccontextmanager
async def open_store(
    url: str,
    *,
    delivery_expiry_seconds: float = 432_000,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Store]:
    """Open the store, migrated to the newest schema, for this process alone.

    Raises `StoreError` when another process has it, or when the file cannot be used. The writer runs
    as a task of the caller's; what was queued before the end is written.
    """
    path = database_path(url)
    try:
        make_directory(path.parent)
        if path.exists():
            if not os.access(path, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        else:
            # What customers say is nobody else's to read; the log is made like the file, by its owner.
            path.touch(mode=0o600)
            hand_over(path)
        store = Store(path, delivery_expiry_seconds=delivery_expiry_seconds, clock=clock)
        await asyncio.to_thread(store._prepare)  # noqa: SLF001  # the store's own constructor
    except OSError as error:
        raise StoreError(
            f"{path} cannot be opened: {error.strerror}; {_remedy(path)}, or set another [store] url"
        ) from error
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(store.writer.run(), name="store writer")
            try:
                yield store
            finally:
                store.writer.close()
    finally:
        store._close()  # noqa: SLF001  # as above


def _remedy(path: Path) -> str:
    try:
        return f"it belongs to {owner_of(path)}: run this as that user, or change its owner"
    except OSError:
        return "make its directory one that this user may write to"


def _installation_key(connection: Connection) -> bytes:
    query = select(installation.c.value).where(installation.c.key == "secret")
    key: bytes | None = connection.scalar(query)
    if key is None:
        key = secrets.token_bytes(32)
        connection.execute(insert(installation).values(key="secret", value=key))
    return key


def _nowhere(channel: str | None, event_type: EventType, owner: str | None) -> Sequence[Target]:
    return ()
