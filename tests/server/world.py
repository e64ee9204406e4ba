"""A real store and a real server on loopback; only what the flow brings is put together here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from sqlalchemy import Engine, event, func, select

import omnigate
from omnigate.config.settings import Settings
from omnigate.config.tables import Server
from omnigate.flow.calling import CallDesk
from omnigate.flow.census import Census
from omnigate.flow.changing import Changes
from omnigate.flow.handing import Handovers
from omnigate.flow.housekeeping import Housekeeper
from omnigate.flow.inbox import Inbox
from omnigate.flow.media import Media
from omnigate.flow.outbound import Outbound
from omnigate.flow.pulse import Pulse
from omnigate.flow.replayer import Replayer
from omnigate.flow.router import RoutingTable
from omnigate.flow.stream import Stream
from omnigate.flow.supervisor import ChannelRunner
from omnigate.server.app import admin_app, public_app
from omnigate.server.listener import listening, listening_unix
from omnigate.server.services import Services
from omnigate.store import tokens
from omnigate.store.conversationreads import find_conversation
from omnigate.store.destinations import Health, Name, register
from omnigate.store.schema import metadata
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from tests.server.wheel import Target, Wheel, examine, reload

NOBODY = "0" * 26
"""The random part of ids that nothing has."""
ALL = ("messages:send", "messages:read", "contacts:write", "events:read", "media")
"""Every scope of the public API."""


@dataclass
class World:
    """Everything a test of the server touches."""

    url: str
    services: Services
    channels: dict[str, ChannelRunner]
    inbox: Inbox
    session: aiohttp.ClientSession
    stopped: list[bool]
    admin: aiohttp.ClientSession
    socket: Path

    @property
    def store(self) -> Store:
        return self.services.store

    async def ask(
        self, method: str, path: str, **options: Any
    ) -> tuple[int, bytes, CIMultiDictProxy[str]]:
        async with self.session.request(method, self.url + path, **options) as answer:
            return answer.status, await answer.read(), answer.headers

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and JSON of an answer."""
        status, body, _ = await self.ask(method, path, **options)
        return status, json.loads(body) if body else None

    async def operate(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and JSON of an answer over the admin socket."""
        async with self.admin.request(method, path, **options) as answer:
            body = await answer.read()
            return answer.status, json.loads(body) if body else None

    async def token(
        self, *scopes: str, channels: Sequence[str] | None = None, expires_at: int | None = None
    ) -> dict[str, str]:
        new = tokens.NewToken("test", scopes, channels, expires_at)
        clear, _ = await self.store.writer.do(tokens.create, new)
        return {"Authorization": f"Bearer {clear}"}

    async def receive(
        self, external_id: str = "1", *, channel: str = "app", who: str = "anna", **more: Any
    ) -> omnigate.Recorded:
        """Have a customer write."""
        said = omnigate.InboundMessage(
            external_id=external_id,
            conversation=more.pop("conversation", who),
            occurred_at=datetime.now(UTC),
            sender=omnigate.Profile(address=omnigate.Address(f"user:{who}"), display_name=who),
            text=more.pop("text", "hello"),
            **more,
        )
        (recorded,) = await self.inbox.put(self.channels[channel].key, [said])
        return recorded

    async def stored(self, table: str) -> int:
        """Return how many rows a table of the store has."""
        query = select(func.count()).select_from(metadata.tables[table])
        return await self.store.read(lambda connection: connection.scalar(query) or 0)

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Collect the statements that are read with, as they are written for the driver."""
        seen: list[str] = []

        def see(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        # Readers and the writer have an engine each.
        event.listen(Engine, "before_cursor_execute", see)
        try:
            yield seen
        finally:
            event.remove(Engine, "before_cursor_execute", see)

    async def conversation(self, channel: str = "app", who: str = "anna") -> str:
        found = await self.store.read(find_conversation, channel, who)
        assert found is not None
        return found.id


def make_runner(
    name: str,
    kind: str = "test",
    *,
    config: omnigate.ChannelConfig | None = None,
    channel: omnigate.Channel | None = None,
    state: Any = "up",
) -> ChannelRunner:
    """Return a channel as the supervisor keeps it."""
    config = omnigate.ChannelConfig() if config is None else config
    key = ChannelKey(name, kind)
    return ChannelRunner(key, config, Health(0), lambda changed: None, channel, state)


def to(conversation: str, **more: Any) -> dict[str, Any]:
    """Return the body of a message to a conversation."""
    return {"to": {"conversation": conversation}, "text": "hi", **more}


@asynccontextmanager
async def open_world(
    directory: Path,
    *,
    server: Mapping[str, Any] | None = None,
    channels: Sequence[ChannelRunner] = (),
    media: Mapping[str, Any] | None = None,
    configured: Sequence[str] = (),
) -> AsyncIterator[World]:
    """Serve a new store in a directory: with these channels, or with ``app`` and ``other``."""
    settings = Settings(server=Server(listen="127.0.0.1:0", **(server or {}))).anchored(directory)
    runners = {
        runner.name: runner for runner in (channels or (make_runner("app"), make_runner("other")))
    }
    stopped: list[bool] = []
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(f"sqlite:///{directory}/test.db"))
        targets = await _register(store, runners)
        files = _files(directory, settings, store, runners, **(media or {}))
        stack.push_async_callback(files.close)
        inbox = Inbox(store, min_free_bytes=0)
        services = _services(
            settings,
            store,
            inbox,
            files,
            runners,
            targets,
            ready=lambda: not stopped,
            stop=lambda: stopped.append(True),
            configured=lambda: configured,
        )
        port = await stack.enter_async_context(listening(public_app(services), settings.server))
        path = await stack.enter_async_context(
            listening_unix(admin_app(services), directory / "admin.sock", settings.server)
        )
        yield World(
            url=f"http://127.0.0.1:{port}",
            services=services,
            channels=runners,
            inbox=inbox,
            session=await stack.enter_async_context(aiohttp.ClientSession()),
            stopped=stopped,
            admin=await stack.enter_async_context(
                aiohttp.ClientSession("http://omnigate", connector=aiohttp.UnixConnector(str(path)))
            ),
            socket=path,
        )


async def _register(store: Store, runners: Mapping[str, ChannelRunner]) -> list[Target]:
    """Have the store know a backend ``crm`` and the channels."""
    crm = await store.writer.do(register, Name("backend", "crm"))
    targets = [Target("backend", "crm", "webhook", crm)]
    for known in runners.values():
        known.health = await store.writer.do(register, Name("channel", known.name))
        targets.append(Target("channel", known.name, known.kind, known.health))
    return targets


def _files(
    directory: Path,
    settings: Settings,
    store: Store,
    runners: Mapping[str, ChannelRunner],
    **limits: Any,
) -> Media:
    return Media(
        store,
        directory / "files",
        settings.public_url,
        lambda name: runners[name].channel,
        settings.media.url_ttl_seconds,
        settings.media.max_file_bytes,
        **limits,
    )


def _services(
    settings: Settings,
    store: Store,
    inbox: Inbox,
    files: Media,
    runners: dict[str, ChannelRunner],
    targets: Sequence[Target],
    **more: Any,
) -> Services:
    """Put together what the gateway gives to the server."""
    return Services(
        settings=settings,
        store=store,
        media=files,
        stream=Stream(store),
        inbox=inbox,
        outbound=Outbound(store, inbox, lambda: runners, files.sign),
        changes=Changes(store, inbox, lambda: runners, files.sign),
        calls=CallDesk(store, inbox, lambda: runners),
        handovers=Handovers(store, lambda: runners),
        channels=lambda: runners,
        channel=lambda name: runners.get(name),
        destinations=lambda: targets,
        absent=lambda backlog: [],
        troubles=lambda backlog: [],
        figures=inbox.figures,
        census=Census(store),
        rates=Pulse(inbox.figures).rates,
        steering=Wheel(targets),
        replays=Replayer(store, lambda: RoutingTable({}, {})),
        reload=reload,
        housekeeper=Housekeeper(store, lambda: settings.retention, lambda: ()),
        examine=examine,
        started_at=store.now(),
        version="0.1.0",
        **more,
    )
