"""Channels at work: each built from its section, run again with back-off, and never another's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from omnigate.channel import Capabilities, Channel, ChannelConfig, ChannelHost, HealthState
from omnigate.errors import CredentialsRejected, NotReady
from omnigate.model.address import Address
from omnigate.model.event import Event
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import RecordedEvent

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
STEADY_SECONDS: Final = 60.0
"""After running for so long a channel's next failure counts as the first again."""

log = structlog.get_logger("channels")


@dataclass(eq=False)
class ChannelRunner:
    """One configured channel: its instance, or why there is none, and how it is."""

    key: ChannelKey
    config: ChannelConfig | None
    """None when the plugin is broken."""
    destination_id: int
    channel: Channel | None = None
    state: HealthState = "starting"
    message: str = ""

    @property
    def name(self) -> str:
        """The configured name."""
        return self.key.name

    @property
    def kind(self) -> str:
        """The plugin's kind."""
        return self.key.kind

    @property
    def capabilities(self) -> Capabilities:
        """What a part may carry."""
        if self.channel is None:
            return Capabilities()
        return self.channel.capabilities

    def conversation_of(self, address: Address) -> str:
        """Return the conversation that writing to an address begins; raises `Refused`."""
        if self.channel is None:
            return address.path
        return self.channel.conversation_of(address)

    def build(
        self, plugin: type[Channel], config: ChannelConfig, host: ChannelHost
    ) -> Channel | None:
        """Make the channel; a class that raises costs only its own channel."""
        try:
            self.channel = plugin(config, host)
        except Exception as error:
            log.exception("channel could not be made", name=self.name)
            self.report("stopped", f"the plugin failed: {type(error).__name__}: {error}")
        return self.channel

    def report(self, state: HealthState, message: str = "") -> None:
        """Note how the channel is; said once per change."""
        if (state, message) == (self.state, self.message):
            return
        tell = log.warning if state in ("down", "stopped") else log.info
        tell(f"channel {state}", channel=self.name, **({"reason": message} if message else {}))
        self.state, self.message = state, message

    async def run(self) -> None:
        """Run the channel until cancelled; start it again with back-off when it fails."""
        channel, pause = self.channel, FIRST_PAUSE_SECONDS
        if channel is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            self.report("up")
            try:
                await channel.run()
                return
            except CredentialsRejected as error:
                self.report("stopped", f"the platform refuses our credentials: {error}")
                return
            except NotReady as error:
                self.report("down", str(error))
            except Exception as error:
                log.exception("channel failed", name=self.name)
                self.report("down", f"{type(error).__name__}: {error}")
            if loop.time() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


class Followers:
    """Tells channels that follow their conversations (`Channel.recorded`) what was committed."""

    def __init__(self, present: Callable[[str], str]) -> None:
        self._present = present
        self._channels: dict[str, Channel] = {}

    def add(self, name: str, channel: Channel) -> None:
        """Have a channel told, if its class wants to hear."""
        if type(channel).recorded is not Channel.recorded:
            self._channels[name] = channel

    def tell(self, recorded: Sequence[RecordedEvent]) -> None:
        """Tell the channels concerned, conversation by conversation, in order."""
        if not self._channels:
            return
        groups: dict[tuple[str, str], list[Event]] = {}
        for row in recorded:
            if row.channel in self._channels and row.conversation is not None:
                event = as_event(row, self._present)
                groups.setdefault((row.channel, row.conversation), []).append(event)
        for (name, conversation), events in groups.items():
            try:
                self._channels[name].recorded(conversation, events)
            except Exception:
                log.exception("channel raised in recorded()", name=name)


def as_event(row: RecordedEvent, present: Callable[[str], str]) -> Event:
    """Return a stored event as plugins see it, its files' addresses freshly signed."""
    body = present(row.body) if row.media else row.body
    return Event(id=row.id, type=row.type, body=body.encode(), sequence=row.sequence)
