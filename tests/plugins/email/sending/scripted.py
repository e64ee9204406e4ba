"""A mail server that answers, stalls and hangs up by a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

DROP, STALL, DEAF = "(drop)", "(stall)", "(deaf)"
"""In place of a reply: close the connection, say nothing any more, or do not even read the mail."""

DEFAULTS = {
    "(greeting)": "220 mail.test ESMTP",
    "EHLO": "250-mail.test\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER",
    "HELO": "250 mail.test",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "(mail)": "250 2.0.0 queued as 4XyZ",
    "RSET": "250 2.0.0 forgotten",
    "NOOP": "250 2.0.0 here",
    "QUIT": "221 2.0.0 bye",
}


class Scripted:
    """What a server is to say, by the first word of what it hears, and what it has heard.

    A reply may be a list: the next one each time, the last one from then on.
    """

    def __init__(self, script: Mapping[str, str | list[str]]) -> None:
        self._script = {**DEFAULTS, **script}
        self._said: dict[str, int] = {}
        self.port = 0
        self.connections = 0
        self.open = 0
        self.lines: list[str] = []
        self.mails: list[bytes] = []
        self.tasks: list[Any] = []

    def _reply(self, word: str) -> str:
        reply = self._script.get(word, "502 5.5.2 what?")
        if isinstance(reply, str):
            return reply
        number = self._said[word] = self._said.get(word, 0) + 1
        return reply[min(number, len(reply)) - 1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.current_task())
        self.connections += 1
        self.open += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side hung up, or the test is over
        finally:
            self.open -= 1
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say("(greeting)", reader, writer):
            return
        while line := await reader.readline():
            said = line.decode("utf-8", "replace").rstrip("\r\n")
            self.lines.append(said)
            word = said.split(" ")[0].upper()
            reply = self._reply(word)
            if word == "DATA" and reply.startswith("354"):
                writer.write(reply.encode() + b"\r\n")
                if self._script["(mail)"] == DEAF:
                    writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads, too
                    await asyncio.Event().wait()
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                word = "(mail)"
                reply = self._reply(word)
            if not await self._say(word, reader, writer, reply):
                return
            if word == "QUIT":
                return

    async def _say(
        self,
        word: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        reply: str | None = None,
    ) -> bool:
        reply = reply or self._reply(word)
        if reply == DROP:
            return False
        if reply == STALL:
            await reader.read()  # until the other side gives up
            return False
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return not reply.startswith("421")


@asynccontextmanager
async def scripted(**script: str | list[str]) -> AsyncIterator[Scripted]:
    """Serve while the block runs; ``greeting`` and ``mail`` name what stands in brackets."""
    named = {f"({key})" if key.islower() else key: value for key, value in script.items()}
    served = Scripted(named)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, limit=2**26)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in served.tasks:
            task.cancel()
        await asyncio.gather(*served.tasks)
