"""Read, resolve and check a whole configuration: all mistakes at once, or a `Config`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from omnigate.config import advice, closed, naming, reading, routing, sections
from omnigate.config.checking import validate
from omnigate.config.reading import Document
from omnigate.config.sections import (
    BackendSection,
    BrokenSection,
    Catalogue,
    ChannelSection,
    Sections,
)
from omnigate.config.settings import Settings
from omnigate.config.together import as_far_as_good
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


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is to say of a configuration."""

    sound: Config | None
    """What is good of it, all of it where there are no problems; None when the daemon's own tables are not.

    Beside problems it has no routes: where they lead nobody can tell.
    """
    problems: tuple[Problem, ...]
    """Every mistake that there is, in the order of the files."""
    warnings: tuple[Problem, ...]


def load(
    path: Path | None,
    find_kinds: Callable[[frozenset[str]], Catalogue],
    *,
    without: Path | None = None,
) -> Config:
    """Return the configuration; see `look`. Raises `ConfigError` with every mistake that there is."""
    found = look(path, find_kinds, without=without)
    if found.problems or found.sound is None:
        raise ConfigError(found.problems, found.warnings)
    return found.sound


def look(
    path: Path | None,
    find_kinds: Callable[[frozenset[str]], Catalogue],
    *,
    without: Path | None = None,
) -> Looked:
    """Read the configuration; ``find_kinds`` is asked once, for the kinds that it names.

    Relative paths are taken from the directory of the main file. With ``without`` it is looked at as it
    would be if that drop-in was not there. Raises `ConfigError` only when the main file cannot be read.
    """
    document = reading.read(reading.find(path), without=without)
    settings = validate(document, (), Settings, document.table)
    half = settings or as_far_as_good(document, (), Settings, document.table)
    catalogue = find_kinds(sections.kinds(document))
    checked = sections.check(document, catalogue)
    routing.check(document, catalogue)
    document.problems += advice.unusable(document, half)
    if document.problems or settings is None:
        # Of a part of it not much else can be told: routes that seem to lead nowhere may yet do.
        warnings = _in_order(naming.warnings(document, checked))
        sound = None
        if settings is not None:
            pathless = settings.model_copy(update={"routes": []})
            sound = _made(document, pathless, checked, warnings)
        return Looked(sound, _in_order(document.problems), warnings)
    warnings = _in_order(
        [
            *routing.warnings(document, checked),
            *naming.warnings(document, checked),
            *closed.warnings(document, checked, datetime.now(UTC)),
            *advice.warnings(document, settings, checked),
        ]
    )
    return Looked(_made(document, settings, checked, warnings), (), warnings)


def _made(
    document: Document, settings: Settings, checked: Sections, warnings: tuple[Problem, ...]
) -> Config:
    return Config(
        path=document.path,
        settings=settings.anchored(document.path.parent),
        channels=checked.channels,
        backends=checked.backends,
        broken=tuple(checked.broken),
        warnings=warnings,
        files=tuple(document.files),
        channel_names=frozenset(settings.channels),
    )


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems as they stand in the files, those of a file as a whole first."""
    found = list(problems)
    files = list(dict.fromkeys(each.where for each in found))
    return tuple(sorted(found, key=lambda each: (files.index(each.where), each.line or 0)))


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
