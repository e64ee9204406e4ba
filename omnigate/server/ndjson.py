"""Answers of many JSON objects, one a line, for what is too long or takes too long to be told at once."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web
from pydantic_core import to_json

CONTENT_TYPE: Final = "application/x-ndjson"
WRITE_SECONDS: Final = 30.0
"""How long a reader may leave what it was sent; then it is cut off."""


class Lines:
    """An answer that goes on, line by line."""

    def __init__(self, response: web.StreamResponse) -> None:
        self.response = response

    @classmethod
    async def begin(cls, request: web.Request) -> Lines:
        """Send the head of the answer."""
        response = web.StreamResponse(
            headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        return cls(response)

    async def write(self, *items: Any) -> None:
        """Send objects; raises ``ConnectionResetError`` when nobody takes them."""
        await self.write_text("".join(f"{to_json(item).decode()}\n" for item in items))

    async def write_text(self, text: str) -> None:
        """Send lines that are JSON already; raises ``ConnectionResetError`` when nobody takes them."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self.response.write(text.encode())
        except TimeoutError:
            raise ConnectionResetError("the reader has stopped reading") from None
