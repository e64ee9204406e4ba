"""Reading what callers send: under a size cap, a deadline, a minimum rate and in bounded memory.

The framework cuts slow headers but waits for ever for a slow body. `Watch` looks at what has arrived
and, when that is too little or too late, makes the body's reader raise `BodyTooSlow`, whoever reads.
Bodies are read before anybody can be asked for a proof, so all of them together get `Room` and no more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from omnigate.errors import Overloaded

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DEFAULT_MAX_BYTES: Final = 1024 * 1024
"""The application-wide cap: what a handler reads without having asked for more."""

MIN_BYTES_PER_SECOND: Final = 256
"""Slower than any telephone line; judged over windows of `WINDOW_SECONDS`."""
STEADY_BYTES_PER_SECOND: Final = 32 * 1024
"""A large file over a thin line: at this rate on average it may go on beyond the deadline."""
WINDOW_SECONDS: Final = 10.0
ROOM_BYTES: Final = 128 * 1024 * 1024
"""What all bodies that are being read may come to, beside what every connection has anyway."""
_SMALL_BYTES: Final = 64 * 1024
"""Bodies up to this need no room: the framework takes in as much by itself."""


class BodyTooSlow(TimeoutError):
    """The body did not come in time: 408. (The framework ends a connection quietly on time-outs.)"""


class Room:
    """Memory for the bodies that are being read; who finds none waits in turn.

    While one waits, nothing more of its body is taken from the network.
    """

    def __init__(self, limit_bytes: int = ROOM_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._free_bytes = limit_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def of(self, size_bytes: int, wait_seconds: float) -> AsyncIterator[None]:
        """Hold so much within the block; raises `Overloaded` when there is none in time."""
        size_bytes = min(size_bytes, self._limit_bytes)
        await self._take(size_bytes, wait_seconds)
        try:
            yield
        finally:
            self._free_bytes += size_bytes
            self._let_in()

    async def _take(self, size_bytes: int, wait_seconds: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        place = (size_bytes, turn)
        self._waiting.append(place)
        self._let_in()
        try:
            async with asyncio.timeout(wait_seconds):
                await turn
        except TimeoutError:
            self._give_up(place)
            raise Overloaded("too many large bodies at once", retry_after_seconds=5) from None
        except asyncio.CancelledError:
            self._give_up(place)
            raise

    def _give_up(self, place: tuple[int, asyncio.Future[None]]) -> None:
        size_bytes, turn = place
        if place in self._waiting:
            self._waiting.remove(place)
        elif not turn.cancelled():
            self._free_bytes += size_bytes
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free_bytes:
            size_bytes, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free_bytes -= size_bytes
                turn.set_result(None)


class Watch:
    """Watches over the body of one request while a handler reads it."""

    def __init__(self, request: web.Request, deadline_seconds: float) -> None:
        self._content = request.content
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._ends_at = self._began_at + deadline_seconds
        self._window_seconds = min(WINDOW_SECONDS, deadline_seconds)
        self._seen_bytes = self._content.total_bytes
        self._looked_at = self._began_at
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._schedule()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        now = self._loop.time()
        in_time = now + self._window_seconds
        if now < self._ends_at:
            in_time = min(in_time, self._ends_at)
        self._looked_at = now
        self._timer = self._loop.call_at(in_time, self._look)

    def _look(self) -> None:
        if self._content.is_eof():
            return
        arrived = self._content.total_bytes - self._seen_bytes
        self._seen_bytes += arrived
        now = self._loop.time()
        wanted = MIN_BYTES_PER_SECOND * (now - self._looked_at)
        steady = self._seen_bytes >= STEADY_BYTES_PER_SECOND * (now - self._began_at)
        if arrived < wanted or (now >= self._ends_at and not steady):
            self._content.set_exception(BodyTooSlow("the body came too slowly"))
            return
        self._schedule()


def capped(request: web.Request, limit_bytes: int, *, stream: bool = False) -> web.Request:
    """Return the request with its cap in force; raises 413 for a length that is over it.

    A declared length within the cap needs nothing more: the parser ends the body there.
    """
    length = request.content_length
    if length is not None and length > limit_bytes:
        raise web.HTTPRequestEntityTooLarge(limit_bytes, length)
    if stream or length is None or length > DEFAULT_MAX_BYTES:
        if request.content.is_eof() and not request.body_exists:
            return request
        return request.clone(client_max_size=limit_bytes)
    return request


def bounded(
    handler: Handler,
    limit_bytes: int,
    *,
    room: Room,
    deadline_seconds: float,
    stream: bool = False,
) -> Handler:
    """Wrap a handler so that reading the body in it never waits, within the limits.

    With ``stream`` it reads the body itself, still under the cap and the deadline.
    """

    async def with_body(request: web.Request) -> web.StreamResponse:
        with Watch(request, deadline_seconds):
            await _read(request)
        return await handler(request)

    async def handle(request: web.Request) -> web.StreamResponse:
        request = capped(request, limit_bytes, stream=stream)
        if request.content.is_eof():
            # All of it has arrived: nothing to watch, and reading it will not wait.
            return await handler(request)
        if stream:
            with Watch(request, deadline_seconds):
                return await handler(request)
        length = request.content_length
        size_bytes = limit_bytes if length is None else length
        if size_bytes <= _SMALL_BYTES:
            return await with_body(request)
        async with room.of(size_bytes, deadline_seconds):
            return await with_body(request)

    return handle


async def _read(request: web.Request) -> None:
    try:
        await request.read()
    except (OSError, TimeoutError, HttpProcessingError, web.RequestPayloadError) as error:
        # The reader keeps its error, and the error's traceback what had arrived: a circle that would
        # hold megabytes until the collector comes by.
        raise error.with_traceback(None) from None
