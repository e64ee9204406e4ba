"""Channels and backends of a configuration: each section checked by the class of its kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeVar

from pydantic import BaseModel

from omnigate.backend import Backend, BackendConfig
from omnigate.channel import Channel, ChannelConfig
from omnigate.config.checking import did_you_mean, validate
from omnigate.config.lines import Place
from omnigate.config.reading import Document
from omnigate.config.secrets import resolve
from omnigate.config.settings import NAME_PATTERN
from omnigate.config.together import as_far_as_good

Direction = Literal["channel", "backend"]
ModelT = TypeVar("ModelT", bound=BaseModel)

_DIRECTIONS: Final[tuple[Direction, Direction]] = ("channel", "backend")
NAME_RULE: Final = "lower-case letters, digits, - and _, at most 63, the first a letter or digit"
_NAME: Final = re.compile(NAME_PATTERN)


class Catalogue(Protocol):
    """The classes of the kinds that were asked for."""

    @property
    def channels(self) -> Mapping[str, type[Channel]]:
        """Kind → channel class."""

    @property
    def backends(self) -> Mapping[str, type[Backend]]:
        """Kind → backend class."""

    @property
    def broken(self) -> Mapping[str, str]:
        """Kind → why its plugin cannot be used."""

    @property
    def available(self) -> Collection[str]:
        """The kinds of all plugins installed, asked for or not."""


@dataclass(frozen=True, slots=True)
class ChannelSection:
    """One ``[channels.<name>]``: build it with ``plugin(config, host)``."""

    name: str
    kind: str
    plugin: type[Channel]
    config: ChannelConfig


@dataclass(frozen=True, slots=True)
class BackendSection:
    """One ``[backends.<name>]``: build it with ``plugin(config, host)``."""

    name: str
    kind: str
    plugin: type[Backend]
    config: BackendConfig


@dataclass(frozen=True, slots=True)
class BrokenSection:
    """A section whose plugin is installed but cannot be used; the others go on."""

    name: str
    kind: str
    direction: Direction
    error: str


@dataclass(slots=True)
class Sections:
    """What is good in the two tables; what is not stands in the document's problems."""

    channels: dict[str, ChannelSection] = field(default_factory=dict)
    backends: dict[str, BackendSection] = field(default_factory=dict)
    broken: list[BrokenSection] = field(default_factory=list)
    halves: dict[Place, BaseModel] = field(default_factory=dict)
    """Of sections with mistakes what is good in them: keys that are wrong or missing are not set."""


def tables(document: Document, direction: Direction) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the sections by name; what is no table is reported with the settings."""
    section = document.table.get(f"{direction}s")
    if isinstance(section, dict):
        yield from ((name, raw) for name, raw in section.items() if isinstance(raw, dict))


def kinds(document: Document) -> frozenset[str]:
    """Return every kind that the configuration names."""
    named = (raw.get("kind") for way in _DIRECTIONS for _, raw in tables(document, way))
    return frozenset(kind for kind in named if isinstance(kind, str))


def check(document: Document, catalogue: Catalogue) -> Sections:
    """Return the sections as their kinds understand them, noting every mistake in the document."""
    sections = Sections()
    for name, raw in tables(document, "channel"):
        kind = _kind(document, "channel", name, raw, catalogue, sections)
        channel = catalogue.channels.get(kind or "")
        if kind and channel:
            channel_config = _configured(document, "channel", name, raw, channel.Config, sections)
            if channel_config:
                sections.channels[name] = ChannelSection(name, kind, channel, channel_config)
    for name, raw in tables(document, "backend"):
        kind = _kind(document, "backend", name, raw, catalogue, sections)
        backend = catalogue.backends.get(kind or "")
        if kind and backend:
            backend_config = _configured(document, "backend", name, raw, backend.Config, sections)
            if backend_config:
                sections.backends[name] = BackendSection(name, kind, backend, backend_config)
    return sections


def _kind(
    document: Document,
    direction: Direction,
    name: str,
    raw: Mapping[str, Any],
    catalogue: Catalogue,
    sections: Sections,
) -> str | None:
    """Return the kind of a section if its plugin can be used, noting whatever is wrong."""
    place = (f"{direction}s", name)
    if not _NAME.fullmatch(name):
        document.problems.append(document.problem(place, "is not a usable name", NAME_RULE))
    kind = raw.get("kind")
    own = catalogue.channels if direction == "channel" else catalogue.backends
    other = catalogue.backends if direction == "channel" else catalogue.channels
    if not isinstance(kind, str):
        message = "is missing" if kind is None else "expected a text in quotes"
        hint = f"which kind of {direction} this is; omnigate plugin list shows them"
        document.problems.append(document.problem((*place, "kind"), message, hint))
    elif kind in own:
        return kind
    elif kind in catalogue.broken:
        broken = BrokenSection(name, kind, direction, catalogue.broken[kind])
        sections.broken.append(broken)
    elif kind in other:
        opposite = "backend" if direction == "channel" else "channel"
        hint = f"move it to [{opposite}s.{name}]"
        message = f"{kind} is a kind of {opposite}, not of {direction}"
        document.problems.append(document.problem((*place, "kind"), message, hint))
    else:
        hint = did_you_mean(kind, catalogue.available) or "see: omnigate plugin list"
        message = f"no plugin for the kind {kind!r} is installed"
        document.problems.append(document.problem((*place, "kind"), message, hint))
    return None


def _configured(
    document: Document,
    direction: Direction,
    name: str,
    raw: dict[str, Any],
    model: type[ModelT],
    sections: Sections,
) -> ModelT | None:
    place = (f"{direction}s", name)
    own = {key: value for key, value in raw.items() if key != "kind"}
    given = resolve(document, place, own, model)
    made = validate(document, place, model, given)
    if made is None:
        sections.halves[place] = as_far_as_good(document, place, model, given)
    return made
