"""The composition root: builds all parts, starts them in order, supervises them, stops them.

The way of a message, top-down. *In*: the server hands a request to a channel, the channel hands what
it understood to its host, the host to the `Inbox`, the inbox to the store's writer, which commits the
event and what every backend is owed. *On*: the `Dispatcher` claims lanes and has a `BackendCarrier`
deliver their events. *Back*: the API hands a message to `Outbound`, which renders and queues it; the
dispatcher claims the channel's lanes and has a `ChannelCarrier` send the parts.

Whatever is built here is handed what it needs; nobody else constructs a part of another room.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import anyio
import structlog
from aiohttp import ClientSession

from omnigate import logs, process, systemd
from omnigate.backend import Backend
from omnigate.channel import Channel
from omnigate.config import BackendSection, BrokenSection, ChannelSection, Config
from omnigate.errors import OmnigateError, Refused
from omnigate.flow.breaker import Breaker
from omnigate.flow.carriers import BackendCarrier, ChannelCarrier
from omnigate.flow.destination import Destination
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.ephemeral import EphemeralRelay
from omnigate.flow.hosts import DaemonBackendHost, DaemonChannelHost
from omnigate.flow.housekeeping import keep_house
from omnigate.flow.inbox import Inbox
from omnigate.flow.media import Media
from omnigate.flow.outbound import Outbound
from omnigate.flow.retry import RetryPolicy
from omnigate.flow.router import Receiver, RoutingTable
from omnigate.flow.stream import Stream
from omnigate.flow.supervisor import ChannelRunner, Followers
from omnigate.model.event import Event, EventType
from omnigate.model.samples import sample
from omnigate.server.app import admin_app, public_app
from omnigate.server.listener import listening, listening_unix
from omnigate.server.services import Services, TestOutcome
from omnigate.store.destinations import Direction, Health, Name, register
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey

CHANNEL_CONCURRENCY: Final = 20

log = structlog.get_logger("gateway")


@dataclass(slots=True)
class Served:
    """A destination as the operator sees it."""

    direction: Direction
    name: str
    kind: str
    health: Health
    enabled: bool = True


@dataclass(slots=True)
class Plugins:
    """The plugins at work, and what is theirs to close."""

    channels: dict[str, ChannelRunner] = field(default_factory=dict)
    backends: dict[str, Backend] = field(default_factory=dict)
    served: list[Served] = field(default_factory=list)
    hosts: list[DaemonChannelHost | DaemonBackendHost] = field(default_factory=list)


class Gateway:
    """All parts of the daemon around one open store, built but not running."""

    def __init__(self, config: Config, store: Store, stop: Callable[[], None]) -> None:
        settings = config.settings
        self.config = config
        self.store = store
        self.ready = False
        self.plugins = Plugins()
        self.routing = RoutingTable({}, {})
        self.inbox = Inbox(store, min_free_bytes=settings.store.min_free_bytes)
        self.stream = Stream(store)
        self.media = Media(
            store,
            settings.files,
            settings.public_url,
            self._fetcher,
            url_ttl_seconds=settings.media.url_ttl_seconds,
            max_file_bytes=settings.media.max_file_bytes,
            eager_channels=self._eager_channels,
            session=self._session_of,
            fetch_timeout_seconds=settings.media.fetch_timeout_seconds,
            conversation_daily_bytes=settings.media.conversation_daily_bytes,
        )
        self.outbound = Outbound(store, self.inbox, lambda: self.plugins.channels, self.media.sign)
        self.relay = EphemeralRelay(
            store,
            lambda: self.routing,
            lambda: self.plugins.backends,
            self.stream.publish_ephemeral,
        )
        self.followers = Followers(self.media.present)
        retry = RetryPolicy(tuple(settings.retry.schedule_seconds), settings.retry.jitter)
        self.dispatcher = Dispatcher(store, retry)
        self.services = Services(
            settings=settings,
            store=store,
            media=self.media,
            stream=self.stream,
            inbox=self.inbox,
            outbound=self.outbound,
            channels=lambda: self.plugins.channels,
            destinations=lambda: self.plugins.served,
            test_backend=self.test_backend,
            ready=lambda: self.ready and not self.inbox.disk_is_low(),
            stop=stop,
            started_at=int(time.time() * 1000),
            version=version("omnigate"),
        )

    async def build_plugins(self) -> None:
        """Make every configured channel and backend, each with its destination; start none."""
        receivers = {}
        for section in self.config.backends.values():
            if section.config.enabled:
                receivers[section.name] = await self._build_backend(section)
        by_channel = {
            section.name: self._backends_of(section) for section in self.config.channels.values()
        }
        self.routing = RoutingTable(receivers, by_channel)
        self.store.routing = self.routing
        for channel in self.config.channels.values():
            if channel.config.enabled:
                await self._build_channel(channel)
        for broken in self.config.broken:
            if broken.direction == "channel":
                await self._note_broken(broken)
        self.store.writer.on_commit.append(lambda done: self.followers.tell(done.recorded))

    async def keep_house(self) -> None:
        """Forget what is done with, every hour."""
        kept = self.config.settings.retention
        await keep_house(self.store, attempts_days=kept.attempts_days, dead_days=kept.dead_days)

    async def test_backend(self, name: str) -> TestOutcome:
        """Send a sample event straight to a backend; one that was paused goes on if it takes it.

        Raises `Refused` for an unknown name.
        """
        backend = self.plugins.backends.get(name)
        if backend is None:
            raise Refused("not_found", f"there is no backend {name!r}")
        envelope = sample(EventType.MESSAGE_RECEIVED)
        event = Event(
            id=envelope.id,
            type=envelope.type,
            body=envelope.model_dump_json().encode(),
            sequence=envelope.sequence,
        )
        started = time.monotonic()
        try:
            async with asyncio.timeout(30):
                await backend.deliver(event)
        except (OmnigateError, TimeoutError) as error:
            return TestOutcome(False, str(error) or "no answer", time.monotonic() - started)
        spent_seconds = time.monotonic() - started
        resumed = await self.dispatcher.resume("backend", name)
        return TestOutcome(True, "what waits for it goes out now" if resumed else "", spent_seconds)

    async def close_plugins(self) -> None:
        """Let go of what the plugins hold."""
        for backend in self.plugins.backends.values():
            await backend.close()
        for host in self.plugins.hosts:
            await host.close()

    def _backends_of(self, section: ChannelSection) -> list[str]:
        """Return the backends of the first route that the channel takes."""
        for route in self.config.settings.routes:
            if route.matches(section.name, section.kind, section.config.labels):
                return route.backends
        return []

    async def _note_broken(self, section: BrokenSection) -> None:
        """List a channel whose plugin cannot be used; what is sent to it waits."""
        health = await self._register("channel", section.name, section.kind)
        self.plugins.channels[section.name] = ChannelRunner(
            ChannelKey(section.name, section.kind),
            None,
            health.destination_id,
            state="stopped",
            message=f"the plugin is broken: {section.error}",
        )

    async def _build_backend(self, section: BackendSection) -> Receiver:
        name, config = section.name, section.config
        host = DaemonBackendHost(name)
        backend = section.plugin(config, host)
        health = await self._register("backend", name, section.kind)
        self.plugins.backends[name] = backend
        self.plugins.hosts.append(host)
        self.dispatcher.add(
            Destination(
                name=name,
                direction="backend",
                carrier=BackendCarrier(backend, self.media.present, self.outbound.reply),
                breaker=Breaker(health),
                concurrency=config.concurrency,
                order=config.order,
            )
        )
        return Receiver(name, health.destination_id, config)

    async def _build_channel(self, section: ChannelSection) -> None:
        config = section.config
        key = ChannelKey(section.name, section.kind, config.priority)
        health = await self._register("channel", section.name, section.kind)
        runner = ChannelRunner(key, config, health.destination_id)
        host = DaemonChannelHost(
            key,
            store=self.store,
            inbox=self.inbox,
            media=self.media,
            relay=self.relay,
            public_url=self.config.settings.public_url,
            report=runner.report,
            allow_private=getattr(config, "allow_private", ()),
            ca_file=getattr(config, "ca_file", None),
        )
        self.plugins.channels[section.name] = runner
        self.plugins.hosts.append(host)
        channel = runner.build(section.plugin, config, host)
        if channel is None:
            return
        self.followers.add(section.name, channel)
        self.dispatcher.add(
            Destination(
                name=section.name,
                direction="channel",
                carrier=ChannelCarrier(channel, self.store.writer),
                breaker=Breaker(health),
                concurrency=CHANNEL_CONCURRENCY,
            )
        )

    async def _register(self, direction: Direction, name: str, kind: str) -> Health:
        health = await self.store.writer.do(register, Name(direction, name))
        self.plugins.served.append(Served(direction, name, kind, health))
        return health

    def _fetcher(self, channel: str) -> Channel | None:
        runner = self.plugins.channels.get(channel)
        return runner.channel if runner else None

    def _session_of(self, channel: str | None) -> ClientSession | None:
        """Return the session with the networks that a channel's configuration allows."""
        served = self._fetcher(channel) if channel else None
        return served.host.http if served else None

    def _eager_channels(self) -> list[str]:
        """Return the channels whose files are fetched without being asked for."""
        return [
            runner.name
            for runner in self.plugins.channels.values()
            if runner.config is not None and runner.config.fetch_attachments == "eager"
        ]


def run(config: Config) -> int:
    """Run the daemon until it is told to stop; return the exit code."""
    logs.configure(config.settings.log.level, config.settings.log.format)
    return process.run(partial(serve, config))


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Run the daemon until ``stop`` is set, then end in order; everything unfinished stays owed."""
    settings = config.settings
    async with open_store(
        settings.store.url, delivery_expiry_seconds=settings.retry.expiry_seconds
    ) as store:
        gateway = Gateway(config, store, stop.set)
        await gateway.build_plugins()
        async with anyio.create_task_group() as forwarding:
            forwarding.start_soon(gateway.dispatcher.run)
            forwarding.start_soon(gateway.media.run)
            forwarding.start_soon(gateway.relay.run)
            forwarding.start_soon(gateway.keep_house)
            await _receive(gateway, stop)
            await _finish(gateway)
            forwarding.cancel_scope.cancel()
        await gateway.close_plugins()
    log.info("stopped")


async def _receive(gateway: Gateway, stop: asyncio.Event) -> None:
    """Open the doors, say so, and close them again when it is time to stop."""
    settings, services = gateway.config.settings, gateway.services
    async with (
        listening_unix(admin_app(services), settings.socket, settings.server),
        listening(public_app(services), settings.server),
        anyio.create_task_group() as channels,
    ):
        for runner in gateway.plugins.channels.values():
            channels.start_soon(runner.run)
        process.spare_the_collector()
        gateway.ready = True
        systemd.notify("READY=1")
        log.info("ready", listen=settings.server.listen, socket=str(settings.socket))
        await stop.wait()
        gateway.ready = False
        systemd.notify("STOPPING=1")
        log.info("stopping")
        gateway.stream.close()
        # Before the listeners: they wait for open connections, which the channels send off.
        channels.cancel_scope.cancel()


async def _finish(gateway: Gateway) -> None:
    """Let attempts in flight end; what does not stays owed."""
    cut = await gateway.dispatcher.drain(gateway.config.settings.server.shutdown_seconds)
    if cut:
        log.warning("attempts cut short; they are made again at the next start", count=cut)


@asynccontextmanager
async def offline(config: Config) -> AsyncIterator[Path]:
    """Serve the admin API over the store alone, for a command while no daemon runs.

    Yields the path of a temporary socket. Channels and backends are not built, nothing is delivered.
    Raises `StoreError` when another process has the store.
    """
    settings = config.settings
    async with open_store(
        settings.store.url, delivery_expiry_seconds=settings.retry.expiry_seconds
    ) as store:
        gateway = Gateway(config, store, lambda: None)
        with tempfile.TemporaryDirectory(prefix="omnigate-") as directory:
            application = admin_app(gateway.services)
            path = Path(directory) / "admin.sock"
            async with listening_unix(application, path, settings.server):
                yield path
                gateway.stream.close()
