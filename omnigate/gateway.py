"""The composition root: builds all parts, starts them in order, supervises them, stops them.

The way of a message, top-down. *In*: the server hands a request to a channel, the channel hands what
it understood to its host, the host to the `Inbox`, the inbox to the store's writer, which commits the
event and what every backend is owed. *On*: the `Dispatcher` claims lanes and has a `BackendCarrier`
deliver their events. *Back*: the API hands a message to `Outbound`, which renders and queues it; the
dispatcher claims the channel's lanes and has a `ChannelCarrier` send the parts.

Who is at work, the channels and backends themselves, the `Roster` knows; it makes them from the
configuration and exchanges them when that changes. Whatever is built here is handed what it needs;
nobody else constructs a part of another room.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import anyio
import structlog
from aiohttp import ClientSession

from omnigate import logs, process, systemd
from omnigate.channel import Channel
from omnigate.config import Config, Settings
from omnigate.flow.calling import CallDesk
from omnigate.flow.census import Census
from omnigate.flow.changing import Changes
from omnigate.flow.clockwatch import ClockWatch
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.doctor import Doctor
from omnigate.flow.ephemeral import EphemeralRelay
from omnigate.flow.figures import Figures
from omnigate.flow.followers import Followers
from omnigate.flow.handing import Handovers
from omnigate.flow.housekeeping import Housekeeper
from omnigate.flow.inbox import Inbox
from omnigate.flow.media import Media
from omnigate.flow.outbound import Outbound
from omnigate.flow.outfit import Outfitter
from omnigate.flow.pulse import Pulse
from omnigate.flow.reloading import Reloader, retry_policy
from omnigate.flow.replayer import Replayer
from omnigate.flow.replying import Replies
from omnigate.flow.roster import Roster
from omnigate.flow.steering import Steering
from omnigate.flow.stream import Stream
from omnigate.flow.tasks import kept_up
from omnigate.flow.waiting import Waiting
from omnigate.flow.watchdog import Watchdog
from omnigate.process import Signals
from omnigate.server.app import admin_app, public_app
from omnigate.server.listener import listening, listening_at, listening_unix
from omnigate.server.metrics import metrics_app
from omnigate.server.services import Services
from omnigate.store.store import Store, open_store

log = structlog.get_logger("gateway")


class Gateway:
    """All parts of the daemon around one open store, built but not running."""

    def __init__(
        self, config: Config, store: Store, stop: Callable[[], None], *, offline: bool = False
    ) -> None:
        settings = config.settings
        self.store = store
        self.ready = False
        self.figures = Figures()
        self.pulse = Pulse(self.figures)
        self.clock = ClockWatch(store)

        # In: from the channels to the disk.
        self.inbox = Inbox(
            store,
            min_free_bytes=settings.store.min_free_bytes,
            is_closed=lambda name: self.roster.is_closed(name),
            figures=self.figures,
        )
        self.media = self._media(settings)

        # On: from the disk to the backends, and out by the channels.
        self.dispatcher = Dispatcher(
            store, retry_policy(settings.retry), figures=self.figures, clock=self.clock
        )
        self.stream = Stream(store)
        self.relay = EphemeralRelay(
            store,
            lambda: self.roster.routing,
            lambda: self.roster.backends,
            self.stream.publish_ephemeral,
        )

        # Back: what the API wants of the channels.
        self.outbound = Outbound(store, self.inbox, lambda: self.roster.channels, self.media.sign)
        self.changes = Changes(store, self.inbox, lambda: self.roster.channels, self.media.sign)
        self.handovers = Handovers(store, lambda: self.roster.channels)
        self.calls = CallDesk(
            store,
            self.inbox,
            lambda: self.roster.channels,
            doubted_until=self.clock.doubted_until,
        )

        # Who is at work, and who sees to it that they are.
        self.followers = Followers(self.media.present)
        self.roster = Roster(store, self.dispatcher, self.followers, self._outfitter(settings))
        self.steering = Steering(store, self.roster, self.dispatcher)
        self.replayer = Replayer(store, lambda: self.roster.routing)
        self.waiting = Waiting(store)
        self.watchdog = Watchdog(self.roster.name_of)
        self.doctor = Doctor(store, self.roster)
        self.reloader = Reloader(config, store, self.roster, self.dispatcher, self.doctor)
        self.housekeeper = Housekeeper(
            store,
            lambda: self.reloader.config.settings.retention,
            self.roster.worked_on,
            self.media.discard,
            self.clock.doubted_until,
            self.media.sweeper(),
        )
        self.services = self._services(settings, stop, offline=offline)
        self._listen_to_commits()

    async def start(self) -> None:
        """Make every configured channel and backend; run none."""
        self.reloader.configure()
        await self.roster.start(self.reloader.config)

    @property
    def settings(self) -> Settings:
        """The settings as they hold now."""
        return self.reloader.config.settings

    def _media(self, settings: Settings) -> Media:
        """Return what keeps, fetches and serves files."""
        return Media(
            self.store,
            settings.files,
            settings.public_url,
            self._channel,
            url_ttl_seconds=settings.media.url_ttl_seconds,
            max_file_bytes=settings.media.max_file_bytes,
            eager_channels=self._eager_channels,
            session=self._session_of,
            fetch_timeout_seconds=settings.media.fetch_timeout_seconds,
            conversation_daily_bytes=settings.media.conversation_daily_bytes,
            allow_private=[str(network) for network in settings.media.allow_private],
        )

    def _outfitter(self, settings: Settings) -> Outfitter:
        """Return what makes channels and backends, with all that their hosts reach."""
        return Outfitter(
            store=self.store,
            inbox=self.inbox,
            media=self.media,
            relay=self.relay,
            outbound=self.outbound,
            replies=Replies(self.store, self.outbound, lambda: self.roster.routing),
            handovers=self.handovers,
            calls=self.calls,
            public_url=settings.public_url,
        )

    def _services(self, settings: Settings, stop: Callable[[], None], *, offline: bool) -> Services:
        """Return what the API may ask of the other parts."""
        return Services(
            settings=settings,
            store=self.store,
            media=self.media,
            stream=self.stream,
            inbox=self.inbox,
            outbound=self.outbound,
            changes=self.changes,
            calls=self.calls,
            handovers=self.handovers,
            channels=lambda: self.roster.channels,
            channel=self.roster.channel,
            destinations=lambda: self.roster.members.values(),
            absent=self.roster.absent,
            troubles=self.doctor.troubles,
            figures=self.figures,
            census=Census(self.store),
            rates=self.pulse.rates,
            steering=self.steering,
            replays=self.replayer,
            reload=self.reloader.reload,
            housekeeper=self.housekeeper,
            examine=lambda subject: self.doctor.examine(self.reloader.config, subject),
            ready=lambda: self.ready and not self.inbox.disk_is_low(),
            stop=stop,
            started_at=int(time.time() * 1000),
            version=version("omnigate"),
            configured=lambda: self.reloader.config.channel_names,
            resting=lambda: {
                name: known.kind
                for name, known in self.reloader.config.channels.items()
                if not known.config.enabled
            },
            offline=offline,
        )

    def _listen_to_commits(self) -> None:
        """Have whoever follows the store hear of what is on disk, and of nothing else."""
        heard = self.store.writer.on_commit
        heard.append(lambda done: self.followers.tell(done.recorded))
        heard.append(lambda done: self.followers.tell_calls(done.calls))
        heard.append(lambda done: self.figures.recorded(done.recorded))
        heard.append(lambda done: self.figures.called(done.calls))
        heard.append(lambda done: self.figures.answered(done.waited))

    def _channel(self, name: str) -> Channel | None:
        runner = self.roster.channels.get(name)
        return runner.channel if runner else None

    def _session_of(self, channel: str | None) -> ClientSession | None:
        """Return the session with the networks that a channel's configuration allows."""
        served = self._channel(channel) if channel else None
        return served.host.http if served else None

    def _eager_channels(self) -> list[str]:
        """Return the channels whose files are fetched without being asked for."""
        return [
            runner.name
            for runner in self.roster.channels.values()
            if runner.config is not None and runner.config.fetch_attachments == "eager"
        ]


def run(config: Config) -> int:
    """Run the daemon until it is told to stop; return the exit code."""
    logs.configure(config.settings.log.level, config.settings.log.format)
    return process.run(partial(serve, config))


async def serve(config: Config, signals: Signals) -> None:
    """Run the daemon until it is told to stop, then end in order; everything unfinished stays owed."""
    settings = config.settings
    async with open_store(
        settings.store.url, delivery_expiry_seconds=settings.retry.expiry_seconds
    ) as store:
        gateway = Gateway(config, store, signals.stop.set)
        await gateway.start()
        # Before anything is stored: the newest rows tell whether the clock was set meanwhile.
        await gateway.clock.look(gateway.dispatcher.destinations.values())
        async with anyio.create_task_group() as forwarding:
            forwarding.start_soon(gateway.dispatcher.run)
            forwarding.start_soon(gateway.media.run)
            # What stands beside the way of the messages must not end it.
            forwarding.start_soon(kept_up, gateway.relay.run, "relay")
            forwarding.start_soon(kept_up, gateway.steering.watch_drains, "drains")
            forwarding.start_soon(kept_up, gateway.watchdog.run, "watchdog")
            forwarding.start_soon(kept_up, gateway.housekeeper.run, "housekeeping")
            forwarding.start_soon(kept_up, gateway.pulse.run, "rates")
            forwarding.start_soon(kept_up, gateway.replayer.run, "replays")
            forwarding.start_soon(kept_up, gateway.calls.run, "calls")
            forwarding.start_soon(kept_up, gateway.waiting.run, "waits")
            await _receive(gateway, signals)
            await _finish(gateway)
            forwarding.cancel_scope.cancel()
        await gateway.roster.close()
    log.info("stopped")


async def _receive(gateway: Gateway, signals: Signals) -> None:
    """Open the doors, say so, and close them again when it is time to stop."""
    settings, services = gateway.settings, gateway.services
    async with (
        listening_unix(admin_app(services), settings.socket, settings.server),
        listening(public_app(services), settings.server),
        _measured(gateway),
        gateway.roster.receiving() as receiving,
    ):
        receiving.start_soon(kept_up, partial(gateway.reloader.obey, signals), "reload")
        process.spare_the_collector()
        receiving.start_soon(kept_up, gateway.doctor.tell_what_is_owed_in_vain, "owed in vain")
        gateway.ready = True
        systemd.notify("READY=1")
        log.info("ready", listen=settings.server.listen, socket=str(settings.socket))
        await signals.stop.wait()
        gateway.ready = False
        systemd.notify("STOPPING=1")
        log.info("stopping")
        # Channels end before the listeners: those wait for connections, which the channels send off.
        gateway.stream.close()
        gateway.calls.stop()


@asynccontextmanager
async def _measured(gateway: Gateway) -> AsyncIterator[None]:
    """Serve the metrics on a port of their own, if the operator wants that."""
    settings = gateway.settings
    if settings.admin.metrics_listen is None:
        yield
        return
    application = metrics_app(gateway.services)
    async with listening_at(application, settings.admin.metrics_listen, settings.server):
        yield


async def _finish(gateway: Gateway) -> None:
    """Let attempts in flight end; what does not stays owed."""
    seconds = gateway.settings.server.shutdown_seconds
    cut, dials = await asyncio.gather(
        gateway.dispatcher.drain(seconds), gateway.calls.drain(seconds)
    )
    if dials:
        log.warning("calls cut short; the next start asks what became of them", count=dials)
    if cut:
        log.warning("attempts cut short; they are made again at the next start", count=cut)
