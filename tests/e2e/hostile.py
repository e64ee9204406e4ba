"""A receiver that does everything wrong on purpose, one way for each path."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.e2e.apart import cut_all, end

MEGABYTE = 1024 * 1024
MOST_BYTES = 300 * MEGABYTE
"""What is sent of something endless or huge: enough to be seen, too little to harm the machine."""

Answer = Callable[[], AsyncIterator[bytes]]
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(slots=True)
class Visit:
    """One connection with one request."""

    name: str
    began: float
    ended: float | None = None
    sent_bytes: int = 0

    @property
    def seconds(self) -> float:
        """How long the visitor stayed."""
        return (self.ended or time.monotonic()) - self.began


async def flood(piece: bytes) -> AsyncIterator[bytes]:
    """Send the same again and again, as fast as it is taken."""
    block = piece * max(1, 65536 // len(piece))
    for _ in range(MOST_BYTES // len(block)):
        yield block


async def trickle(piece: bytes) -> AsyncIterator[bytes]:
    """Send one byte after the other, for ever."""
    while True:
        for number in range(len(piece)):
            yield piece[number : number + 1]
            await asyncio.sleep(0.1)


async def silence() -> AsyncIterator[bytes]:
    """Say nothing, and keep the connection."""
    yield b""
    await asyncio.Event().wait()


async def after(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Begin well."""
    yield head
    async for block in rest:
        yield block


FAILS: dict[str, Answer] = {
    "silent": silence,
    "slow-status": lambda: trickle(b"HTTP/1.1 200 OK"),
    "slow-headers": lambda: after(OK, trickle(b"x-a: b\r\n")),
    "slow-body": lambda: after(OK + b"content-length: 1000\r\n\r\n", trickle(b"x")),
    "slow-chunks": lambda: after(
        OK + b"transfer-encoding: chunked\r\n\r\n", trickle(b"1\r\nx\r\n")
    ),
    "half-a-body": lambda: after(OK + b"content-length: 1000\r\n\r\nhalf", silence()),
    "huge-header": lambda: after(OK + b"x-a: ", flood(b"x")),
    "endless-headers": lambda: after(OK, flood(b"x-a: b\r\n")),
    "endless-reason": lambda: after(b"HTTP/1.1 200 ", flood(b"O")),
    "endless-continue": lambda: flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless-trailers": lambda: after(
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\n", flood(b"x-a: b\r\n")
    ),
    "endless-chunk-name": lambda: after(OK + b"transfer-encoding: chunked\r\n\r\n1;", flood(b"x")),
    "no-http": lambda: flood(b"\x00\xff\x80 220 smtp.example ESMTP\r\n"),
    "huge-error": lambda: after(
        b"HTTP/1.1 500 No\r\ncontent-length: 1073741824\r\n\r\n", flood(b"x")
    ),
    "endless-error": lambda: after(
        b"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n",
        flood(b"400\r\n%s\r\n" % (b"x" * 1024)),
    ),
    "two-lengths": lambda: after(
        OK + b"content-length: 5\r\ncontent-length: 50\r\n\r\nhello", silence()
    ),
}
"""What is no answer, or not a good one."""
TAKEN: dict[str, Answer] = {
    "huge-body": lambda: after(OK + b"content-length: 1073741824\r\n\r\n", flood(b"x")),
    "endless-body": lambda: after(OK + b"\r\n", flood(b"x")),
    "endless-chunks": lambda: after(
        OK + b"transfer-encoding: chunked\r\n\r\n", flood(b"400\r\n%s\r\n" % (b"x" * 1024))
    ),
    "early-hints": lambda: after(
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + OK + b"content-length: 0\r\n\r\n", silence()
    ),
    "packed-body": lambda: after(
        OK + b"content-encoding: gzip\r\ncontent-length: 1073741824\r\n\r\n", flood(b"\x00")
    ),
}
"""A 2xx settles the delivery, however silly the rest is."""


class HostileReceiver:
    """Serves in a thread of its own; `visits` says who came, and how long they stayed."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result(10)
        self._server = server
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def of(self, name: str) -> list[Visit]:
        """Return the visits to one path."""
        return [visit for visit in list(self.visits) if visit.name == name]

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        end(self._loop, self._thread)

    async def _end(self) -> None:
        self._server.close()
        await cut_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._receive(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        name = head.split(b" ", 2)[1].decode().strip("/")
        visit = Visit(name, time.monotonic())
        self.visits.append(visit)
        try:
            if name == "reset":
                self._reset(writer)
            else:
                await self._answer((FAILS | TAKEN)[name], visit, reader, writer)
        finally:
            visit.ended = time.monotonic()

    async def _answer(
        self,
        answer: Answer,
        visit: Visit,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        speaking = asyncio.create_task(self._speak(answer, visit, writer))
        gone = asyncio.create_task(self._until_gone(reader))
        tasks = (speaking, gone)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done() and speaking.exception() is None:
                await asyncio.wait([gone], timeout=30)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _speak(self, answer: Answer, visit: Visit, writer: asyncio.StreamWriter) -> None:
        async for block in answer():
            writer.write(block)
            await writer.drain()
            visit.sent_bytes += len(block)

    async def _until_gone(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while await reader.read(65536):
                pass

    @staticmethod
    def _reset(writer: asyncio.StreamWriter) -> None:
        """Have the kernel send RST."""
        plug = writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
