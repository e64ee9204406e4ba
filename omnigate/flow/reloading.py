"""Reading the configuration again while the daemon runs: what changed is exchanged, the rest goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from omnigate.config import Config, Settings

AT_START_ONLY: Final = ("server", "admin", "store", "media")
"""Tables that are built into what runs; a change of them waits for the next start."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What reading the configuration again came down to; members as ``channel site``."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    restart_needed: list[str] = field(default_factory=list)
    """Tables whose changes hold only after a restart."""
    warnings: list[str] = field(default_factory=list)


def changed_at_start_only(before: Settings, after: Settings) -> list[str]:
    """Return the tables that changed and cannot be taken over by a running daemon."""
    return [name for name in AT_START_ONLY if getattr(before, name) != getattr(after, name)]


def merged(running: Config, wanted: Config) -> Config:
    """Return the wanted configuration with what only a start can change left as it is."""
    keep: Sequence[str] = AT_START_ONLY
    settings = wanted.settings.model_copy(
        update={name: getattr(running.settings, name) for name in keep}
    )
    return Config(
        path=wanted.path,
        settings=settings,
        channels=wanted.channels,
        backends=wanted.backends,
        broken=wanted.broken,
        warnings=wanted.warnings,
        files=wanted.files,
        channel_names=wanted.channel_names,
    )
