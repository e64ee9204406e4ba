"""Turn what pydantic finds into problems an operator can mend, and check what models cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from omnigate.config.annotations import below, choices, fields, is_secret, models
from omnigate.config.lines import Place
from omnigate.config.reading import Document, dotted
from omnigate.errors import Problem

ModelT = TypeVar("ModelT", bound=BaseModel)

_MAX_SHOWN: Final = 60
_PREFIXES: Final = ("Value error, ", "Assertion failed, ")
_LENGTH: Final = re.compile(
    r"(?:String|List|Dictionary|Value|Data) should have (?P<expected>at (?:least|most) \d+ \w+)"
)
_FORMS: Final = {
    r"^[\x21-\x7e]+$": "ASCII characters without spaces",
    r"^[\x20-\x7e]*$": "ASCII characters",
    r"^[^:\s]+$": "no colon and no spaces",
    r"^[A-Za-z0-9]+$": "letters and digits",
    r"^[a-z]{2}$": "two small letters",
    r"^([a-z]{2}|\*)$": "two small letters, or *",
    r"^[A-Z]{2}$": "two capital letters",
    r"^[A-Z]{3}$": "three capital letters",
    r"^\+[1-9][0-9]{4,14}$": "+, the country's code and digits",
}
"""Patterns in words; of any other the description of the key tells."""
_TABLE: Final = "a table"
_TYPES: Final = {
    "string_type": "a text in quotes",
    "path_type": "a path in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": 'a list such as ["one", "two"]',
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint naming the nearest of the known words; empty when none is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


def validate(
    document: Document, place: Place, model: type[ModelT], value: dict[str, Any]
) -> ModelT | None:
    """Return the table as the model, or None with every mistake noted in the document."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=True)
        seen: set[Place] = set()
        for mistake in mistakes:
            where = (*place, *_written(model, mistake["loc"], value))
            # The members of a union complain one by one: the first complaint about a place is enough.
            if where in seen or where in document.unresolved:
                continue
            seen.add(where)
            document.problems.append(_problem(document, where, place, model, mistake))
        return None


def _written(model: type[BaseModel], location: Place, value: Any) -> Place:
    """Return the location without the steps that stand for a member of a union."""
    steps: list[str | int] = []
    annotation: Any = model
    for position, step in enumerate(location):
        last = position == len(location) - 1
        following = below(annotation, step)
        inside = isinstance(value, dict) and step in value
        inside |= isinstance(value, list) and isinstance(step, int) and step < len(value)
        if following is None and not inside and not (last and not steps):
            continue
        steps.append(step)
        annotation = following
        value = value[step] if inside else None
    return tuple(steps)


def _problem(
    document: Document, where: Place, place: Place, model: type[BaseModel], mistake: ErrorDetails
) -> Problem:
    parent, target, description = _expectation(model, where[len(place) :])
    kind, given = mistake["type"], mistake["input"]
    if kind == "extra_forbidden":
        known = fields(parent)
        hint = did_you_mean(str(where[-1]), known) or f"known here: {', '.join(known)}"
        return document.problem(where, "unknown key", hint)
    if kind == "missing":
        return document.problem(where, "is missing", description)
    message = _message(mistake)
    if kind == "value_error" and isinstance(given, dict) and any(models(target)):
        return document.problem(where, message)  # a rule of the table: it says itself what to do
    if kind == "string_pattern_mismatch":
        message = _form(str(mistake.get("ctx", {}).get("pattern", "")), description)
    if is_secret(target):
        message = message.replace(" items", " characters")
    words = choices(target) if isinstance(given, str) else []
    if words and isinstance(given, str):
        message += f", got {given[:_MAX_SHOWN]!r}"
        description = did_you_mean(given, words) or description
    elif not is_secret(target) and isinstance(given, int | float):
        message += f", got {str(given).lower()}"
    if _TYPES.get(kind) == _TABLE and all(isinstance(step, str) for step in where):
        description = description or f"it begins with [{dotted(where)}] on a line of its own"
    return document.problem(where, message, description)


def _expectation(model: type[BaseModel], own: Place) -> tuple[Any, Any, str]:
    """Return the type around a place, the type of the place, and the nearest description."""
    around: Any = None
    here: Any = model
    description = ""
    for step in own:
        around, here, field = here, below(here, step), fields(here).get(str(step))
        if field is not None:
            description = field.description or ""
    return around, here, description


def _form(pattern: str, description: str) -> str:
    if pattern in _FORMS:
        return f"expected {_FORMS[pattern]}"
    return "is not of the form it must have" if description else f"expected the form {pattern}"


def _message(mistake: ErrorDetails) -> str:
    text = mistake["msg"]
    expected = _TYPES.get(mistake["type"])
    if expected is None and text.startswith("Input should be "):
        expected = text.removeprefix("Input should be ")
    if expected is not None:
        return f"expected {expected}"
    text = plain(text)
    if match := _LENGTH.match(mistake["msg"]):
        # A secret's length is its owner's affair, and "after validation" is pydantic's.
        return f"expected {match['expected']}"
    return text


def plain(text: str) -> str:
    """Return what a validator said as it stands behind a key."""
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]  # GET stays GET
