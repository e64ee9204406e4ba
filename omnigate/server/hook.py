"""``/channels/{name}/hook``: authenticate → parse → store → reply, for channels that only parse."""

from __future__ import annotations

import time

import structlog
from aiohttp import web

from omnigate.channel import WebhookChannel
from omnigate.flow.contained import contained
from omnigate.flow.parsing import HOOK, kept_of, parsed
from omnigate.request import Request, Response
from omnigate.server.bodies import Handler
from omnigate.server.services import RunningChannel, Services
from omnigate.store.quarantined import Puzzle

log = structlog.get_logger("server")


def hook(services: Services, runner: RunningChannel, channel: WebhookChannel) -> Handler:
    """Return the handler of one channel's hook.

    The success answer goes out only after the items are on disk. What is authentic and not understood
    is kept raw and answered as a success, or the platform would send it again for ever.
    """
    shakes_hands = type(channel).handshake is not WebhookChannel.handshake

    async def handle(request: web.Request) -> web.StreamResponse:
        given = Request(
            method=request.method,
            path=HOOK,
            query=request.query,
            headers=request.headers,
            body=await request.read(),
            remote=request.remote,
            received_at_seconds=time.time(),
        )
        with contained:
            channel.authenticate(given)
        if shakes_hands:
            with contained:
                answer = await channel.handshake(given)
            if answer is not None:
                return _answer(answer)
        items, reason = parsed(runner.name, channel.parse, given)
        if reason is not None:
            log.warning("quarantined", channel=runner.name, reason=reason)
            puzzle = Puzzle(runner.name, reason, kept_of(given), given.body, request.query_string)
            await services.inbox.quarantine(puzzle)
        if items:
            await services.inbox.put(runner.key, items)
        if reason is None:
            _tell(channel, given)
        with contained:
            return _answer(channel.reply(given))

    return handle


def _tell(channel: WebhookChannel, given: Request) -> None:
    """Have the channel hear that a request is on disk; what it makes of that changes no answer."""
    try:
        with contained:
            channel.stored(given)
    except Exception as error:
        log.error("stored failed", channel=channel.host.name, exc_info=error)


def _answer(said: Response) -> web.Response:
    return web.Response(
        status=said.status,
        body=said.body,
        content_type=said.content_type,
        headers=said.headers,
    )
