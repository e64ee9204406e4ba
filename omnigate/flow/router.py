"""Where events go: the first route that matches, all its backends, each by its own filter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Which backends a channel's events go to, worked out when the configuration is read."""

    receivers: Mapping[str, Receiver]
    by_channel: Mapping[str, Sequence[str]]
    """Channel → names of backends, from the first route that matches."""
    _targets: dict[tuple[str | None, EventType, str | None], tuple[Target, ...]] = field(
        default_factory=dict
    )

    def __call__(
        self, channel: str | None, event_type: EventType, owner: str | None
    ) -> Sequence[Target]:
        """Return the destinations of an event; see `omnigate.store.transaction.Routing`.

        A conversation that was transferred goes to its owner alone, as long as that one exists.
        Operational events need no route: every backend that names them gets them.
        """
        key = (channel, event_type, owner)
        targets = self._targets.get(key)
        if targets is None:
            asked = (
                self.receivers.values()
                if event_type in OPERATIONAL
                else self._chosen(channel, owner)
            )
            chosen = [receiver for receiver in asked if receiver.wants(event_type)]
            targets = tuple(
                Target(receiver.destination_id, receiver.config.order != "unordered")
                for receiver in chosen
            )
            self._targets[key] = targets
        return targets

    def ephemeral(self, channel: str, event_type: EventType, owner: str | None) -> list[str]:
        """Return the backends that want a fleeting event."""
        return [
            receiver.name
            for receiver in self._chosen(channel, owner)
            if receiver.config.include_ephemeral and receiver.wants(event_type)
        ]

    def _chosen(self, channel: str | None, owner: str | None) -> Collection[Receiver]:
        if owner is not None and owner in self.receivers:
            return [self.receivers[owner]]
        if channel is not None:
            names: Collection[str] = self.by_channel.get(channel, ())
        else:
            names = dict.fromkeys(name for some in self.by_channel.values() for name in some)
        return [self.receivers[name] for name in names if name in self.receivers]


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
    by_channel = {
        section.name: _backends_of(config, section) for section in config.channels.values()
    }
    return RoutingTable(receivers, by_channel)


def _backends_of(config: Config, section: ChannelSection) -> Sequence[str]:
    """Return the backends of the first route that the channel takes."""
    for route in config.settings.routes:
        if route.matches(section.name, section.kind, section.config.labels):
            return route.backends
    return ()
