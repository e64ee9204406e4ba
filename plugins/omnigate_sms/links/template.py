"""Texts with places to be filled in, such as ``Bearer {secret.key}``, and where values stand in JSON.

A filled value never becomes part of the form around it: addresses are percent-encoded here, fields of
forms and JSON are filled whole before they are encoded, headers refuse what ends a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import omnigate

PLACES: Final = frozenset({"to", "from", "text", "id", "own_id", "callback", "valid_seconds"})
"""What may be filled in, beside ``secret.<name>``."""

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([a-z_]+(?:\.[A-Za-z0-9_-]{1,50})?)(:int)?\}|[{}]")
_HEADER: Final = re.compile(r"[\t\x20-\x7e]{0,4096}")
_DEEPEST: Final = 10
_LONGEST_INTEGER: Final = 18


def places_of(template: str) -> Iterator[str]:
    """Return the places of a template; raises ``ValueError`` for what is not one."""
    for token in _TOKEN.finditer(template):
        if token[0] in ("{{", "}}"):
            continue
        if token[1] is None:
            raise ValueError(f"a brace that stands for itself is written twice: {template!r}")
        yield token[1]


def check_places(template: str, allowed: frozenset[str]) -> None:
    """Raise ``ValueError`` unless every place of a template can be filled in where it stands."""
    for place in places_of(template):
        if place not in allowed:
            known = ", ".join(f"{{{one}}}" for one in sorted(allowed))
            raise ValueError(f"{{{place}}} cannot stand here; there are {known}")


def fill(
    template: str, values: Mapping[str, str], escape: Callable[[str], str] = lambda value: value
) -> str:
    """Return a template with its places filled in, each value escaped."""

    def filled(token: re.Match[str]) -> str:
        return token[0][0] if token[1] is None else escape(values[token[1]])

    return _TOKEN.sub(filled, template)


def fill_url(template: str, values: Mapping[str, str]) -> str:
    """Return an address: what is filled in stays within its step of the path, or its value."""
    return fill(template, values, _percent)


def _percent(value: str) -> str:
    # A step of dots alone would climb, even percent-encoded.
    if not value.strip("."):
        raise omnigate.Refused(
            "bad_address", "an empty value or dots alone cannot stand in an address"
        )
    return quote(value, safe="")


def fill_header(template: str, values: Mapping[str, str]) -> str:
    """Return a header's value; raises `omnigate.Refused` for what no header can hold."""
    value = fill(template, values)
    if not _HEADER.fullmatch(value):
        raise omnigate.Refused("bad_header", "a header holds only printable ASCII on one line")
    return value


def fill_json(template: Any, values: Mapping[str, str]) -> Any:
    """Return a structure with all its strings filled in; ``{…:int}`` alone becomes a number."""
    if isinstance(template, dict):
        return {name: fill_json(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [fill_json(value, values) for value in template]
    if not isinstance(template, str):
        return template
    token = _TOKEN.fullmatch(template)
    if token is not None and token[2] is not None:
        return _integer(values[token[1]])
    return fill(template, values)


def _integer(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= _LONGEST_INTEGER):
        raise omnigate.Refused("bad_number", "the provider wants a number, and this is none")
    return int(value)


def strings_of(template: Any, depth: int = 0) -> Iterator[str]:
    """Return all strings of a structure; raises ``ValueError`` for one that is too deep."""
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if isinstance(template, str):
        yield template
    elif isinstance(template, dict):
        for name, value in template.items():
            if "{" in name or "}" in name:
                raise ValueError("names cannot be filled in, only values")
            yield from strings_of(value, depth + 1)
    elif isinstance(template, list):
        for value in template:
            yield from strings_of(value, depth + 1)


# ---- where values stand --------------------------------------------------------------------------


def check_path(path: str) -> str:
    """Return a path such as ``/messages/0/id``; raises ``ValueError`` for what is none."""
    if path != "/" and (not path.startswith("/") or "//" in path or path.endswith("/")):
        raise ValueError(
            "a path is written /name/0/name: steps of names and numbers, / for all of it"
        )
    return path


def at(document: Any, path: str) -> Any:
    """Return what stands at a path of JSON; None where there is nothing. ``*`` is every item of a list.

    ``~1`` is a slash within a step and ``~0`` a tilde, as in RFC 6901.
    """
    if path == "/":
        return document
    return _walk(document, path[1:].split("/"))


def _walk(document: Any, steps: list[str]) -> Any:
    for position, step in enumerate(steps):
        if step == "*" and isinstance(document, list):
            return [_walk(one, steps[position + 1 :]) for one in document]
        if isinstance(document, list):
            known = (
                step.isascii() and step.isdigit() and len(step) < 6 and int(step) < len(document)
            )
            document = document[int(step)] if known else None
        elif isinstance(document, dict):
            document = document.get(step.replace("~1", "/").replace("~0", "~"))
        else:
            return None
    return document


def plain(value: Any) -> str | None:
    """Return a value as the text it is in JSON, without spaces around it; None for what is no plain value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value).strip() or None
    return None
