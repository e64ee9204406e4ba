"""Fields that hold the name of a channel: there should be one of that name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from omnigate.calling import CallChannel
from omnigate.channel import Channel, NamesChannel
from omnigate.config.annotations import below, key_of
from omnigate.config.checking import did_you_mean
from omnigate.config.lines import Place
from omnigate.config.reading import Document
from omnigate.config.sections import Sections, tables
from omnigate.errors import Problem


class Named(NamedTuple):
    """The name of a channel in a configuration."""

    place: Place
    name: str
    mark: NamesChannel


def warnings(document: Document, sections: Sections) -> Iterator[Problem]:
    """Return the names of channels that are not there, not started or call nobody, as they should.

    The daemon runs without them.
    """
    there = [name for name, _ in tables(document, "channel")]
    configs: dict[Place, BaseModel] = dict(sections.halves)
    configs |= {("channels", name): one.config for name, one in sections.channels.items()}
    configs |= {("backends", name): one.config for name, one in sections.backends.items()}
    for place, config in configs.items():
        for found in names_in(config, place):
            yield from _problems(document, sections, found, there)


def _problems(
    document: Document, sections: Sections, found: Named, there: Sequence[str]
) -> Iterator[Problem]:
    name, known = found.name, sections.channels.get(found.name)
    if name not in there:
        # A channel is no remedy for itself.
        others = [one for one in there if found.place[:2] != ("channels", one)]
        fitting = [one for one in others if not found.mark.links or _leads(sections, one)]
        hint = did_you_mean(name, fitting) or _known_here(sections, fitting)
        yield document.problem(found.place, f"no channel is called {name!r}", hint)
    elif known is not None and not known.config.enabled:
        yield document.problem(found.place, f"{name} is not enabled")
    elif known is not None and found.mark.calls and not issubclass(known.plugin, CallChannel):
        calling = [
            one.name for one in sections.channels.values() if issubclass(one.plugin, CallChannel)
        ]
        hint = (
            _known_here(sections, calling)
            or "a channel that does is added by: omnigate channel add"
        )
        yield document.problem(found.place, f"{name} calls nobody", hint)
    elif found.mark.links and not _leads(sections, name):
        fitting = [one for one in sections.channels if _leads(sections, one)]
        message = f"nobody can carry on in {name}: it has no links"
        yield document.problem(
            found.place, message, _known_here(sections, fitting) or "take it out"
        )


def _leads(sections: Sections, name: str) -> bool:
    """Tell whether there are links into a channel; of one that is not known yes."""
    known = sections.channels.get(name)
    return known is None or known.plugin.handover_link is not Channel.handover_link


def _known_here(sections: Sections, names: Sequence[str]) -> str:
    told = [f"{name}{_but(sections, name)}" for name in sorted(names)]
    return f"known here: {', '.join(told)}" if told else ""


def _but(sections: Sections, name: str) -> str:
    """Return why nobody gets to a channel as it stands; empty for one that is well."""
    known = sections.channels.get(name)
    if known is None:
        is_plugin = any((one.direction, one.name) == ("channel", name) for one in sections.broken)
        return " (its plugin is broken)" if is_plugin else " (has mistakes)"
    return "" if known.config.enabled else " (not enabled)"


def names_in(config: BaseModel, place: Place) -> Iterator[Named]:
    """Return each name of a channel that a configuration holds, and where; ``place`` is its own."""
    for name, field in type(config).model_fields.items():
        annotation: Any = field.annotation
        if field.metadata:
            annotation = Annotated[annotation, *field.metadata]
        yield from _below(annotation, getattr(config, name, None), (*place, key_of(name, field)))


def _below(annotation: Any, value: Any, place: Place) -> Iterator[Named]:
    if isinstance(value, BaseModel):
        yield from names_in(value, place)
    elif isinstance(value, str):
        if (mark := _mark(annotation)) is not None:
            yield Named(place, value, mark)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _below(below(annotation, str(key)), item, (*place, str(key)))
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from _below(below(annotation, index), item, (*place, index))


def _mark(annotation: Any) -> NamesChannel | None:
    """Return what says that a field names a channel, if it does."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        own = next((mark for mark in marks if isinstance(mark, NamesChannel)), None)
        return own or _mark(inner)
    members = get_args(annotation) if origin in (Union, UnionType) else ()
    return next((mark for member in members if (mark := _mark(member)) is not None), None)
