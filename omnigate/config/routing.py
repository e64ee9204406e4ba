"""Routes: what they name must exist, and what they can never reach is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import ValidationError

from omnigate.config.checking import did_you_mean
from omnigate.config.reading import Document
from omnigate.config.sections import Catalogue, Sections, tables
from omnigate.config.tables import Route
from omnigate.errors import Problem
from omnigate.model.event import OPERATIONAL, types_matching

_WILDCARDS: Final = frozenset("*?[")


def check(document: Document, catalogue: Catalogue) -> None:
    """Note every route that names a channel, kind, label or backend that is not there."""
    channels = dict(tables(document, "channel"))
    backends = dict(tables(document, "backend"))
    used = {kind for raw in channels.values() if isinstance(kind := raw.get("kind"), str)}
    labels = {label for raw in channels.values() for label in _texts(raw.get("labels"))}
    for index, route in _routes(document):
        literal = [name for name in route.channels if _WILDCARDS.isdisjoint(name)]
        for key, given, known, what in (
            ("channels", literal, channels.keys(), "channel is called"),
            ("kinds", route.kinds, used | set(catalogue.available), "plugin is installed for"),
            ("labels", route.labels, labels, "channel has the label"),
            ("backends", route.backends, backends.keys(), "backend is called"),
            ("observers", route.observers, backends.keys(), "backend is called"),
        ):
            for word in given:
                if word not in known:
                    words = f"known here: {', '.join(sorted(known))}" if known else ""
                    hint = did_you_mean(word, known) or words
                    place = ("routes", index, key)
                    message = f"no {what} {word!r}"
                    document.problems.append(document.problem(place, message, hint))


def warnings(document: Document, sections: Sections) -> Iterator[Problem]:
    """Return what is allowed and yet hardly meant: routes to nothing, channels without a route."""
    unrouted = dict(sections.channels)
    unfed = dict(sections.backends)
    for index, route in _routes(document):
        place = ("routes", index)
        if not route.backends:
            hint = "name a backend, or remove the route if that is meant"
            message = "leads to no backend: events are only stored"
            if route.observers:
                message = (
                    "leads to observers alone: nobody answers until a conversation is handed over"
                )
            yield document.problem(place, message, hint)
        for key, names in (("backends", route.backends), ("observers", route.observers)):
            for name in names:
                unfed.pop(name, None)
                if name in sections.backends and not sections.backends[name].config.enabled:
                    message = f"{name} is not enabled: its events wait until it is"
                    yield document.problem((*place, key), message)
        taken = [
            name
            for name, section in unrouted.items()
            if route.matches(name, section.kind, section.config.labels)
        ]
        if not taken and sections.channels:
            hint = "the first route that matches decides; put narrower routes first"
            yield document.problem(place, "is never reached by any channel", hint)
        for name in taken:
            del unrouted[name]
    for name in unrouted:
        hint = "add it to a route, or it is only stored"
        yield document.problem(("channels", name), "no route leads from this channel", hint)
    for name, backend in unfed.items():
        wanted = frozenset().union(*map(types_matching, backend.config.events))
        if wanted <= OPERATIONAL:
            continue  # these need no route
        hint = "add it to the backends of a route, unless conversations are handed to it"
        message = "no route names it: it gets no messages but those of conversations handed to it"
        yield document.problem(("backends", name), message, hint)


def _routes(document: Document) -> Iterator[tuple[int, Route]]:
    """Return the routes that are well-formed, with their place; the settings report the others."""
    routes = document.table.get("routes")
    for index, raw in enumerate(routes if isinstance(routes, list) else []):
        try:
            yield index, Route.model_validate(raw)
        except ValidationError:
            continue


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
