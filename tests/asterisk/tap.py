"""Between a driver and ARI: passes everything on, and notes it in the order in which it went by.

Events of an application go to one connection only, so whoever wants to see them has to stand in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, WSMsgType, web

Note = dict[str, Any]
"""``{"event": …}``, or ``{"request": "POST /channels", "query", "status", "answer"}``."""


class Tap:
    """A proxy on loopback; `url` is what the driver is given."""

    def __init__(self, switch_url: str) -> None:
        self.notes: list[Note] = []
        self.url = ""
        self._switch_url = switch_url
        self._http: ClientSession
        self._streams: set[web.WebSocketResponse] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Tap]:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{path:.*}", self._ask)
        runner = web.AppRunner(app, shutdown_timeout=0.5, access_log=None)
        async with ClientSession() as self._http:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield self
            finally:
                await self.disconnect()
                await runner.cleanup()

    async def disconnect(self) -> None:
        """Cut the driver off from its events; it may come back at once."""
        for stream in list(self._streams):
            await stream.close()

    @property
    def originates(self) -> int:
        """How often a phone was asked to be rung."""
        return sum(note.get("request") == "POST /channels" for note in self.notes)

    async def _ask(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/ari")
        headers = {"authorization": request.headers["authorization"]}
        if "content-type" in request.headers:
            headers["content-type"] = request.headers["content-type"]
        async with self._http.request(
            request.method,
            f"{self._switch_url}{request.raw_path}",
            headers=headers,
            data=await request.read(),
        ) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json" and body
            said = await answer.json() if is_json else None
            self.notes.append(
                {
                    "request": f"{request.method} {path}",
                    "query": dict(request.query),
                    "status": answer.status,
                    "answer": said,
                }
            )
            return web.Response(status=answer.status, body=body, content_type=answer.content_type)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        url = f"{self._switch_url}{request.raw_path}"
        headers = {"authorization": request.headers["authorization"]}
        async with self._http.ws_connect(url, headers=headers) as switch:
            stream = web.WebSocketResponse()
            await stream.prepare(request)
            self._streams.add(stream)
            listening = asyncio.create_task(_drain(stream))
            listening.add_done_callback(lambda _: asyncio.ensure_future(switch.close()))
            try:
                async for message in switch:
                    if message.type is WSMsgType.TEXT and not stream.closed:
                        self.notes.append({"event": message.json()})
                        await stream.send_str(message.data)
            finally:
                self._streams.discard(stream)
                await stream.close()
                listening.cancel()
        return stream


async def _drain(stream: web.WebSocketResponse) -> None:
    """Read until the driver has gone: it says nothing there."""
    async for _ in stream:
        pass
