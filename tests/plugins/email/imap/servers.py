"""What no real server does when asked: a wire that stalls, cuts and rewrites; a server with a script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.ports import free_port

Rewrite = Callable[[bytes], bytes]


class Wire:
    """A proxy before a server. A context manager on the running loop."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.stalled = asyncio.Event()
        """Set it, and nothing comes from the server any more, on any connection."""
        self.cut_after_bytes: int | None = None
        """So much more comes from the server, then the connection ends; once."""
        self.rewrite: Rewrite = lambda piece: piece
        """Changes what comes from the server."""
        self.connections = 0
        self.said = b""
        """All that was said to the server."""
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def uncut(self) -> bool:
        """Whether the connection that was to be cut has ended."""
        return self.cut_after_bytes is None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back, forth = await asyncio.open_connection("127.0.0.1", self._target_port)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._down(back, writer)),
                    asyncio.ensure_future(self._up(reader, forth)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        for one in (writer, forth):
            one.transport.abort()
        self._tasks.discard(task)

    async def _up(self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            self.said += piece
            forth.write(piece)

    async def _down(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await back.read(65536):
            while self.stalled.is_set():  # noqa: ASYNC110  # what clears it is the test
                await asyncio.sleep(0.01)
            if self.cut_after_bytes is not None:
                self.cut_after_bytes -= len(piece)
                if self.cut_after_bytes < 0:
                    self.cut_after_bytes = None
                    return
            writer.write(self.rewrite(piece))
            with suppress(OSError):
                await writer.drain()


class Scripted:
    """An IMAP server that does as it is told. A context manager on the running loop."""

    def __init__(self) -> None:
        self.port = free_port()
        self.greeting = "* OK ready"
        self.capabilities = "IMAP4rev1"
        self.mails: dict[int, bytes] = {}
        self.uidvalidity = 7
        self.permanent_flags = r"\Seen \*"
        self.answers: dict[str, str | None] = {}
        """What is answered to commands that begin so, in place of the usual: ``TAG`` stands for the tag;
        None ends the connection."""
        self.once: dict[str, str | None] = {}
        """The same, only the next time."""
        self.commands: list[str] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    def count(self, command: str) -> int:
        """Return how many commands began so."""
        return sum(one.startswith(command) for one in self.commands)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        writer.write(f"{self.greeting}\r\n".encode())
        with suppress(OSError, ValueError):
            while line := (await reader.readline()).decode():
                tag, _, command = line.strip().partition(" ")
                self.commands.append(command)
                answer = self._answer(command)
                if answer is None:
                    break
                writer.write(answer.replace(b"TAG", tag.encode()))
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def _answer(self, command: str) -> bytes | None:
        for script in (self.once, self.answers):
            for begin in list(script):
                if command.startswith(begin):
                    said = script.pop(begin) if script is self.once else script[begin]
                    return None if said is None else said.encode("latin-1")
        done = b"TAG OK done\r\n"
        if command == "CAPABILITY":
            return f"* CAPABILITY {self.capabilities}\r\n".encode() + done
        if command.startswith(("SELECT", "EXAMINE")):
            return self._opened() + done
        if command.startswith("UID SEARCH"):
            return self._search(command) + done
        if command.startswith("UID FETCH"):
            return self._fetch(command) + done
        return done

    def _opened(self) -> bytes:
        return (
            f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY {self.uidvalidity}] ok\r\n"
            f"* OK [UIDNEXT {max(self.mails, default=0) + 1}] ok\r\n"
            f"* OK [PERMANENTFLAGS ({self.permanent_flags})] ok\r\n"
        ).encode()

    def _search(self, command: str) -> bytes:
        first, star = re.findall(r"(\d+)(:\*)?", command)[0]
        last = max(self.mails, default=0)
        if star:
            found = [uid for uid in self.mails if uid >= int(first) or uid == last]
        else:
            found = [uid for uid in self.mails if uid == int(first)]
        return f"* SEARCH {' '.join(map(str, found))}\r\n".encode()

    def _fetch(self, command: str) -> bytes:
        numbers = [int(one) for one in command.split()[2].split(",")]
        said = b""
        for place, uid in enumerate(sorted(self.mails), start=1):
            if uid not in numbers:
                continue
            raw = self.mails[uid]
            if "BODY.PEEK[]" in command:
                said += b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (place, uid, len(raw), raw)
            else:
                facts = (
                    f'UID {uid} RFC822.SIZE {len(raw)} INTERNALDATE "22-Nov-2026 10:00:00 +0300"'
                )
                said += f"* {place} FETCH ({facts} FLAGS ())\r\n".encode()
        return said
