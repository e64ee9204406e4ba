"""Read, resolve and check a whole configuration: all mistakes at once, or a `Config`."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omnigate.config import reading, routing, sections
from omnigate.config.checking import validate
from omnigate.config.reading import Document
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


def load(path: Path | None, find_kinds: Callable[[frozenset[str]], Catalogue]) -> Config:
    """Return the configuration; ``find_kinds`` is asked once, for the kinds that it names.

    Relative paths are taken from the directory of the main file. Raises `ConfigError` with every
    mistake that there is.
    """
    document = reading.read(reading.find(path))
    settings = validate(document, (), Settings, document.table)
    catalogue = find_kinds(sections.kinds(document))
    checked = sections.check(document, catalogue)
    routing.check(document, catalogue)
    if document.problems or settings is None:
        raise ConfigError(document.problems)
    warnings = [
        *_broken(document, checked.broken),
        *routing.warnings(document, checked),
        *_readable(document),
        *_misplaced(document, settings),
    ]
    return Config(
        path=document.path,
        settings=settings.anchored(document.path.parent),
        channels=checked.channels,
        backends=checked.backends,
        broken=tuple(checked.broken),
        warnings=tuple(warnings),
        files=tuple(document.files),
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
    return Config(path=document.path, settings=anchored, files=tuple(document.files))


def _broken(document: Document, broken: list[BrokenSection]) -> Iterator[Problem]:
    for section in broken:
        place = (f"{section.direction}s", section.name)
        message = f"cannot start, its plugin is broken: {section.error}"
        hint = f"see: omnigate plugin describe {section.kind}"
        yield document.problem(place, message, hint)


def _readable(document: Document) -> Iterator[Problem]:
    for path in sorted(document.literal_secrets):
        if path.stat().st_mode & stat.S_IROTH:
            yield Problem(
                str(path),
                "",
                "holds secrets and can be read by every user of this machine",
                f"chmod o-r {path}",
            )


def _misplaced(document: Document, settings: Settings) -> Iterator[Problem]:
    """Warn of ``sqlite:///var/lib/…``: three slashes make a path relative, four absolute."""
    path = settings.store.path
    meant = Path("/", path)
    if path.is_absolute() or len(path.parts) < 2 or not Path("/", path.parts[0]).is_dir():
        return
    if not (document.path.parent / path).parent.is_dir():
        message = f"three slashes: the store will be {document.path.parent / path}"
        yield document.problem(("store", "url"), message, f"sqlite:////{path} means {meant}")
