"""Between the driver and the manager interface: all that goes by is passed on and noted.

A switch tells each session only what it asked for itself, so whoever wants to see that has to stand in
between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

Note = Mapping[str, Mapping[str, str]]
"""``{"action": …}`` of the driver, or ``{"answer": …}`` or ``{"event": …}`` of the switch, as they were."""
_CHUNK_BYTES = 65_536
_BLANK_LINE = b"\r\n\r\n"


class ManagerTap:
    """A proxy on loopback; `port` is what the driver is given."""

    def __init__(self, switch_port: int) -> None:
        self.notes: list[Note] = []
        self.port = 0
        self._switch_port = switch_port

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ManagerTap]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    def events(self, kind: str) -> list[Mapping[str, str]]:
        """Return the events of a kind."""
        told = [note["event"] for note in self.notes if "event" in note]
        return [each for each in told if each["Event"] == kind]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_switch, to_switch = await asyncio.open_connection("127.0.0.1", self._switch_port)
        with suppress(OSError):
            await asyncio.gather(
                self._pass_on(reader, to_switch), self._pass_on(from_switch, writer)
            )

    async def _pass_on(self, here: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        left = b""
        try:
            while chunk := await here.read(_CHUNK_BYTES):
                there.write(chunk)
                *blocks, left = (left + chunk).split(_BLANK_LINE)
                self.notes += [_note(block) for block in blocks]
        finally:
            there.close()


def _note(block: bytes) -> Note:
    lines = [line for line in block.decode().splitlines() if ": " in line or line.endswith(":")]
    fields = {line.partition(":")[0]: line.partition(":")[2].strip() for line in lines}
    if "Action" in fields:
        return {"action": fields}
    return {"event" if "Event" in fields else "answer": fields}
