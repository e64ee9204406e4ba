"""Server-sent events, as far as the demo's pages need them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from aiohttp import web


async def stream(request: web.Request, lines: AsyncGenerator[str, None]) -> web.StreamResponse:
    """Send each item as it comes, each with its own ``id:`` and ``data:``, until the page is closed."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    # A page that was closed shows itself only when something is written to it.
    with suppress(ConnectionResetError):
        await response.write(b"retry: 1000\n\n")
        async with aclosing(lines) as each:
            async for line in each:
                await response.write(f"{line}\n\n".encode())
    return response
