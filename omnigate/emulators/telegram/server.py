"""The Bot API over HTTP, and the life of the emulator.

Source: fact sheet, section 1; HttpConnection and ClientManager of the published server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Self

from aiohttp import web

from omnigate.emulators.faults import Fault, Faults
from omnigate.emulators.telegram.arguments import Arguments, as_text, read_arguments
from omnigate.emulators.telegram.errors import Refused
from omnigate.emulators.telegram.groups import Group
from omnigate.emulators.telegram.internet import Internet
from omnigate.emulators.telegram.limits import LOCAL_UPLOAD_BYTES, UPLOAD_BYTES
from omnigate.emulators.telegram.methods import BY_LOWER_NAME, METHODS
from omnigate.emulators.telegram.model import Bot, Call, ChatType
from omnigate.emulators.telegram.pace import Pace
from omnigate.emulators.telegram.people import Person
from omnigate.emulators.telegram.query import Query, Said
from omnigate.emulators.telegram.rates import Rates
from omnigate.emulators.telegram.receiver import Receiver
from omnigate.emulators.telegram.world import World

_OVERHEAD_BYTES = 1024 * 1024
_HANG_SECONDS = 600.0


class TelegramEmulator:
    """Telegram on a loopback port: use it as an asynchronous context manager.

    Guarantees: the same seed, clock and calls give the same ids, tokens and updates. Everything is
    refused that the fact sheet says the platform refuses. Nothing outside loopback is reached.

    Args:
        seed: of every id and token
        clock: Unix seconds; may be set ahead by a test
        speed: seconds of the platform that pass in one, for whoever waits in it
        local: be a Bot API server of one's own, with plain HTTP webhooks and no limit on downloads
        rates: refuse too many messages, as the platform's guidance says
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        speed: float = 1.0,
        local: bool = False,
        rates: Rates | None = None,
    ) -> None:
        self.world = World(Random(seed), clock, local=local)
        self.internet = Internet()
        self.url = ""
        self._pace = Pace(speed)
        self._rates = rates
        self._receivers: dict[int, Receiver] = {}
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self._folder: TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> Self:
        limit = LOCAL_UPLOAD_BYTES if self.world.local else UPLOAD_BYTES
        if self.world.local:
            self._folder = TemporaryDirectory(prefix="telegram-files-")
            self.world.files.folder = Path(self._folder.name)
        app = web.Application(client_max_size=limit + _OVERHEAD_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, handle_signals=False, shutdown_timeout=3.0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        for receiver in self._receivers.values():
            await receiver.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.internet.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def faults(self) -> Faults:
        """What will go wrong; requests to webhooks go by the method ``webhook``."""
        return self.world.faults

    def add_bot(
        self, username: str = "shop_bot", first_name: str = "Shop", *, reads_groups: bool = False
    ) -> Bot:
        """Make a bot, as BotFather does; ``reads_groups`` turns its privacy mode off."""
        bot = self.world.add_bot(username, first_name, reads_groups=reads_groups)

        async def execute(call: Mapping[str, Any]) -> None:
            texts = {name: as_text(value) for name, value in call.items() if name != "method"}
            with suppress(Refused):
                await self._execute(bot, call["method"], Arguments(texts))

        self._receivers[bot.id] = Receiver(self.world, bot, self.internet, self._pace, execute)
        return bot

    def revoke(self, bot: Bot) -> None:
        """Make the token worthless, as BotFather does when asked for a new one."""
        bot.revoked = True

    def person(self, first_name: str = "Анна", **fields: Any) -> Person:
        """Make a person; ``fields`` are those of a user: ``username``, ``language_code``, …"""
        return Person(self.world, self.world.add_user(first_name=first_name, **fields))

    def group(
        self,
        title: str = "Покупатели",
        *,
        kind: ChatType = "group",
        username: str = "",
        is_forum: bool = False,
    ) -> Group:
        """Make a group, a supergroup or a channel with nobody in it."""
        chat = self.world.add_group(kind, title, username, is_forum=is_forum)
        return Group(self.world, chat)

    def receiver(self, bot: Bot) -> Receiver:
        """Return how a bot hears of its updates: whether it polls, what its webhook was sent."""
        return self._receivers[bot.id]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            token, rest = _split_path(request.path)
            if request.path.startswith("/file/"):
                bot = self._authorize(token)
                return web.Response(body=self.world.files.read(bot.id, rest))
            return await self._call(request, self._authorize(token), rest)
        except Refused as refused:
            return _reply(refused.code, refused.envelope())
        except web.HTTPRequestEntityTooLarge:
            return _reply(413, Refused(413).envelope())

    def _authorize(self, token: str) -> Bot:
        bot = self.world.bots.get(token)
        if bot is None and (":" not in token or token.startswith("0") or len(token) > 80):
            # A published server says 401 itself; in front of the cloud such a path leads nowhere.
            raise Refused(401, "invalid token specified") if self.world.local else Refused(404)
        if bot is None or bot.revoked:
            raise Refused(401)
        if self.world.clock() < bot.revoked_until:
            raise Refused(400, "Logged out", exactly=True)
        return bot

    async def _call(self, request: web.Request, bot: Bot, path: str) -> web.StreamResponse:
        arguments = await read_arguments(request)
        method = BY_LOWER_NAME.get(path.strip("/").lower(), path)
        fault = self.faults.take(method, _chat_of(arguments))
        if fault is not None and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault is not None and fault.before:
            return await self._spoil(
                request, Call(method, *_said(arguments), self._now(), None, {}), bot, fault
            )
        status, answer = await self._answer(bot, method, arguments)
        lost = fault is not None and bool(fault.hang or fault.cut)
        noted = None if lost else status
        self._note(bot, Call(method, *_said(arguments), self._now(), noted, answer))
        if fault is not None and lost:
            await self._lose(request, fault)
        if fault is not None and fault.body is not None:
            return web.Response(body=fault.body, content_type="application/json")
        return _reply(status, answer)

    async def _answer(
        self, bot: Bot, method: str, arguments: Arguments
    ) -> tuple[int, dict[str, Any]]:
        try:
            said = await self._execute(bot, method, arguments)
        except Refused as refused:
            return refused.code, refused.envelope()
        if isinstance(said, Said):
            return 200, {"ok": True, "result": said.result, "description": said.description}
        return 200, {"ok": True, "result": said}

    async def _execute(self, bot: Bot, name: str, arguments: Arguments) -> Any:
        method = METHODS.get(BY_LOWER_NAME.get(name.lower(), ""))
        if method is None:
            raise Refused(404, "method not found")
        if self._rates is not None and name.startswith(("send", "copy", "forward")):
            self._rates.spend(bot.id, arguments.text("chat_id"), self.world.clock())
        receiver = self._receivers[bot.id]
        return await method(Query(self.world, bot, name, arguments, self.internet, receiver))

    async def _spoil(
        self, request: web.Request, call: Call, bot: Bot, fault: Fault
    ) -> web.StreamResponse:
        """Let a call fail without any effect."""
        if fault.hang or fault.cut:
            self._note(bot, call)
            await self._lose(request, fault)
            return _page(504)
        refused = _refusal(fault)
        self._note(bot, replace(call, status=refused.code, answer=refused.envelope()))
        return _page(fault.status) if fault.status else _reply(refused.code, refused.envelope())

    async def _lose(self, request: web.Request, fault: Fault) -> None:
        """Hang for as long as the caller waits, or cut the connection."""
        if fault.hang is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _HANG_SECONDS)
        if request.transport is not None:
            request.transport.abort()

    def _note(self, bot: Bot, call: Call) -> None:
        bot.calls.append(call)
        self.world.changes.notify()

    def _now(self) -> float:
        return self.world.clock()


def _said(arguments: Arguments) -> tuple[dict[str, str], dict[str, bytes]]:
    files = {name: upload.content for name, upload in arguments.files.items()}
    return dict(arguments.texts), files


def _page(status: int) -> web.Response:
    """Answer as a machine in between does: with a page for people."""
    page = f"<html><body><h1>{status}</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html")


def _refusal(fault: Fault) -> Refused:
    code = fault.error or fault.status or 500
    words = fault.description or ""
    retry_after = fault.parameters.get("retry_after")
    if not words and code == 429:
        words = f"retry after {retry_after or 1}"
    elif not words and "migrate_to_chat_id" in fault.parameters:
        words = "group chat was upgraded to a supergroup chat"
    elif not words and code == 403:
        words = "bot was blocked by the user"
    return Refused(code, words, parameters=fault.parameters)


def _split_path(path: str) -> tuple[str, str]:
    """Return the token and what follows it."""
    rest = path.removeprefix("/file")
    if not rest.startswith("/bot"):
        raise Refused(404)
    token, slash, method = rest.removeprefix("/bot").partition("/")
    if not slash or not method:
        raise Refused(404)
    return token, method


def _chat_of(arguments: Arguments) -> int | str | None:
    chat_id = arguments.text("chat_id")
    try:
        return int(chat_id)
    except ValueError:
        return chat_id or None


def _reply(status: int, body: Mapping[str, Any]) -> web.Response:
    headers = {}
    if retry_after := body.get("parameters", {}).get("retry_after"):
        headers["Retry-After"] = str(retry_after)
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
