"""What the handlers need of the rest of the daemon, as it is handed in by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from omnigate.channel import Channel, ChannelConfig
from omnigate.config.settings import Settings
from omnigate.flow.calling import CallDesk
from omnigate.flow.census import Census
from omnigate.flow.figures import Figures
from omnigate.flow.handing import Handovers
from omnigate.flow.housekeeping import Housekeeper
from omnigate.flow.media import Media
from omnigate.flow.member import State
from omnigate.flow.preview import Preview
from omnigate.flow.pulse import Rates
from omnigate.flow.reloading import Reloaded
from omnigate.flow.steering import Before, TestOutcome
from omnigate.flow.stream import Stream
from omnigate.flow.troubles import Finding
from omnigate.hosting import Recorded
from omnigate.model.event import EventType
from omnigate.model.inbound import Inbound
from omnigate.model.outbound import Edit, OutboundMessage
from omnigate.server.bodies import Room
from omnigate.store.backlog import Backlog
from omnigate.store.changes import ChangeAccepted
from omnigate.store.destinations import Direction, Health
from omnigate.store.idempotency import IdempotencyKey
from omnigate.store.outbound import Accepted
from omnigate.store.quarantined import Puzzle
from omnigate.store.store import Store
from omnigate.store.threads import ChannelKey


class Intake(Protocol):
    """Where a webhook's items go."""

    async def put(
        self, channel_key: ChannelKey, items: Sequence[Inbound], cursor: str | None = None
    ) -> Sequence[Recorded]:
        """Store items; return once they are on disk. Raises `Overloaded` or `StoreError`."""

    async def quarantine(self, puzzle: Puzzle) -> None:
        """Keep a request that nobody understood."""

    def admit(self) -> None:
        """Raise `Overloaded` when new work should not be accepted."""


class Outlet(Protocol):
    """Where a CRM's messages go."""

    async def submit(
        self,
        message: OutboundMessage,
        *,
        key: IdempotencyKey | None,
        channels: frozenset[str] | None,
        owner: str | None,
    ) -> Accepted:
        """Queue a message; raises `Refused`, `KeyReused`, `Overloaded` or `StoreError`."""

    async def preview(
        self,
        message: OutboundMessage,
        *,
        channels: frozenset[str] | None,
        owner: str | None,
    ) -> Preview:
        """Return what a message would become; raises `Refused` or `StoreError`."""


class Corrector(Protocol):
    """What changes messages that were sent; see `omnigate.flow.changing.Changes`."""

    async def edit(
        self,
        message_id: str,
        edit: Edit,
        *,
        key: IdempotencyKey | None,
        channels: frozenset[str] | None,
    ) -> ChangeAccepted:
        """Queue another text; raises `Refused`, `KeyReused`, `Overloaded` or `StoreError`."""

    async def delete(
        self, message_id: str, *, key: IdempotencyKey | None, channels: frozenset[str] | None
    ) -> ChangeAccepted:
        """Queue a deletion."""

    async def react(
        self,
        message_id: str,
        emoji: Sequence[str],
        *,
        key: IdempotencyKey | None,
        channels: frozenset[str] | None,
    ) -> ChangeAccepted:
        """Queue reactions."""


class RunningChannel(Protocol):
    """One configured channel as it is now."""

    @property
    def name(self) -> str:
        """Its configured name."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def config(self) -> ChannelConfig | None:
        """Its configuration; None when the plugin could not be loaded."""

    @property
    def channel(self) -> Channel | None:
        """The plugin's instance; None when it could not be made."""

    @property
    def state(self) -> str:
        """How it is, for the operator."""

    @property
    def message(self) -> str:
        """What it says about that."""

    @property
    def is_at_rest(self) -> bool:
        """Whether the operator has stopped it, and nothing that it has begun goes on."""

    @property
    def key(self) -> ChannelKey:
        """What the store calls it."""


class Destination(Protocol):
    """Anything that is delivered to."""

    @property
    def direction(self) -> Direction:
        """``backend`` for events, ``channel`` for messages."""

    @property
    def name(self) -> str:
        """Its configured name."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def enabled(self) -> bool:
        """Whether it is served."""

    @property
    def state(self) -> State:
        """How deliveries to it stand, in one word."""

    @property
    def failure(self) -> str | None:
        """Why there is no instance, if there should be one."""

    @property
    def health(self) -> Health:
        """Its breaker and what happened last."""


class Wheel(Protocol):
    """What operators steer channels and backends with; raises `Refused` for unknown names.

    Each returns the channel or backend as it is now, and how it was before.
    """

    async def pause(self, direction: Direction, name: str) -> tuple[Destination, Before]:
        """Stop a channel both ways, or the deliveries to a backend."""

    async def drain(self, name: str) -> tuple[Destination, Before]:
        """Let nothing more in from a channel, and pause it once it owes nothing."""

    async def resume(self, direction: Direction, name: str) -> tuple[Destination, Before]:
        """Go on after a pause or a drain."""

    async def test(self, name: str) -> TestOutcome:
        """Send a sample event to a backend."""


class Replays(Protocol):
    """Who sends history to backends again."""

    async def begin(
        self,
        backend: str,
        *,
        after: int,
        until: int,
        types: Collection[EventType] | None,
        channels: Collection[str] | None,
        rate: float,
    ) -> int:
        """Begin a replay of a part of the log; raises `Refused` for an unknown backend."""

    async def cancel(self, number: int) -> bool:
        """End a replay with what it has pending; False if it does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a handler may use."""

    settings: Settings
    store: Store
    media: Media
    stream: Stream
    inbox: Intake
    outbound: Outlet
    changes: Corrector
    calls: CallDesk
    handovers: Handovers
    channels: Callable[[], Mapping[str, RunningChannel]]
    channel: Callable[[str], RunningChannel | None]
    """One of them by name: asked for every request, so it must not cost more the more there are."""
    destinations: Callable[[], Collection[Destination]]
    absent: Callable[[Backlog], Collection[Destination]]
    """Who is owed something, or left dead letters, and is not among them."""
    troubles: Callable[[Backlog], Sequence[Finding]]
    """What is known to be wrong with channels and backends."""
    figures: Figures
    """What is counted on the way of a message."""
    census: Census
    """What waits."""
    rates: Callable[[], Rates]
    """How fast things go just now."""
    steering: Wheel
    replays: Replays
    reload: Callable[[], Awaitable[Reloaded]]
    """Reads the configuration again; raises `ConfigError`, and then nothing has changed."""
    housekeeper: Housekeeper
    examine: Callable[[str | None], Awaitable[Sequence[Finding]]]
    """Asks every platform and backend and looks at the machine, or only at one subject."""
    ready: Callable[[], bool]
    """Whether the daemon takes messages in just now."""
    stop: Callable[[], None]
    """Asks the daemon to stop, as SIGTERM does; returns at once."""
    started_at: int
    """When the daemon started, in milliseconds since 1970."""
    version: str
    configured: Callable[[], Collection[str]] = tuple
    """Names of the channels in the configuration, also of those that are not enabled or not made."""
    resting: Callable[[], Mapping[str, str]] = dict
    """Channels that the configuration has and does not want to work, by name, with their kinds."""
    offline: bool = False
    """No daemon runs: a command works on the store itself, and nothing is delivered."""
    room: Room = field(default_factory=Room)
    """Where the bodies of requests are read."""
