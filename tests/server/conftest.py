"""A real store, a real server on loopback; only what the flow brings is put together here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy

import omnigate
from omnigate.config.settings import Server, Settings
from omnigate.flow.media import Media
from omnigate.flow.stream import Stream
from omnigate.model.event import Message
from omnigate.server.app import admin_app, public_app
from omnigate.server.listener import listening, listening_unix
from omnigate.server.services import Services, TestOutcome
from omnigate.store import ingest, outbound, quarantined, tokens
from omnigate.store.destinations import Health, Name, register
from omnigate.store.ledger import ChannelKey
from omnigate.store.outbound import Accepted, IdempotencyKey, Outgoing, PartContent
from omnigate.store.quarantined import Puzzle
from omnigate.store.store import Store, open_store


@dataclass
class Runner:
    """A channel as the supervisor keeps it."""

    name: str
    kind: str = "test"
    config: Any = field(default_factory=omnigate.ChannelConfig)
    channel: Any = None
    state: str = "up"
    message: str = ""

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(self.name, self.kind)


@dataclass
class Target:
    """A destination as the dispatcher keeps it."""

    direction: Any
    name: str
    kind: str
    health: Health
    enabled: bool = True


class StoreInbox:
    """Puts straight into the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.failure: Exception | None = None

    async def put(
        self, channel_key: ChannelKey, items: Sequence[omnigate.Inbound], cursor: str | None = None
    ) -> Sequence[omnigate.Recorded]:
        if self.failure is not None:
            raise self.failure
        intake = ingest.Intake(channel_key, tuple(items), cursor)
        return await self.store.writer.do(ingest.ingest, intake)

    async def quarantine(self, puzzle: Puzzle) -> None:
        await self.store.writer.do(quarantined.keep, puzzle)


class StoreOutbound:
    """Queues straight into the store, one part a message."""

    def __init__(self, store: Store, channels: Mapping[str, Runner], health: Health) -> None:
        self.store = store
        self.channels = channels
        self.health = health

    async def submit(
        self,
        message: Any,
        *,
        key: IdempotencyKey | None,
        channels: frozenset[str] | None,
        owner: str | None,
    ) -> Accepted:
        from omnigate import ids
        from omnigate.store.history import read_conversation

        conversation_id = getattr(message.to, "conversation", None)
        name = getattr(message.to, "channel", None)
        if conversation_id is not None:
            row = await self.store.read(read_conversation, conversation_id)
            name = row.channel if row else None
        if name is None or (channels is not None and name not in channels):
            raise omnigate.Refused("not_found", "there is no such conversation")
        if name not in self.channels:
            raise omnigate.Refused("no_channel", f"no channel is called {name}")
        said = Message(
            id=ids.message_id(),
            direction="outbound",
            state="queued",
            created_at=datetime.now(UTC),
            text=message.text,
            client_ref=message.client_ref,
        )
        item = Outgoing(
            channel=self.channels[name].key,
            destination_id=self.health.destination_id,
            said=said,
            parts=[PartContent(text=message.text)],
            conversation_id=conversation_id,
            address=getattr(message.to, "address", None),
            key=key,
        )
        return await self.store.writer.do(outbound.enqueue, item)


@dataclass
class World:
    """Everything a test of the server touches."""

    url: str
    services: Services
    channels: dict[str, Runner]
    inbox: StoreInbox
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
    channels: Sequence[Runner] = (),
    media: Mapping[str, Any] | None = None,
) -> AsyncIterator[World]:
    settings = Settings(server=Server(listen="127.0.0.1:0", **(server or {}))).anchored(directory)
    runners = {runner.name: runner for runner in (channels or (Runner("app"), Runner("other")))}
    stopped: list[bool] = []
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(f"sqlite:///{directory}/test.db"))
        crm = await store.writer.do(register, Name("backend", "crm"))
        app = await store.writer.do(register, Name("channel", "app"))
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
        inbox = StoreInbox(store)

        async def test_backend(name: str) -> TestOutcome:
            if name != "crm":
                raise omnigate.Refused("not_found", f"no backend is called {name}")
            return TestOutcome(ok=True, message="200", duration_seconds=0.1)

        services = Services(
            settings=settings,
            store=store,
            media=files,
            stream=Stream(store),
            inbox=inbox,
            outbound=StoreOutbound(store, runners, app),
            channels=lambda: runners,
            destinations=lambda: [
                Target("backend", "crm", "webhook", crm),
                Target("channel", "app", "test", app),
            ],
            test_backend=test_backend,
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
    return Runner


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
