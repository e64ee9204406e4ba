"""Who is at work, or should be: a configured channel or backend with all that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from omnigate.config import BackendSection, BrokenSection, ChannelSection, Config
from omnigate.flow.destination import Destination
from omnigate.flow.outfit import Outfit
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.destinations import Direction, Health, HealthState

Section = BackendSection | ChannelSection
Key = tuple[Direction, str]
BY_OPERATOR: Final = "paused by the operator"
DRAINED: Final = "drained: all that was owed is sent"
State = HealthState | Literal["broken", "disabled", "absent"]
"""``broken``: there is no instance; ``absent``: something is owed to it and nobody goes by its name."""


@dataclass(slots=True, eq=False)
class Member:
    """A channel or backend at work, as the operator sees it too."""

    direction: Direction
    name: str
    kind: str
    health: Health
    section: Section | None = None
    """None: the plugin is broken."""
    failure: str | None = None
    """Why there is no instance."""
    outfit: Outfit | None = None
    """None: there is no instance; what is owed waits."""
    destination: Destination | None = None
    runner: ChannelRunner | None = None
    """Of channels only."""

    @property
    def enabled(self) -> bool:
        """Whether the configuration wants it to work."""
        return self.section is None or self.section.config.enabled

    @property
    def state(self) -> State:
        """How deliveries to it stand, in one word."""
        if not self.enabled:
            return "disabled"
        return "broken" if self.failure is not None else self.health.state


@dataclass(frozen=True, slots=True)
class Absentee:
    """Somebody who is owed something, or left dead letters, and is not a member."""

    direction: Direction
    name: str
    health: Health
    """Nothing is known of it: nobody works on it."""
    state: Literal["absent", "disabled"]
    """``disabled`` is a channel that the configuration has and does not want to work."""
    kind: str = ""
    enabled: bool = False
    failure: None = None


def wanted_members(config: Config) -> Iterator[tuple[Key, Section | BrokenSection]]:
    """Return who is to be a member: backends that are not enabled too, since events wait for them."""
    for backend in config.backends.values():
        yield ("backend", backend.name), backend
    for channel in config.channels.values():
        if channel.config.enabled:
            yield ("channel", channel.name), channel
    for broken in config.broken:
        yield (broken.direction, broken.name), broken


def called(key: Key) -> str:
    """Return what people call a member: ``channel site``."""
    return " ".join(key)
