"""What a model finds wrong with data, in the words of whoever sent it: what is wrong, what is allowed.

A validator's own sentences name Python's types and the classes of the model. Here they become ``is
missing`` or ``expected a whole number``, under the path as the sender wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MOST: Final = 20
"""How many complaints are worked out at most."""
UNKNOWN: Final = object()
"""Stands for data that nobody has kept."""

_LONGEST_SHOWN: Final = 60
_LONGEST_STUMBLE: Final = 200
_CHOICES: Final = ("literal_error", "enum")
_TEXT, _OBJECT, _LIST, _WHOLE = "a text", "an object", "a list", "a whole number"
_TIME: Final = "a time with its offset such as 2026-08-21T09:30:00Z"
_WORDS: Final[Mapping[str, str]] = {
    "json_invalid": "is not JSON: {error}",
    "missing": "is missing",
    "extra_forbidden": "is unknown here",
    "invalid_key": "has a key that is not text",
    "recursion_loop": "contains itself",
    "string_unicode": "is not valid text",
    "value_error": "{error}",
    "assertion_error": "{error}",
    "none_required": "expected null",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "multiple_of": "expected a multiple of {multiple_of}",
    "finite_number": "expected a finite number",
    "int_parsing_size": "expected a whole number of fewer digits",
    "too_short": "expected at least {min_length} item{plural}",
    "too_long": "expected at most {max_length} item{plural}",
    "bytes_too_short": "expected {min_length} bytes or more",
    "bytes_too_long": "expected at most {max_length} bytes",
    "string_too_short": "expected at least {min_length} character{plural}",
    "string_too_long": "expected at most {max_length} character{plural}",
    "string_not_ascii": "expected plain Latin characters",
    "literal_error": "expected {expected}",
    "enum": "expected {expected}",
    "url_scheme": "expected an address that begins with {expected_schemes}",
    "url_too_long": "expected at most {max_length} characters",
    "datetime_past": "expected a time in the past",
    "datetime_future": "expected a time in the future",
    "date_past": "expected a date in the past",
    "date_future": "expected a date in the future",
}
_TYPES: Final[Mapping[str, str]] = {
    "string": _TEXT,
    "int": _WHOLE,
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "list": _LIST,
    "tuple": _LIST,
    "set": _LIST,
    "frozen_set": _LIST,
    "iterable": _LIST,
    "dict": _OBJECT,
    "mapping": _OBJECT,
    "model": _OBJECT,
    "model_attributes": _OBJECT,
    "dataclass": _OBJECT,
    "datetime": _TIME,
    "timezone": _TIME,
    "date": "a date such as 2026-08-21",
    "time": "a time of day such as 09:30",
    "url": "an address such as https://example.org",
    "uuid": "a UUID",
    "bytes": _TEXT,
}
"""By what a complaint's name begins with: ``int_type``, ``int_parsing``, ``int_from_float``."""
_PATTERNS: Final = (
    (re.compile(r"\^([a-z]{3}_)\[0-9a-v\]\{26\}\$"), "an identifier that begins with {0}"),
    (re.compile(r"\^https\?://.*"), "an address that begins with https:// or http://"),
)


class Complaint(NamedTuple):
    """One thing that is wrong."""

    path: str
    """Keys and indexes with dots between them; empty for the whole."""
    message: str


class _Found(NamedTuple):
    place: tuple[str | int, ...]
    """Without the steps that stand for a member of a union."""
    member: tuple[int, str] | None
    """Where the first of those steps was, and which member it stands for."""
    message: str


def complaints(
    error: ValidationError, given: Any = UNKNOWN, *, quoting: bool = False
) -> list[Complaint]:
    """Return what is wrong, at most `MOST`; nothing of the data but what the paths name.

    With the data as it was ``given``, paths lead through it alone; of the members of a union only the
    nearest is complained about. ``quoting``: a word that is none of those allowed is repeated.
    """
    found = [_found(item, given, quoting=quoting) for item in error.errors(include_url=False)]
    kept = _nearest(found)
    joined: dict[str, list[str]] = {}
    for item in kept:
        messages = joined.setdefault(".".join(map(str, item.place)), [])
        if item.message not in messages:
            messages.append(item.message)
    return [Complaint(path, _either(messages)) for path, messages in joined.items()][:MOST]


def unreadable(error: ValidationError) -> str | None:
    """Return what the parser stumbled over if the data was no JSON at all; None if it says something wrong.

    It quotes nothing of the data.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] != "json_invalid" or first["loc"]:
        return None
    return str(first["ctx"]["error"]).rstrip(".")[:_LONGEST_STUMBLE]


def complaint(item: ErrorDetails, *, quoting: bool = False) -> str:
    """Return what is wrong at one place: ``is missing``, ``expected a whole number``."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"expected {_form(str(context['pattern']))}"
    if template := _WORDS.get(kind):
        count = context.get("min_length", context.get("max_length"))
        message = template.format(**{"plural": "" if count == 1 else "s", **context})
        return message + _got(item["input"]) if quoting and kind in _CHOICES else message
    while kind:
        if expected := _TYPES.get(kind):
            return f"expected {expected}"
        kind = kind.rpartition("_")[0]
    return "is not what is expected here"


def _got(given: Any) -> str:
    if not isinstance(given, str):
        return ""
    shown = given if len(given) <= _LONGEST_SHOWN else given[:_LONGEST_SHOWN] + "…"
    # Text that came in may hold anything; what is said of it must not.
    return f", got {ascii(shown) if not shown.isprintable() else repr(shown)}"


def _form(pattern: str) -> str:
    for known, words in _PATTERNS:
        if match := known.fullmatch(pattern):
            return words.format(*match.groups())
    return f"a text of the form {pattern}"


def _found(item: ErrorDetails, given: Any, *, quoting: bool) -> _Found:
    place: list[str | int] = []
    member = None
    location = item["loc"]
    for number, step in enumerate(location, start=1):
        absent = number == len(location) and item["type"] == "missing"
        if given is UNKNOWN or absent or _holds(given, step):
            place.append(step)
            given = given if given is UNKNOWN else None if absent else given[step]
        elif member is None:
            member = (len(place), str(step))
    return _Found(tuple(place), member, complaint(item, quoting=quoting))


def _holds(given: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(given, Sequence) and not isinstance(given, str) and step < len(given)
    return isinstance(given, Mapping) and step in given


def _nearest(found: Iterable[_Found]) -> list[_Found]:
    """Leave out the members of each union that fit worse than another."""
    members: dict[tuple[str | int, ...], dict[str, list[_Found]]] = {}
    kept: list[_Found] = []
    for item in found:
        if item.member is None:
            kept.append(item)
            continue
        depth, name = item.member
        members.setdefault(item.place[:depth], {}).setdefault(name, []).append(item)
    for place, alternatives in members.items():
        least = min(len(items) for items in alternatives.values())
        nearest = [items for items in alternatives.values() if len(items) == least]
        # Which of two forms was meant cannot be told; which of two values would do can be said.
        alike = all(item.place == place for items in nearest for item in items)
        kept += [item for items in (nearest if alike else nearest[:1]) for item in items]
    return kept


def _either(messages: Sequence[str]) -> str:
    first, *others = messages
    return " or ".join([first, *(message.removeprefix("expected ") for message in others)])
