"""Read, resolve and check a whole configuration: all mistakes at once, or a `Config`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from omnigate.config import advice, reading, routing, sections
from omnigate.config.checking import validate
from omnigate.config.sections import BackendSection, BrokenSection, Catalogue, ChannelSection
from omnigate.config.settings import Settings
from omnigate.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without mistakes."""

    path: Path
    """The main file, absolute."""
    settings: Settings
    channels: dict[str, ChannelSection] = field(default_factory=dict)
    backends: dict[str, BackendSection] = field(default_factory=dict)
    broken: tuple[BrokenSection, ...] = ()
    warnings: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()
    """All files that were read, the main one first."""
    channel_names: frozenset[str] = frozenset()
    """What the channels are called, also where they were neither checked nor returned."""


def load(
    path: Path | None,
    find_kinds: Callable[[frozenset[str]], Catalogue],
    *,
    without: Path | None = None,
) -> Config:
    """Return the configuration; ``find_kinds`` is asked once, for the kinds that it names.

    Relative paths are taken from the directory of the main file. With ``without`` it is returned as
    it would be if that drop-in was not there. Raises `ConfigError` with every mistake that there is.
    """
    document = reading.read(reading.find(path), without=without)
    settings = validate(document, (), Settings, document.table)
    catalogue = find_kinds(sections.kinds(document))
    checked = sections.check(document, catalogue)
    routing.check(document, catalogue)
    if settings is not None:
        document.problems += advice.unusable(document, settings)
    if document.problems or settings is None:
        raise ConfigError(document.problems)
    warnings = [*routing.warnings(document, checked), *advice.warnings(document, settings, checked)]
    return Config(
        path=document.path,
        settings=settings.anchored(document.path.parent),
        channels=checked.channels,
        backends=checked.backends,
        broken=tuple(checked.broken),
        warnings=tuple(warnings),
        files=tuple(document.files),
        channel_names=frozenset(settings.channels),
    )


def outline(path: Path | None) -> Config:
    """Return only the settings: enough to reach the daemon or its store, without any secret.

    Channels and backends are neither checked nor returned, so that a command works in a shell that
    has not the daemon's environment. Raises `ConfigError` as `load` does.
    """
    document = reading.read(reading.find(path))
    settings = validate(document, (), Settings, document.table)
    if document.problems or settings is None:
        raise ConfigError(document.problems)
    anchored = settings.anchored(document.path.parent)
    return Config(
        path=document.path,
        settings=anchored,
        files=tuple(document.files),
        channel_names=frozenset(settings.channels),
    )
