"""Mails read outside the daemon: a process of its own, so that no mail can stop or slow the daemon.

Theory of operation. One process reads one mail at a time. It is started before the first mail comes,
ended after some idle time, and started again for the next mail. A mail that kills it or takes too long is
refused with `BadPayload`, and the next one gets a new process. Whenever an exchange does not end as it
should, for whatever reason and be it that the caller was cancelled, the process is killed: no answer can
come late and be taken for another's. The process greets with what it speaks: one of other code than the
daemon's is given no mail, for what it says could be misunderstood.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence

from omnigate import BadPayload, NotReady
from omnigate_email.mail import Mail
from omnigate_email.reading.wire import BLOB_BYTES, BLOBS, GREETING, LENGTH, ready, unpacked

SECONDS_PER_MAIL = 30.0
SECONDS_TO_START = 60.0
IDLE_SECONDS = 600.0
"""To start it takes up to some seconds, for which a mail would wait."""
MEMORY_BYTES = 1024 * 1024 * 1024
"""Of address space: a mail of 25 MiB takes about a quarter of it."""
UPGRADED = "Omnigate was upgraded while it runs, so that mails cannot be read: restart Omnigate"
CHUNK_BYTES = 256 * 1024
"""So much is handed over at once; the loop goes on in between."""

_HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL", "TZ")
"""Of the environment; secrets that the daemon was given stay with it."""


class _Ended(Exception):
    """The process ended, or said what it never says."""


class Reader:
    """Reads mails in a process of its own, one after the other, in the order asked for."""

    def __init__(
        self,
        *,
        seconds_per_mail: float = SECONDS_PER_MAIL,
        idle_seconds: float = IDLE_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
        command: Sequence[str] | None = None,
    ) -> None:
        self._seconds_per_mail = seconds_per_mail
        self._idle_seconds = idle_seconds
        alarm = math.ceil(seconds_per_mail) * 2
        self._command = command or (
            *(sys.executable, "-P", "-m", "omnigate_email.reading.workbench"),
            *(str(memory_bytes), str(alarm)),
        )
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[int]] = set()
        self._closed = False

    async def start(self) -> None:
        """Have the process running before the first mail comes.

        Raises:
            NotReady: it does not start, or is of other code than ours.
        """
        async with self._turn:
            if self._closed:
                raise NotReady("the reader of mails is closed")
            self._stay()
            started = False
            try:
                await self._running()
                started = True
            finally:
                if started and not self._closed:
                    self._leave()
                else:
                    self._end()

    async def read(self, raw: bytes) -> Mail:
        """Return what stands in the mail; the loop is never blocked for long.

        Raises:
            BadPayload: this mail killed the process or took more than ``seconds_per_mail``.
            NotReady: the process does not start or is of other code than ours, or the reader is closed; the
                mail is not at fault.
        """
        async with self._turn:
            try:
                return await self._exchange(raw)
            except _Ended:
                # It may have ended before this mail, of an operator's hand or for want of memory.
                return await self._second_attempt(raw)

    async def close(self) -> None:
        """End the process; a read that is under way raises NotReady."""
        self._closed = True
        self._end()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _second_attempt(self, raw: bytes) -> Mail:
        try:
            return await self._exchange(raw)
        except _Ended as error:
            if self._closed:
                raise NotReady("the reader of mails is closed") from error
            raise BadPayload(
                f"the mail ended the process that read it ({error}): look at it by hand"
            ) from error

    async def _exchange(self, raw: bytes) -> Mail:
        if self._closed:
            raise NotReady("the reader of mails is closed")
        self._stay()
        finished = False
        try:
            process = await self._running()
            async with asyncio.timeout(self._seconds_per_mail):
                await _hand_over(process, raw)
                blobs = await _answer(process)
            mail = unpacked(blobs)
            finished = True
        except TimeoutError as error:
            raise BadPayload(
                f"the mail took longer than {self._seconds_per_mail:g} s to read: look at it by hand"
            ) from error
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise _Ended(type(error).__name__) from error
        finally:
            if finished and not self._closed:
                self._leave()
            else:
                self._end()
        return mail

    async def _running(self) -> Process:
        """Return the process, started if need be.

        Raises:
            NotReady: it does not start, or is of other code than ours.
        """
        if self._process is not None and self._process.returncode is None:
            return self._process
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=CHUNK_BYTES, env=_environment(),
                start_new_session=True,  # Ctrl-C is for the daemon, which ends it in order
            )  # fmt: skip
            async with asyncio.timeout(SECONDS_TO_START):
                said = await _stdout(self._process).readuntil()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
            raise NotReady(_does_not_start(self._command)) from error
        if said != ready():
            is_reader = said.startswith(GREETING)
            raise NotReady(UPGRADED if is_reader else _does_not_start(self._command))
        return self._process

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _leave(self) -> None:
        """Let the process wait for the next mail, but not for ever."""
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._idle_seconds, self._end)

    def _end(self) -> None:
        """Kill the process, if there is one; what is left of it is collected in the background."""
        self._stay()
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        task = asyncio.create_task(process.wait())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _hand_over(process: Process, raw: bytes) -> None:
    assert process.stdin is not None  # noqa: S101  # it was asked for
    process.stdin.write(LENGTH.pack(len(raw)))
    for begin in range(0, len(raw), CHUNK_BYTES):
        process.stdin.write(raw[begin : begin + CHUNK_BYTES])
        await process.stdin.drain()


async def _answer(process: Process) -> list[bytes]:
    stdout = _stdout(process)
    count = LENGTH.unpack(await stdout.readexactly(LENGTH.size))[0]
    if not 3 <= count <= BLOBS:
        raise ValueError("number of blobs")
    blobs: list[bytes] = []
    left = BLOB_BYTES
    for _ in range(count):
        length = LENGTH.unpack(await stdout.readexactly(LENGTH.size))[0]
        left -= length
        if left < 0:
            raise ValueError("length of blobs")
        blobs.append(await stdout.readexactly(length))
    return blobs


def _stdout(process: Process) -> asyncio.StreamReader:
    assert process.stdout is not None  # noqa: S101  # it was asked for
    return process.stdout


def _environment() -> dict[str, str]:
    """Return what the process needs: the same modules as here, and nothing that is secret."""
    kept = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _does_not_start(command: Sequence[str]) -> str:
    return (
        f"the process that reads mails does not start: run `{' '.join(command)}` by hand to see why"
    )
