"""Where events go: the first route that matches, its backends or the one that owns, and its observers.

Theory of operation. A conversation that nobody was handed belongs to all backends of its channel's route
together. Once it was handed to one, that one owns it: the others hear no more of it, but for those that
observe. An owner that the configuration does not name any more owns nothing: the conversation is the
route's again, and its next owner's once it is handed over. Whoever gets an event gets it by its own filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from omnigate.backend import BackendConfig
from omnigate.config import ChannelSection, Config
from omnigate.model.event import OPERATIONAL, EventType, types_matching
from omnigate.store.transaction import Target


@dataclass(frozen=True, slots=True)
class Receiver:
    """A backend as the router sees it."""

    name: str
    destination_id: int
    config: BackendConfig

    def wants(self, event_type: EventType) -> bool:
        """Tell whether the backend subscribes to a type of event."""
        return any(event_type in types_matching(pattern) for pattern in self.config.events)


class Way(NamedTuple):
    """The route of one channel."""

    backends: Sequence[str] = ()
    observers: Sequence[str] = ()
    priority: int | None = None
    """Of the channel's lanes; None: as the event has it."""


_NO_WAY: Final = Way()


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Which backends a channel's events go to, worked out when the configuration is read."""

    receivers: Mapping[str, Receiver]
    ways: Mapping[str, Way]
    """By channel, from the first route that matches."""
    _targets: dict[tuple[str | None, EventType, str | None], tuple[Target, ...]] = field(
        default_factory=dict
    )

    def __call__(
        self, channel: str | None, event_type: EventType, owner: str | None
    ) -> Sequence[Target]:
        """Return the destinations of an event; see `omnigate.store.transaction.Routing`.

        Operational events need no route: every backend that names them gets them.
        """
        key = (channel, event_type, owner)
        targets = self._targets.get(key)
        if targets is None:
            is_operational = event_type in OPERATIONAL
            asked = self.receivers.values() if is_operational else self._told(channel, owner)
            way = self.ways.get(channel, _NO_WAY) if channel is not None else _NO_WAY
            targets = tuple(
                Target(
                    receiver.destination_id,
                    receiver.config.order != "unordered",
                    None if is_operational else way.priority,
                )
                for receiver in asked
                if receiver.wants(event_type)
            )
            self._targets[key] = targets
        return targets

    def ephemeral(self, channel: str, event_type: EventType, owner: str | None) -> list[str]:
        """Return the backends that want a fleeting event."""
        return [
            receiver.name
            for receiver in self._told(channel, owner)
            if receiver.config.include_ephemeral and receiver.wants(event_type)
        ]

    def owners(self, channel: str, owner: str | None) -> Sequence[str]:
        """Return the backends whose a conversation is: they may answer the customer by their replies."""
        if owner is not None and owner in self.receivers:
            return [owner]
        return self.ways.get(channel, _NO_WAY).backends

    def _told(self, channel: str | None, owner: str | None) -> Iterable[Receiver]:
        """Return the backends that hear of something, each once."""
        if channel is None:
            ways: Iterable[Way] = self.ways.values()
            names = [name for way in ways for name in (*way.backends, *way.observers)]
        else:
            observers = self.ways.get(channel, _NO_WAY).observers
            names = [*self.owners(channel, owner), *observers]
        return [self.receivers[name] for name in dict.fromkeys(names) if name in self.receivers]


def routing_table(config: Config, destination_ids: Mapping[str, int]) -> RoutingTable:
    """Return where a configuration has events go.

    ``destination_ids`` names its backends. One whose plugin is broken is owed what its section cannot
    tell: everything.
    """
    known = {name: section.config for name, section in config.backends.items()}
    receivers = {
        name: Receiver(name, destination_id, known.get(name) or BackendConfig())
        for name, destination_id in destination_ids.items()
    }
    ways = {section.name: _way(config, section) for section in config.channels.values()}
    return RoutingTable(receivers, ways)


def _way(config: Config, section: ChannelSection) -> Way:
    """Return the first route that the channel takes."""
    priority = section.config.priority
    for route in config.settings.routes:
        if route.matches(section.name, section.kind, section.config.labels):
            return Way(route.backends, route.observers, priority)
    return Way(priority=priority)
