"""Whole lines to a file descriptor, in order, without ever blocking the event loop.

A terminal that is scrolled or a pipe that is full makes ``write`` wait for as long as it likes, and the
descriptor cannot be made non-blocking, because it is shared with the shell. So one thread writes. It is
a daemon thread: one that waits for a reader for ever must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import os
import threading
from queue import SimpleQueue
from typing import NamedTuple


class _Job(NamedTuple):
    text: bytes
    written: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class Writer:
    """Writes to one descriptor, which it does not own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person is looking."""
        return os.isatty(self._descriptor)

    async def write(self, text: bytes) -> None:
        """Return once all of the text is written; texts of several tasks never mix.

        Cancelling stops the waiting, not the writing. Raises ``OSError``.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="console", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._jobs.put(_Job(text, written, loop))
        await written

    def close(self) -> None:
        """Let the thread end after what was asked for so far; does not wait."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            error: OSError | None = None
            try:
                rest = memoryview(job.text)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as failure:
                error = failure
            try:
                job.loop.call_soon_threadsafe(_settle, job.written, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more


def _settle(written: asyncio.Future[None], error: OSError | None) -> None:
    if written.done():  # cancelled meanwhile
        return
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
