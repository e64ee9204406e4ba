"""A receiver of webhooks on loopback that remembers what it got and answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from omnigate.testing.server import serve_app


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names compare without case."""
    body: bytes


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class LoopbackReceiver:
    """Answers 204 until told otherwise."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    _answer: Answer | None = None
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(
        self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer every request from now on like this."""

        async def reply(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=body, headers=headers)

        self._answer = reply

    def answer_with(self, reply: Answer) -> None:
        """Let a function answer every request from now on."""
        self._answer = reply

    async def wait_for(self, count: int, *, timeout_seconds: float = 5.0) -> list[Received]:
        """Return the requests once there are this many; raises ``TimeoutError``."""
        async with asyncio.timeout(timeout_seconds):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(
            Received(request.method, request.path, request.headers.copy(), await request.read())
        )
        self._arrived.set()
        return await self._answer(request) if self._answer else web.Response(status=204)


@asynccontextmanager
async def loopback_receiver() -> AsyncIterator[LoopbackReceiver]:
    """Run a receiver on a free port of 127.0.0.1."""
    receiver = LoopbackReceiver()
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", receiver._handle)  # noqa: SLF001  # this module's own
    async with serve_app(app) as address:
        receiver.url = f"{address}/hook"
        yield receiver
