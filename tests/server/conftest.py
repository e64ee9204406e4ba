"""A real store, a real server on loopback; only what the flow brings is put together here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy
from sqlalchemy import func, select

import omnigate
from omnigate.config.settings import Server, Settings
from omnigate.flow.census import Census
from omnigate.flow.changing import Changes
from omnigate.flow.housekeeping import Housekeeper
from omnigate.flow.inbox import Inbox
from omnigate.flow.media import Media
from omnigate.flow.outbound import Outbound
from omnigate.flow.pulse import Pulse
from omnigate.flow.reloading import Reloaded
from omnigate.flow.replayer import Replayer
from omnigate.flow.router import RoutingTable
from omnigate.flow.steering import TestOutcome
from omnigate.flow.stream import Stream
from omnigate.flow.supervisor import ChannelRunner
from omnigate.flow.troubles import Finding
from omnigate.server.app import admin_app, public_app
from omnigate.server.listener import listening, listening_unix
from omnigate.server.services import Services
from omnigate.store import tokens
from omnigate.store.destinations import Health, Name, register
from omnigate.store.schema import metadata
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey


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


@dataclass
class Target:
    """A destination as the dispatcher keeps it."""

    direction: Any
    name: str
    kind: str
    health: Health
    enabled: bool = True
    failure: str | None = None

    @property
    def state(self) -> Any:
        return self.health.state


@dataclass
class Wheel:
    """What operators steer with, over destinations that nobody works on."""

    targets: Sequence[Target]

    def _find(self, direction: Any, name: str) -> Target:
        for known in self.targets:
            if (known.direction, known.name) == (direction, name):
                return known
        raise omnigate.Refused("not_found", f"there is no {direction} {name!r}")

    async def pause(self, direction: Any, name: str) -> tuple[Target, Any]:
        known = self._find(direction, name)
        known.health.paused = "paused by the operator"
        return known, "running"

    async def drain(self, name: str) -> tuple[Target, Any]:
        known = self._find("channel", name)
        known.health.intake_closed = True
        return known, "running"

    async def resume(self, direction: Any, name: str) -> tuple[Target, Any]:
        known = self._find(direction, name)
        known.health.paused, known.health.intake_closed = None, False
        return known, "paused"

    async def test(self, name: str) -> TestOutcome:
        self._find("backend", name)
        return TestOutcome(ok=True, message="200", duration_seconds=0.1)


async def reload() -> Reloaded:
    return Reloaded(kept=["backend crm"])


async def examine(subject: str | None) -> list[Finding]:
    return [Finding(subject or "disk", "good", "it is")]


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

    async def conversation(self, channel: str = "app", who: str = "anna") -> str:
        from omnigate.store.history import find_conversation

        found = await self.store.read(find_conversation, channel, who)
        assert found is not None
        return found.id


@asynccontextmanager
async def open_world(
    directory: Path,
    *,
    server: Mapping[str, Any] | None = None,
    channels: Sequence[ChannelRunner] = (),
    media: Mapping[str, Any] | None = None,
) -> AsyncIterator[World]:
    settings = Settings(server=Server(listen="127.0.0.1:0", **(server or {}))).anchored(directory)
    runners = {
        runner.name: runner for runner in (channels or (make_runner("app"), make_runner("other")))
    }
    stopped: list[bool] = []
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(f"sqlite:///{directory}/test.db"))
        crm = await store.writer.do(register, Name("backend", "crm"))
        targets = [Target("backend", "crm", "webhook", crm)]
        for known in runners.values():
            health = await store.writer.do(register, Name("channel", known.name))
            known.health = health
            targets.append(Target("channel", known.name, known.kind, health))
        files = Media(
            store,
            directory / "files",
            settings.public_url,
            lambda name: runners[name].channel,
            settings.media.url_ttl_seconds,
            settings.media.max_file_bytes,
            **(media or {}),
        )
        stack.push_async_callback(files.close)
        inbox = Inbox(store, min_free_bytes=0)

        services = Services(
            settings=settings,
            store=store,
            media=files,
            stream=Stream(store),
            inbox=inbox,
            outbound=Outbound(store, inbox, lambda: runners, files.sign),
            changes=Changes(store, inbox, lambda: runners, files.sign),
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
            ready=lambda: not stopped,
            stop=lambda: stopped.append(True),
            started_at=store.now(),
            version="0.1.0",
        )
        port = await stack.enter_async_context(listening(public_app(services), settings.server))
        path = await stack.enter_async_context(
            listening_unix(admin_app(services), directory / "admin.sock", settings.server)
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        admin = await stack.enter_async_context(
            aiohttp.ClientSession("http://omnigate", connector=aiohttp.UnixConnector(str(path)))
        )
        yield World(
            f"http://127.0.0.1:{port}",
            services,
            runners,
            inbox,
            session,
            stopped,
            admin,
            path,
        )


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def runner():
    """Make a channel as the supervisor keeps it."""
    return make_runner


@pytest.fixture
def world_with(tmp_path):
    """Open a world with other settings or channels: an asynchronous context manager."""
    return partial(open_world, tmp_path)


@pytest.fixture(scope="session")
def open_world_at():
    """Open a world in a directory: an asynchronous context manager."""
    return open_world


@pytest.fixture
async def world(world_with):
    async with world_with() as opened:
        yield opened
