"""Server-sent events: an answer that goes on. Source: HTML Living Standard, section 9.2."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

HEARTBEAT_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 30.0
"""How long a reader of the stream may leave what it was sent; then it is cut off."""


class Reader:
    """Somebody who reads the stream."""

    def __init__(self, response: web.StreamResponse) -> None:
        self.response = response
        self._wrote_at = asyncio.get_running_loop().time()

    @classmethod
    async def begin(cls, request: web.Request) -> Reader:
        """Send the head of the answer."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                # Proxies that collect answers would hold events back.
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        reader = cls(response)
        await reader.write(": omnigate\n\n")
        return reader

    async def beat(self) -> None:
        """Send a comment if nothing was sent for long, so that a dead connection is noticed."""
        if asyncio.get_running_loop().time() - self._wrote_at >= HEARTBEAT_SECONDS:
            await self.write(":\n\n")

    async def write(self, text: str) -> None:
        """Send text; raises ``ConnectionResetError`` when nobody takes it."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self.response.write(text.encode())
        except TimeoutError:
            raise ConnectionResetError("the reader of the stream has stopped reading") from None
        self._wrote_at = asyncio.get_running_loop().time()
