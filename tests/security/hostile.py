"""A plugin that does everything wrong, one thing a section: ``does`` says which."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from aiohttp import web

import omnigate

LEAKED: list[object] = []


def misbehave(how: str) -> Any:
    """Raise or return what nobody expects."""
    match how:
        case "raises":
            raise RuntimeError("hostile\r\nlevel=critical forged \x1b[31m" + "x" * 100_000)
        case "exits":
            sys.exit(3)
        case "cancels":
            raise asyncio.CancelledError("hostile")
        case "ends":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        case "group":
            raise BaseExceptionGroup("hostile", [SystemExit(3)])
        case "none":
            return None
        case "nonsense":
            return object()
        case "huge":
            return "x" * 10_000_000
    return how


class Hostile(omnigate.Channel):
    """Misbehaves in one method."""

    kind = "hostile"
    capabilities = omnigate.Capabilities()

    class Config(omnigate.ChannelConfig):
        """What to do wrong."""

        where: str
        how: str = "raises"
        port: int = 0

    config: Config

    def __init__(self, config: omnigate.ChannelConfig, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        self._at("init")

    def _at(self, place: str) -> Any:
        return misbehave(self.config.how) if self.config.where == place else None

    async def run(self) -> None:
        if self.config.where == "leak":
            LEAKED.append(asyncio.create_task(asyncio.sleep(3600)))
            LEAKED.append(asyncio.get_running_loop().create_future())
            LEAKED.append(asyncio.create_task(self._fail()))
            LEAKED.append(os.open("/dev/null", os.O_RDONLY))
        if self.config.where == "status":
            self.host.status(misbehave(self.config.how), "x" * 100_000)
        if self.config.where == "put":
            await self.host.put(misbehave(self.config.how))
        if self.config.where == "emit":
            self.host.emit(misbehave(self.config.how))
        self._at("run")
        while self.config.where == "deaf":
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.host.log.info("what cancellation?")

    async def _fail(self) -> None:
        raise RuntimeError("in a task that nobody waits for")

    def routes(self) -> Iterable[omnigate.Route]:
        match self.config.where:
            case "routes":
                found = misbehave(self.config.how)
                return [found] if found is not None else found  # type: ignore[return-value]  # wrong on purpose
            case "paths":
                return [
                    omnigate.Route("GET", path, self._handle)
                    for path in ("/{", "../../v1/x", "x y", "")
                ]
            case "twice":
                return [omnigate.Route("GET", "/x", self._handle)] * 2
            case "methods":
                return [omnigate.Route("G E T\r\n", "/x", self._handle)]
        return [
            omnigate.Route("GET", "/x", self._handle),
            omnigate.Route("POST", "/x", self._handle),
        ]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.config.where == "handler":
            found: web.StreamResponse = misbehave(self.config.how)
            return found
        if self.config.where == "header":
            return web.Response(headers={"X-A": "a\r\nX-Evil: 1"})
        return web.Response()

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        found = self._at("send")
        while self.config.where == "deaf":
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
        return omnigate.Sent(external_id=part.id) if self.config.where != "send" else found

    async def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        yield self._at("fetch") or b"x"

    def recorded(self, conversation: str, events: Sequence[omnigate.Event]) -> None:
        self._at("recorded")

    def conversation_of(self, address: omnigate.Address) -> str:
        found = self._at("conversation_of")
        return found if self.config.where == "conversation_of" else address.path


class HostileHook(omnigate.WebhookChannel):
    """Misbehaves when a platform calls."""

    kind = "hook"
    capabilities = omnigate.Capabilities()

    class Config(Hostile.Config):
        """The same."""

    config: Config

    def authenticate(self, request: omnigate.Request) -> None:
        if self.config.where == "authenticate":
            misbehave(self.config.how)

    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        return misbehave(self.config.how) if self.config.where == "parse" else ()

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        return misbehave(self.config.how) if self.config.where == "reply" else omnigate.Response()

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        return omnigate.Sent(external_id=part.id)


class HostileBackend(omnigate.Backend):
    """Misbehaves as a receiver."""

    kind = "hostile"

    class Config(omnigate.BackendConfig):
        """What to do wrong."""

        where: str
        how: str = "raises"

    config: Config

    def __init__(self, config: omnigate.BackendConfig, host: omnigate.BackendHost) -> None:
        super().__init__(config, host)
        if self.config.where == "init":
            misbehave(self.config.how)

    async def deliver(self, event: omnigate.Event) -> omnigate.Reply | None:
        if self.config.where == "flood":
            contents = [omnigate.Content(text="x")] * 500
            return omnigate.Reply.model_construct(messages=contents)
        while self.config.where == "deaf":
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
        return misbehave(self.config.how) if self.config.where == "deliver" else None

    async def close(self) -> None:
        if self.config.where == "close":
            misbehave(self.config.how)


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    return [Hostile, HostileHook]


@omnigate.hookimpl
def omnigate_backends() -> Sequence[type[omnigate.Backend]]:
    return [HostileBackend]
