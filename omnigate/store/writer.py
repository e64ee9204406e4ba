"""The one writer: operations wait in a queue, and each turn commits all that wait at once.

Theory of operation. An *operation* is a function over a batch, ``(transaction, items) → results``.
`Writer.do` queues one item for it. As soon as the previous turn is over, everything that has
gathered meanwhile becomes the next turn: one transaction, each operation called once with all its
items, one COMMIT (which syncs the log), and only then are the waiters told. There is no artificial
delay: an idle store commits a lone item at once, a busy one many together.

The statements run on the event loop, the COMMIT in a thread. The statements are Python's work for the
greater part, and two threads that both want the interpreter cost more than they save: a tenth of the
throughput. The COMMIT waits for the disk, and the loop goes on meanwhile, gathering the next turn.

When a turn fails it is rolled back and its items are run again one by one, each in a transaction of
its own, so that only the bad one fails.
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
from omnigate.store.transaction import RecordedEvent, Transaction

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

Operation = Callable[[Transaction, Sequence[ItemT]], Sequence[ResultT]]

LastWord = tuple[Operation[Any, Any], Any, "asyncio.Future[Any]"]

MAX_WEIGHT: Final = 512
"""About how many items one turn takes, so that a turn stays short."""

FULL_SECONDS: Final = 5.0
"""How long a disk counts as full after a write was refused: it is the next write that tells."""

log = structlog.get_logger("store")


@dataclass(slots=True)
class Committed:
    """What a turn has brought about, told after its COMMIT."""

    recorded: list[RecordedEvent]
    due: set[int]
    attachments_due: bool


@dataclass(slots=True)
class _Job:
    operation: Operation[Any, Any]
    item: Any
    weight: int
    done: asyncio.Future[Any]


@dataclass(slots=True)
class _Outcome:
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


class Writer:
    """Runs operations in turns over the store's one writing connection."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        begin: Callable[[Connection], Transaction],
    ) -> None:
        self._connect = connect
        self._begin = begin
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="omnigate-writer")
        self._queue: list[_Job] = []
        self.waiting_weight = 0
        """The weight of all items that wait for a turn."""
        self._wake = asyncio.Event()
        self._closing = False
        self._connection: Connection | None = None
        self.figures = WriterFigures()
        self.last_words: Callable[[], Sequence[LastWord]] = tuple
        """Asked when a turn is put together: operations to run last in it (the dispatcher's claims)."""
        self.on_commit: list[Callable[[Committed], None]] = []
        """Called on the event loop after each turn that was committed."""
        self._truncations: list[asyncio.Future[bool]] = []
        """Who wants the engine's log emptied."""

    @property
    def waiting(self) -> int:
        """How many items wait for a turn."""
        return len(self._queue)

    async def do(
        self, operation: Operation[ItemT, ResultT], item: ItemT, weight: int = 1
    ) -> ResultT:
        """Run the operation on the item in the next turn; return its result once committed.

        Raises what the operation raised for this item, or `StoreError` when the store failed.
        """
        result: ResultT = await self.do_nowait(operation, item, weight)
        return result

    def do_nowait(
        self, operation: Operation[ItemT, ResultT], item: ItemT, weight: int = 1
    ) -> asyncio.Future[ResultT]:
        """Queue the operation; the future is done once the turn is committed."""
        done: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        if self._closing:
            done.set_exception(StoreError("the store is closed"))
            return done
        self._queue.append(_Job(operation, item, weight, done))
        self.waiting_weight += weight
        self._wake.set()
        return done

    async def truncate_log(self) -> bool:
        """Empty the engine's log into its file, between two turns; False if readers were in the way.

        What was overwritten or deleted stands in the log until then.
        """
        if self._closing:
            return False
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._truncations.append(done)
        self._wake.set()
        return await done

    def nudge(self) -> None:
        """Have a turn run soon even if nothing is queued, so that ``last_words`` is asked."""
        self._wake.set()

    async def run(self) -> None:
        """Run turns until `close`; raises `StoreError` when the disk can no longer be trusted."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._truncate()
            jobs = self._take()
            if jobs:
                outcome = await self._turn(jobs)
                self._tell(jobs, outcome)
                if outcome.fatal is not None:
                    self._fail_all(outcome.fatal)
            elif self._closing:
                return

    def close(self) -> None:
        """Refuse new items; `run` returns when the queue is empty."""
        self._closing = True
        self._wake.set()

    def shut(self) -> None:
        """Let go of the thread and the connection, after `run` returned."""
        self._thread.submit(self._disconnect).result()
        self._thread.shutdown()

    def _take(self) -> list[_Job]:
        weight = count = 0
        for job in self._queue:
            # A heavy one gets a turn of its own: it holds the loop for long enough.
            if count and weight + job.weight > MAX_WEIGHT:
                break
            weight += job.weight
            count += 1
        jobs, self._queue = self._queue[:count], self._queue[count:]
        self.waiting_weight -= weight
        if self._queue:
            self._wake.set()
        if not self._closing:
            jobs.extend(
                _Job(operation, item, 0, done) for operation, item, done in self.last_words()
            )
        return jobs

    def _tell(self, jobs: Sequence[_Job], outcome: _Outcome) -> None:
        self.figures.turns += 1
        self.figures.items += len(jobs)
        self.figures.last_commit_seconds = outcome.seconds
        self.figures.turn_seconds.observe(outcome.seconds)
        self.figures.turn_items.observe(len(jobs))
        for tell in self.on_commit:
            tell(outcome.committed)
        for job, result in zip(jobs, outcome.results, strict=True):
            if job.done.done():
                continue
            if isinstance(result, BaseException):
                job.done.set_exception(result)
            else:
                job.done.set_result(result)

    def _fail_all(self, cause: BaseException) -> None:
        """Tell everybody who waits, then give up: a log that cannot be synced proves nothing."""
        self._closing = True
        error = _disk_error(cause)
        for job in self._queue:
            if not job.done.done():
                job.done.set_exception(error)
        self._queue.clear()
        self.waiting_weight = 0
        raise error from cause

    async def _turn(self, jobs: Sequence[_Job]) -> _Outcome:
        started = time.monotonic()
        try:
            results, committed = await self._commit(jobs)
            outcome = _Outcome(results, committed)
        except Exception as error:  # whatever one item provokes must not reach the others
            outcome = await self._one_by_one(jobs, error)
        outcome.seconds = time.monotonic() - started
        return outcome

    async def _commit(self, jobs: Sequence[_Job]) -> tuple[list[Any], Committed]:
        if self._connection is None:
            self._connection = self._connect()
        batches: dict[Operation[Any, Any], list[int]] = {}
        for number, job in enumerate(jobs):
            batches.setdefault(job.operation, []).append(number)
        results: list[Any] = [None] * len(jobs)
        work = self._connection.begin()
        try:
            transaction = self._begin(self._connection)
            for operation, numbers in batches.items():
                answers = operation(transaction, [jobs[number].item for number in numbers])
                for number, answer in zip(numbers, answers, strict=True):
                    results[number] = answer
            failpoints.reached("commit")
            began = time.monotonic()
            await asyncio.get_running_loop().run_in_executor(self._thread, work.commit)
            self.figures.commit_seconds.observe(time.monotonic() - began)
            transaction.recent.keep()
            failpoints.reached("committed")
        except Exception:
            self._roll_back(work)
            raise
        facts = Committed(transaction.recorded, transaction.due, transaction.attachments_due)
        return results, facts

    def _roll_back(self, work: RootTransaction) -> None:
        """Undo a turn, also one whose COMMIT failed: the engine's own transaction may still be open.

        SQLAlchemy takes a transaction for ended once its COMMIT was tried, and rolls nothing back.
        """
        work.rollback()
        if self._connection is not None and (
            driver := self._connection.connection.driver_connection
        ):
            driver.rollback()

    async def _one_by_one(self, jobs: Sequence[_Job], cause: BaseException) -> _Outcome:
        """Run each job again alone; what fails again gets its own error."""
        outcome = _Outcome([], Committed([], set(), attachments_due=False))
        outcome.fatal = disk_failure(cause)
        for job in jobs:
            if outcome.fatal is not None:
                # After a sync that failed the next may succeed, and prove nothing.
                outcome.results.append(_disk_error(outcome.fatal))
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
            outcome.committed.recorded += committed.recorded
            outcome.committed.due |= committed.due
            outcome.committed.attachments_due |= committed.attachments_due
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
        now, before = time.monotonic(), self.figures.full_at
        if before is None or now - before > FULL_SECONDS:
            log.error("the disk is full; nothing is stored until there is room again")
        self.figures.full_at = now

    async def _truncate(self) -> None:
        waiting, self._truncations = self._truncations, []
        if not waiting:
            return
        if self._connection is None:
            self._connection = self._connect()
        work = partial(truncate_log, self._connection)
        is_empty, fatal = False, None
        try:
            is_empty = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception as error:  # what the engine refuses for lack of room it does another time
            log.error("the store's log could not be emptied", error=str(error))
            fatal = disk_failure(error)
        for done in waiting:
            if not done.done():
                done.set_result(is_empty)
        if fatal is not None:
            self._fail_all(fatal)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _disk_error(cause: BaseException) -> StoreError:
    return StoreError(f"the disk failed under the store: {cause}")
