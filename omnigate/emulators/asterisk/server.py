"""The emulated switch as a server: it starts and ends, knows who may ask, and fails when told to."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from omnigate.emulators.asterisk.extension import Habit
from omnigate.emulators.asterisk.phone import Phone
from omnigate.emulators.asterisk.routes import Routes, refused
from omnigate.emulators.asterisk.switch import Switch
from omnigate.emulators.changes import Changes
from omnigate.emulators.faults import Fault, Faults

HOST: Final = "127.0.0.1"
_LINGER_SECONDS: Final = 0.2

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AsteriskEmulator:
    """One Asterisk with its REST interface; ``user`` and ``password`` are those of its ari.conf.

    A password is made up where none is given. ``faults`` are by method and path of a request, such as
    ``POST /channels``.
    """

    def __init__(self, user: str = "omnigate", password: str | None = None, port: int = 0) -> None:
        self.switch = Switch()
        self.user = user
        self.password = password or secrets.token_hex(16)
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        """Method and path below /ari of everything that was to change something."""
        self.url = ""
        self._port = port
        self._login = base64.b64encode(f"{user}:{self.password}".encode()).decode()
        self._runner: web.AppRunner | None = None

    @property
    def changes(self) -> Changes:
        """Rung whenever something changes."""
        return self.switch.changes

    def add_phone(self, endpoint: str, habit: Habit = "by_hand") -> Phone:
        """Connect a phone; ``*`` in the endpoint stands for any name or number: PJSIP/*@trunk."""
        phone = Phone(self.switch, endpoint, habit)
        self.switch.phones.append(phone)
        return phone

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def restart(self) -> None:
        """Go down with all calls, and come back at the same place."""
        await self._end()
        await self._begin()

    async def _begin(self) -> None:
        app = web.Application(middlewares=[self._guard])
        app.add_routes(Routes(self.switch).table())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LINGER_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://{HOST}:{self._port}"

    async def _end(self) -> None:
        self.switch.die()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Basic {self._login}".encode()):
            return refused(401, "Authentication required")
        path = request.path.removeprefix("/ari")
        if request.method != "GET":
            self.requests.append((request.method, path))
        fault = self.faults.take(f"{request.method} {path}")
        if fault is None:
            return await handler(request)
        return await _spoiled(fault, request, handler)


async def _spoiled(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request meet its fault; raises ``ConnectionResetError`` where no answer comes."""
    await asyncio.sleep(fault.delay_seconds)
    if fault.before:
        if fault.status is not None or fault.error is not None:
            return refused(fault.status or fault.error or 500, fault.description or "scripted")
    else:
        answer = await handler(request)
        if fault.cut is None and fault.hang is None:
            return web.Response(body=fault.body) if fault.body is not None else answer
    if fault.hang is not None:
        await asyncio.Event().wait()
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError
