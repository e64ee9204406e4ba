"""A provider that answers what it is told to, and then hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Provider:
    """A provider that answers so many requests, and hangs up on the next instead of answering it."""

    def __init__(self, answers: list[bytes]) -> None:
        self.requests: list[bytes] = []
        self.url = ""
        self._answers = answers

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                if not self._answers:
                    return
                writer.write(self._answers.pop(0))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # who asks has hung up
        finally:
            writer.close()


@asynccontextmanager
async def provider(*answers: bytes) -> AsyncIterator[Provider]:
    there = Provider(list(answers))
    server = await asyncio.start_server(there.talk, "127.0.0.1", 0)
    there.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/send?key=canary"
    try:
        yield there
    finally:
        server.close()
