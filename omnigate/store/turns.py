"""One turn of the writer: jobs in one transaction, and what becomes of them if it fails.

When a turn fails it is rolled back and its jobs are run again one by one, each in a transaction of its
own, so that only the bad one fails. After a sync that failed nothing is run any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DBAPIError

from omnigate import failpoints
from omnigate.errors import OmnigateError, StoreError
from omnigate.figures import QUICK_SECONDS, TURN_ITEMS, Histogram
from omnigate.store.dialect import disk_failure, disk_is_full, truncate_log
from omnigate.store.transaction import CallChanged, RecordedEvent, Transaction, Waited

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

Operation = Callable[[Transaction, Sequence[ItemT]], Sequence[ResultT]]

FULL_SECONDS: Final = 5.0
"""How long a disk counts as full after a write was refused: it is the next write that tells."""

log = structlog.get_logger("store")


@dataclass(slots=True)
class Committed:
    """What a turn has brought about, told after its COMMIT."""

    recorded: list[RecordedEvent]
    due: set[int]
    attachments_due: bool
    calls: list[CallChanged] = field(default_factory=list)
    waited: list[Waited] = field(default_factory=list)
    overdue_at: int | None = None
    """When the first of the waits that began becomes overdue."""

    def add(self, other: Committed) -> None:
        """Take in what another turn has brought about."""
        self.recorded += other.recorded
        self.due |= other.due
        self.attachments_due |= other.attachments_due
        self.calls += other.calls
        self.waited += other.waited
        if other.overdue_at is not None:
            self.overdue_at = min(other.overdue_at, self.overdue_at or other.overdue_at)


@dataclass(slots=True)
class Job:
    """One item that waits for a turn, and who waits for it."""

    operation: Operation[Any, Any]
    item: Any
    weight: int
    done: asyncio.Future[Any]


@dataclass(slots=True)
class Outcome:
    """How a turn went: per job a result or an error, and the committed facts."""

    results: list[Any]
    committed: Committed
    fatal: BaseException | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class WriterFigures:
    """Counters for the operator."""

    turns: int = 0
    items: int = 0
    last_commit_seconds: float = 0.0
    turn_seconds: Histogram = field(default_factory=lambda: Histogram(QUICK_SECONDS))
    """A whole turn, its statements and its COMMIT."""
    commit_seconds: Histogram = field(default_factory=lambda: Histogram(QUICK_SECONDS))
    """The COMMIT alone: the disk's part."""
    turn_items: Histogram = field(default_factory=lambda: Histogram(TURN_ITEMS))
    full_at: float | None = None
    """When a write was last refused for lack of room, by the monotonic clock."""


class Turns:
    """Runs jobs over the store's one writing connection, which is opened with the first of them."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        begin: Callable[[Connection], Transaction],
        figures: WriterFigures,
    ) -> None:
        self._connect = connect
        self._begin = begin
        self._figures = figures
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="omnigate-writer")
        self.connection: Connection | None = None

    async def run(self, jobs: Sequence[Job]) -> Outcome:
        """Run jobs in one transaction, or one by one if that fails; raises nothing."""
        started = time.monotonic()
        try:
            results, committed = await self._commit(jobs)
            outcome = Outcome(results, committed)
        except Exception as error:  # whatever one item provokes must not reach the others
            outcome = await self._one_by_one(jobs, error)
        outcome.seconds = time.monotonic() - started
        return outcome

    async def empty_log(self) -> tuple[bool, BaseException | None]:
        """Empty the engine's log into its file; tell whether it is, and how the disk failed if it did."""
        if self.connection is None:
            self.connection = self._connect()
        work = partial(truncate_log, self.connection)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work), None
        except Exception as error:  # what the engine refuses for lack of room it does another time
            log.error("the store's log could not be emptied", error=str(error))
            return False, disk_failure(error)

    def shut(self) -> None:
        """Let go of the thread and the connection."""
        self._thread.submit(self._disconnect).result()
        self._thread.shutdown()

    async def _commit(self, jobs: Sequence[Job]) -> tuple[list[Any], Committed]:
        if self.connection is None:
            self.connection = self._connect()
        batches: dict[Operation[Any, Any], list[int]] = {}
        for number, job in enumerate(jobs):
            batches.setdefault(job.operation, []).append(number)
        results: list[Any] = [None] * len(jobs)
        work = self.connection.begin()
        try:
            transaction = self._begin(self.connection)
            for operation, numbers in batches.items():
                answers = operation(transaction, [jobs[number].item for number in numbers])
                for number, answer in zip(numbers, answers, strict=True):
                    results[number] = answer
            failpoints.reached("commit")
            began = time.monotonic()
            await asyncio.get_running_loop().run_in_executor(self._thread, work.commit)
            self._figures.commit_seconds.observe(time.monotonic() - began)
            transaction.recent.keep()
            failpoints.reached("committed")
        except Exception:
            self._roll_back(work)
            raise
        facts = Committed(
            transaction.recorded,
            transaction.due,
            transaction.attachments_due,
            transaction.calls,
            transaction.waited,
            transaction.overdue_at,
        )
        return results, facts

    def _roll_back(self, work: RootTransaction) -> None:
        """Undo a turn, also one whose COMMIT failed: the engine's own transaction may still be open.

        SQLAlchemy takes a transaction for ended once its COMMIT was tried, and rolls nothing back.
        """
        work.rollback()
        if self.connection is not None and (driver := self.connection.connection.driver_connection):
            driver.rollback()

    async def _one_by_one(self, jobs: Sequence[Job], cause: BaseException) -> Outcome:
        """Run each job again alone; what fails again gets its own error."""
        outcome = Outcome([], Committed([], set(), attachments_due=False))
        outcome.fatal = disk_failure(cause)
        for job in jobs:
            if outcome.fatal is not None:
                # After a sync that failed the next may succeed, and prove nothing.
                outcome.results.append(disk_error(outcome.fatal))
                continue
            try:
                if len(jobs) == 1:
                    raise cause
                results, committed = await self._commit([job])
            except Exception as error:  # as above
                outcome.fatal = disk_failure(error)
                outcome.results.append(self._as_store_error(error))
                continue
            outcome.results.append(results[0])
            outcome.committed.add(committed)
        return outcome

    def _as_store_error(self, error: BaseException) -> BaseException:
        """Return what the waiter is told; anything but our own errors is logged here, once."""
        if isinstance(error, OmnigateError):
            return error
        cause = error.orig if isinstance(error, DBAPIError) else error
        if disk_is_full(error):
            self._note_full()
        else:
            log.error("write failed", error=str(cause), exc_info=error)
        return StoreError(f"the store refused the write: {cause}")

    def _note_full(self) -> None:
        """Say that the disk is full, now and then: the log may be on the same disk."""
        now, before = time.monotonic(), self._figures.full_at
        if before is None or now - before > FULL_SECONDS:
            log.error("the disk is full; nothing is stored until there is room again")
        self._figures.full_at = now

    def _disconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def disk_error(cause: BaseException) -> StoreError:
    """Return what everybody is told once the disk cannot be trusted."""
    return StoreError(f"the disk failed under the store: {cause}")
