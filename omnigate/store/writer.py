"""The one writer: operations wait in a queue, and each turn commits all that wait at once.

Theory of operation. An *operation* is a function over a batch, ``(transaction, items) → results``.
`Writer.do` queues one item for it. As soon as the previous turn is over, everything that has
gathered meanwhile becomes the next turn: one transaction, each operation called once with all its
items, one COMMIT (which syncs the log), and only then are the waiters told. There is no artificial
delay: an idle store commits a lone item at once, a busy one many together.

The statements run on the event loop, the COMMIT in a thread. The statements are Python's work for the
greater part, and two threads that both want the interpreter cost more than they save: a tenth of the
throughput. The COMMIT waits for the disk, and the loop goes on meanwhile, gathering the next turn.

What a turn does, and what becomes of one that fails, is `omnigate.store.turns`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from omnigate.errors import StoreError
from omnigate.store.transaction import Transaction
from omnigate.store.turns import (
    Committed,
    ItemT,
    Job,
    Operation,
    Outcome,
    ResultT,
    Turns,
    WriterFigures,
    disk_error,
)

LastWord = tuple[Operation[Any, Any], Any, "asyncio.Future[Any]"]

MAX_WEIGHT: Final = 512
"""About how many items one turn takes, so that a turn stays short."""


class Writer:
    """Runs operations in turns over the store's one writing connection."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        begin: Callable[[Connection], Transaction],
    ) -> None:
        self.figures = WriterFigures()
        self._turns = Turns(connect, begin, self.figures)
        self._queue: list[Job] = []
        self.waiting_weight = 0
        """The weight of all items that wait for a turn."""
        self._wake = asyncio.Event()
        self._closing = False
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
        self._queue.append(Job(operation, item, weight, done))
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
                outcome = await self._turns.run(jobs)
                self._tell(jobs, outcome)
                if outcome.fatal is not None:
                    self._fail_all(outcome.fatal)
                if self._closing:
                    # These may have been queued before it was closed, with nobody left to wake this.
                    self._wake.set()
            elif self._closing:
                return

    def close(self) -> None:
        """Refuse new items; `run` returns when the queue is empty."""
        self._closing = True
        self._wake.set()

    def shut(self) -> None:
        """Let go of the thread and the connection, after `run` returned."""
        self._turns.shut()

    def _take(self) -> list[Job]:
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
                Job(operation, item, 0, done) for operation, item, done in self.last_words()
            )
        return jobs

    def _tell(self, jobs: Sequence[Job], outcome: Outcome) -> None:
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
        error = disk_error(cause)
        for job in self._queue:
            if not job.done.done():
                job.done.set_exception(error)
        self._queue.clear()
        self.waiting_weight = 0
        raise error from cause

    async def _truncate(self) -> None:
        waiting, self._truncations = self._truncations, []
        if not waiting:
            return
        is_empty, fatal = await self._turns.empty_log()
        for done in waiting:
            if not done.done():
                done.set_result(is_empty)
        if fatal is not None:
            self._fail_all(fatal)
