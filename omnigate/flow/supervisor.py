"""Channels at work: each built from its section, run again with back-off, and never another's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.lowlevel
import structlog

from omnigate.channel import Capabilities, Channel, ChannelConfig, HealthState
from omnigate.errors import CredentialsRejected, NotReady
from omnigate.flow.contained import PluginMisbehaved, contained
from omnigate.model.address import Address
from omnigate.model.event import Event
from omnigate.store.destinations import Health
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import RecordedEvent

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
STEADY_SECONDS: Final = 60.0
"""After running for so long a channel's next failure counts as the first again."""
PROVEN_SECONDS: Final = 30.0
"""After running for so long a channel that was down counts as up, unless it says so earlier itself."""
STOP_SECONDS: Final = 10.0
DOWN: Final = frozenset({"down", "stopped"})
"""States in which a channel does not do its work."""

log = structlog.get_logger("channels")


@dataclass(frozen=True, eq=False, slots=True)
class _Run:
    """One stretch of a channel's work: how to end it, and whether it has ended."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


@dataclass(eq=False, slots=True)
class ChannelRunner:
    """One configured channel: its instance, or why there is none, and how it is."""

    key: ChannelKey
    config: ChannelConfig | None
    """None when the plugin is broken."""
    health: Health
    """Of the destination that the channel is."""
    changed: Callable[[ChannelRunner], None]
    """Told whenever the channel says that it is otherwise than before."""
    channel: Channel | None = None
    reported: HealthState = "starting"
    message: str = ""
    _latest: _Run | None = None
    """Runs, or ran last; it ends after all that were before it."""
    _retired: bool = False

    @property
    def name(self) -> str:
        """The configured name."""
        return self.key.name

    @property
    def kind(self) -> str:
        """The configured kind."""
        return self.key.kind

    @property
    def destination_id(self) -> int:
        """What the store calls the destination that the channel is."""
        return self.health.destination_id

    @property
    def is_paused(self) -> bool:
        """Whether the operator has stopped it, both ways."""
        return self.health.intake_closed and self.health.paused is not None

    @property
    def is_running(self) -> bool:
        """Whether it works, and nobody has asked it to end."""
        latest = self._latest
        return latest is not None and not latest.ended.is_set() and not latest.scope.cancel_called

    @property
    def state(self) -> str:
        """How it is: what the operator wants, or else what the channel says."""
        if self.is_paused:
            return "paused"
        return "draining" if self.health.intake_closed else self.reported

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
        with contained:
            return self.channel.conversation_of(address)

    def report(self, state: HealthState, message: str = "") -> None:
        """Note how the channel is; said once per change."""
        if (state, message) == (self.reported, self.message):
            return
        tell = log.warning if state in DOWN else log.info
        tell(f"channel {state}", channel=self.name, **({"reason": message} if message else {}))
        self.reported, self.message = state, message
        self.changed(self)

    async def run(self) -> None:
        """Run the channel until `stop` or cancelled; start it again with back-off when it fails.

        Returns at once while it runs already, is paused or retired. Waits for an earlier run to end.
        """
        if self.channel is None or self._retired or self.is_paused or self.is_running:
            return
        earlier, self._latest = self._latest, (latest := _Run())
        try:
            with latest.scope:
                if earlier is not None:
                    # Shielded: who waits for the latest run to end waits for all of them.
                    with anyio.CancelScope(shield=True):
                        await earlier.ended.wait()
                    await anyio.lowlevel.checkpoint_if_cancelled()
                await self._run(self.channel)
        finally:
            latest.ended.set()

    async def stop(self) -> None:
        """End `run`; a plugin that does not end when it is cancelled is left behind, loudly."""
        if self._latest is not None:
            self._latest.scope.cancel()
            await self._latest.ended.wait()

    async def retire(self) -> None:
        """End `run` for good: another instance takes this one's place, or none."""
        self._retired = True
        await self.stop()

    def _is_back(self) -> None:
        if self.reported == "down":
            self.report("up")

    async def _run(self, channel: Channel) -> None:
        pause = FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        self.report("up")
        while True:
            started = loop.time()
            # Not at once: a platform that is still away would be up and down again at every try.
            proven = loop.call_later(PROVEN_SECONDS, self._is_back)
            try:
                await self._run_once(channel)
                return
            except CredentialsRejected as error:
                self.report("stopped", f"the platform refuses our credentials: {error}")
                return
            except NotReady as error:
                self.report("down", str(error))
            except Exception as error:
                log.exception("channel failed", name=self.name)
                self.report("down", f"{type(error).__name__}: {error}")
            finally:
                proven.cancel()
            if loop.time() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _run_once(self, channel: Channel) -> None:
        """Run the plugin's method in a task of its own: one that ignores its end is left behind."""
        running = asyncio.create_task(_run(channel), name=f"channel {self.name}")
        running.add_done_callback(_look_at)
        try:
            await asyncio.wait({running})
        finally:
            if not running.done():
                running.cancel()
                with anyio.CancelScope(shield=True):
                    await asyncio.wait({running}, timeout=STOP_SECONDS)
                if not running.done():
                    log.error(
                        "channel does not end when cancelled; going on without it",
                        channel=self.name,
                    )
        # Nobody asked it to end, or the line above would not have been left in peace.
        if running.cancelled() or isinstance(running.exception(), GeneratorExit):
            raise PluginMisbehaved("the plugin ended its own task")
        running.result()


async def _run(channel: Channel) -> None:
    try:
        with contained:
            await channel.run()
    except ExceptionGroup as group:
        raise _cause(group) from group


def _cause(group: ExceptionGroup[Exception]) -> Exception:
    """Return what a group is about: the tasks of a plugin end together because of one of them."""
    raised = list(_leaves(group))
    if (
        rejected := next((one for one in raised if isinstance(one, CredentialsRejected)), None)
    ) is not None:
        return rejected
    if len(raised) == 1 or all(isinstance(one, NotReady) for one in raised):
        return raised[0]
    return group


def _leaves(error: Exception) -> Iterator[Exception]:
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)


def _look_at(ended: asyncio.Task[None]) -> None:
    """See how a channel ended: whoever has told it to end does not ask, and asyncio would complain."""
    if not ended.cancelled():
        ended.exception()


class Followers:
    """Tells channels that follow their conversations (`Channel.recorded`) what was committed."""

    def __init__(self, present: Callable[[str], str]) -> None:
        self._present = present
        self._channels: dict[str, Channel] = {}

    def remove(self, name: str) -> None:
        """Tell a channel nothing more."""
        self._channels.pop(name, None)

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
                with contained:
                    self._channels[name].recorded(conversation, events)
            except Exception:
                log.exception("channel raised in recorded()", name=name)


def as_event(row: RecordedEvent, present: Callable[[str], str]) -> Event:
    """Return a stored event as plugins see it, its files' addresses freshly signed."""
    body = present(row.body) if row.media else row.body
    return Event(id=row.id, type=row.type, body=body.encode(), sequence=row.sequence)
