"""Find and load the kinds that the configuration names; a broken plugin costs only its own sections.

A plugin is an entry point in the group ``omnigate``; its name is the kind. Nothing is imported that
was not asked for. Nobody else touches pluggy: the hooks are called here, with their types.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeVar, cast

import pluggy

from omnigate.backend import Backend, BackendConfig
from omnigate.capabilities import Capabilities
from omnigate.channel import Channel, ChannelConfig, PluginConfig
from omnigate.errors import OmnigateError
from omnigate.hookspecs import PROJECT, Hooks

GROUP: Final = "omnigate"

ClassT = TypeVar("ClassT", Channel, Backend)


class _Broken(OmnigateError):
    """A plugin was imported and is not what a plugin must be."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A plugin as its distribution lists it; nothing of it has been imported."""

    kind: str
    module: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The classes of the kinds that were asked for."""

    channels: Mapping[str, type[Channel]] = field(default_factory=dict)
    backends: Mapping[str, type[Backend]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    """Kind → why its plugin cannot be used."""
    available: Collection[str] = ()
    """The kinds of all plugins installed, asked for or not."""


def installed() -> list[Installed]:
    """Return every plugin on this machine, by kind; imports none of them."""
    return [
        Installed(
            kind=entry.name,
            module=entry.value,
            distribution=entry.dist.name if entry.dist else "unknown",
            version=entry.dist.version if entry.dist else "",
        )
        for entry in _entries()
    ]


def load(kinds: Iterable[str]) -> Catalogue:
    """Import the plugins of these kinds, and no others; kinds that nobody provides are left out."""
    wanted = frozenset(kinds)
    channels: dict[str, type[Channel]] = {}
    backends: dict[str, type[Backend]] = {}
    broken: dict[str, str] = {}
    entries: dict[str, list[EntryPoint]] = {}
    for entry in _entries():
        entries.setdefault(entry.name, []).append(entry)
    for kind in sorted(wanted & entries.keys()):
        try:
            channel, backend = _load(kind, entries[kind])
        # A plugin is a stranger's code and may fail in any way, sys.exit() at import included; the
        # other sections must go on. Interrupts of the operator pass.
        except (Exception, SystemExit) as error:
            broken[kind] = _reason(error) + _remedy(error, entries[kind][0])
            continue
        if channel is not None:
            channels[kind] = channel
        if backend is not None:
            backends[kind] = backend
    return Catalogue(channels, backends, broken, frozenset(entries))


def _entries() -> list[EntryPoint]:
    """Return the entry points, each once: a checkout on the path may list the same one twice."""
    unique = {(entry.name, entry.value): entry for entry in entry_points(group=GROUP)}
    return [unique[key] for key in sorted(unique)]


def _load(
    kind: str, entries: Sequence[EntryPoint]
) -> tuple[type[Channel] | None, type[Backend] | None]:
    if len(entries) > 1:
        sources = ", ".join(
            f"{entry.dist.name if entry.dist else entry.value}" for entry in entries
        )
        raise _Broken(f"several distributions provide {kind}: {sources}; uninstall all but one")
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(entries[0].load(), name=kind)
    manager.check_pending()
    channels = _classes(manager.hook.omnigate_channels(), Channel, "omnigate_channels")  # type: ignore[type-abstract]  # compared with, never built
    backends = _classes(manager.hook.omnigate_backends(), Backend, "omnigate_backends")  # type: ignore[type-abstract]  # compared with, never built
    channel = _of_kind(kind, channels)
    backend = _of_kind(kind, backends)
    if channel is None and backend is None:
        provided = {item.kind for item in channels} | {item.kind for item in backends}
        found = ", ".join(sorted(provided)) or "nothing"
        raise _Broken(f"its entry point is named {kind}, but it provides {found}")
    if channel is not None:
        _require_config(channel, channel.Config, ChannelConfig)
        if not isinstance(getattr(channel, "capabilities", None), Capabilities):
            raise _Broken(f"{channel.__name__} declares no capabilities")
    if backend is not None:
        _require_config(backend, backend.Config, BackendConfig)
    return channel, backend


def _classes(results: object, base: type[ClassT], hook: str) -> list[type[ClassT]]:
    """Return what a hook gave, checked: each implementation returns a sequence of classes."""
    found: list[type[ClassT]] = []
    for result in cast("list[object]", results):
        if not isinstance(result, Sequence) or isinstance(result, str | bytes):
            raise _Broken(f"{hook} must return a list of classes, not {type(result).__name__}")
        for item in result:
            if not (isinstance(item, type) and issubclass(item, base)):
                raise _Broken(f"{hook} must return subclasses of {base.__name__}, not {item!r}")
            if not isinstance(getattr(item, "kind", None), str):
                raise _Broken(f"{item.__name__} declares no kind")
            if inspect.isabstract(item):
                missing = ", ".join(sorted(item.__abstractmethods__))
                raise _Broken(f"{item.__name__} does not implement {missing}")
            found.append(item)
    return found


def _of_kind(kind: str, classes: Sequence[type[ClassT]]) -> type[ClassT] | None:
    matching = [item for item in classes if item.kind == kind]
    if len(matching) > 1:
        names = ", ".join(item.__name__ for item in matching)
        raise _Broken(f"it provides the kind {kind} more than once: {names}")
    return matching[0] if matching else None


def _require_config(owner: type, config: object, base: type[PluginConfig]) -> None:
    if not (isinstance(config, type) and issubclass(config, base)):
        raise _Broken(f"{owner.__name__}.Config must derive from {base.__name__}")


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, _Broken):
        return text
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"it needs the Python module {error.name}, which is not installed"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _remedy(error: BaseException, entry: EntryPoint) -> str:
    """Return how to install what is missing: a distribution calls the extra of a kind as the kind."""
    if not isinstance(error, ModuleNotFoundError) or entry.dist is None:
        return ""
    if entry.name not in (entry.dist.metadata.get_all("Provides-Extra") or ()):
        return ""
    return f'; install it with: pip install "{entry.dist.name}[{entry.name}]"'
