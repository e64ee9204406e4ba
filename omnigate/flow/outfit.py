"""Making channels and backends: each instance gets its host, and the carrier that brings items to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from omnigate.backend import Backend
from omnigate.channel import Channel
from omnigate.config import BackendSection, ChannelSection
from omnigate.flow.calling import CallDesk
from omnigate.flow.carriers import BackendCarrier, Carrier, ChannelCarrier
from omnigate.flow.contained import contained
from omnigate.flow.ephemeral import EphemeralRelay
from omnigate.flow.handing import Handovers
from omnigate.flow.hosts import DaemonBackendHost, DaemonChannelHost
from omnigate.flow.inbox import Inbox
from omnigate.flow.media import Media
from omnigate.flow.outbound import Outbound
from omnigate.flow.replying import Replies
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.store import Store

CLOSE_SECONDS: Final = 10.0

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Outfit:
    """An instance of a plugin with what belongs to it."""

    plugin: Channel | Backend
    host: DaemonChannelHost | DaemonBackendHost
    carrier: Carrier

    async def close(self) -> None:
        """Let go of what the instance holds; after its last attempt."""
        if isinstance(self.plugin, Backend):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    with contained:
                        await self.plugin.close()
            except Exception as error:
                log.error("backend raised in close()", backend=self.host.name, exc_info=error)
        await self.host.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfitter:
    """Makes instances out of sections of the configuration; whatever a plugin raises goes through."""

    store: Store
    inbox: Inbox
    media: Media
    relay: EphemeralRelay
    outbound: Outbound
    replies: Replies
    handovers: Handovers
    calls: CallDesk
    public_url: str

    def backend(self, section: BackendSection) -> Outfit:
        """Make a backend."""
        host = DaemonBackendHost(section.name)
        with contained:
            backend = section.plugin(section.config, host)
        answering = self.replies.of(section.name)
        carrier = BackendCarrier(backend, self.media.present, answering.take, answering.now)
        return Outfit(backend, host, carrier)

    def channel(self, section: ChannelSection, runner: ChannelRunner) -> Outfit:
        """Make the channel that a runner is to run."""
        config = section.config
        host = DaemonChannelHost(
            runner.key,
            store=self.store,
            inbox=self.inbox,
            media=self.media,
            relay=self.relay,
            outbound=self.outbound,
            handovers=self.handovers,
            calls=self.calls,
            public_url=self.public_url,
            report=runner.report,
            allow_private=getattr(config, "allow_private", ()),
            ca_file=getattr(config, "ca_file", None),
        )
        with contained:
            channel = section.plugin(config, host)
        return Outfit(channel, host, ChannelCarrier(channel, self.store.writer))
