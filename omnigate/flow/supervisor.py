"""Channels at work: each built from its section, run again with back-off, and never another's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.lowlevel
import structlog

from omnigate.capabilities import Capabilities, Estimate
from omnigate.channel import Channel, ChannelConfig
from omnigate.errors import CredentialsRejected, NotReady
from omnigate.flow.contained import PluginMisbehaved, contained
from omnigate.hosting import HealthState
from omnigate.model.address import Address
from omnigate.model.outbound import OutboundPart
from omnigate.store.destinations import Health
from omnigate.store.threads import ChannelKey

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
STEADY_SECONDS: Final = 60.0
"""After running for so long a channel's next failure counts as the first again."""
SETTLED_SECONDS: Final = 3.0
"""After running for so long a channel that has just started counts as up, unless it says itself how it is."""
PROVEN_SECONDS: Final = 30.0
"""After running for so long a channel that was down counts as up, unless it says itself how it is."""
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
    goes_on: bool = False
    """It has begun what goes on while it is paused, such as calls: until that is over it runs."""
    _latest: _Run | None = None
    """Runs, or ran last; it ends after all that were before it."""
    _retired: bool = False
    _speaks: bool = False
    """Whether the channel has said since its start how it is."""

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
    def is_at_rest(self) -> bool:
        """Whether it is paused, and nothing that it has begun goes on."""
        return self.is_paused and not self.goes_on

    @property
    def is_running(self) -> bool:
        """Whether it works, and nobody has asked it to end."""
        latest = self._latest
        return latest is not None and not latest.ended.is_set() and not latest.scope.cancel_called

    @property
    def is_ended(self) -> bool:
        """Whether it was asked to end since it began to work, or has never begun."""
        return self._latest is None or self._latest.scope.cancel_called

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

    @property
    def reaches_any(self) -> bool:
        """Whether `conversation_of` says nothing of whom the channel can write to."""
        return self.channel is None or type(self.channel).conversation_of is Channel.conversation_of

    def estimate(self, part: OutboundPart) -> Estimate | None:
        """Return what sending a part would come to; raises `Refused`, or `PluginMisbehaved`."""
        if self.channel is None:
            return None
        with contained:
            return self.channel.estimate(part)

    def report(self, state: HealthState, message: str = "") -> None:
        """Note how the channel says that it is; said once per change."""
        self._speaks = True
        self._note(state, message)

    def _note(self, state: HealthState, message: str = "") -> None:
        if (state, message) == (self.reported, self.message):
            return
        if state != "starting":  # how it goes is told soon
            tell = log.warning if state in DOWN else log.info
            tell(f"channel {state}", channel=self.name, **({"reason": message} if message else {}))
        self.reported, self.message = state, message
        self.changed(self)

    async def run(self) -> None:
        """Run the channel until `stop` or cancelled; start it again with back-off when it fails.

        Returns at once while it runs already, is at rest or retired. Waits for an earlier run to end.
        """
        if self.channel is None or self._retired or self.is_at_rest or self.is_running:
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

    def _is_well(self) -> None:
        # A channel that tries again by itself knows better, and may say nothing more until it is up.
        if self.reported in ("starting", "down") and not self._speaks:
            self._note("up")

    async def _run(self, channel: Channel) -> None:
        pause = FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        self._note("starting")
        while True:
            started = loop.time()
            self._speaks = False
            # Not at once: a login may yet be refused, and a platform that is still away would be up and
            # down again at every try.
            silent_seconds = SETTLED_SECONDS if self.reported == "starting" else PROVEN_SECONDS
            well = loop.call_later(silent_seconds, self._is_well)
            try:
                await self._run_once(channel)
                self._is_well()
                return
            except CredentialsRejected as error:
                self._note("stopped", f"the platform refuses our credentials: {error}")
                return
            except NotReady as error:
                self._note("down", str(error))
            except Exception as error:
                log.exception("channel failed", name=self.name)
                self._note("down", f"{type(error).__name__}: {error}")
            finally:
                well.cancel()
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
