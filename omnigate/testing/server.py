"""Serve a channel's endpoints on loopback with the answers that the daemon gives."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from pydantic import ValidationError

import omnigate
from omnigate.complaints import complaints, unreadable
from omnigate.testing.hosts import FakeHost

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(channel: omnigate.Channel, host: FakeHost) -> AsyncIterator[str]:
    """Serve the channel; gives the address below which its paths are, without a slash at the end."""
    host.channel = channel
    prefix = f"/channels/{host.name}"
    app = web.Application(middlewares=[_answer_errors])
    for route in channel.routes():
        app.router.add_route(
            route.method,
            prefix + route.path,
            _capped(route.handler, route.max_body_bytes, route.stream, route.admit),
        )
    if isinstance(channel, omnigate.WebhookChannel):
        hook = _capped(_hook(channel, host), channel.max_body_bytes, stream=False)
        app.router.add_route("POST", f"{prefix}/hook", hook)
        app.router.add_get(f"{prefix}/hook", hook)
    async with serve_app(app) as address:
        yield address + prefix


@asynccontextmanager
async def serve_app(app: web.Application) -> AsyncIterator[str]:
    """Serve any aiohttp application on a free loopback port; gives ``http://127.0.0.1:port``."""
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def problem(status: int, detail: str, **more: Any) -> web.Response:
    """Return an error in the form of RFC 9457."""
    body = {"type": "about:blank", "status": status, "detail": detail, **more}
    return web.json_response(body, status=status, content_type="application/problem+json")


def _capped(
    handler: Handler,
    limit_bytes: int,
    stream: bool,
    admit: Callable[[web.Request], None] | None = None,
) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if admit is not None:
            admit(request)
        if stream:
            return await handler(request)
        request = request.clone(client_max_size=limit_bytes)
        await request.read()  # raises 413
        return await handler(request)

    return handle


def _hook(channel: omnigate.WebhookChannel, host: FakeHost) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        given = omnigate.Request(
            method=request.method,
            path="/hook",
            query=request.query,
            headers=request.headers,
            body=await request.read(),
            remote=request.remote,
            received_at_seconds=time.time(),
        )
        channel.authenticate(given)
        if (greeting := await channel.handshake(given)) is not None:
            return _answer(greeting)
        try:
            items = channel.parse(given)
        except omnigate.BadPayload as error:
            host.log.warning("quarantined", reason=str(error))
            items = None
        if items:
            await host.put(*items)
        if items is not None:
            channel.stored(given)
        return _answer(channel.reply(given))

    return handle


def _answer(said: omnigate.Response) -> web.Response:
    return web.Response(
        status=said.status,
        body=said.body,
        content_type=said.content_type,
        headers=said.headers,
    )


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except omnigate.Unauthorized:
        return web.Response(status=401)
    except omnigate.BadPayload as error:
        return problem(422, str(error))
    except ValidationError as error:
        if (why := unreadable(error)) is not None:
            return problem(400, f"the body is not JSON: {why}")
        errors = [mistake._asdict() for mistake in complaints(error)]
        return problem(422, "the body is not as described", errors=errors)
    except web.HTTPRequestEntityTooLarge:
        return problem(413, "the body is too large")
    except (omnigate.Overloaded, omnigate.StoreError):
        answer = problem(503, "nothing was stored; try again")
        answer.headers["retry-after"] = "1"
        return answer
