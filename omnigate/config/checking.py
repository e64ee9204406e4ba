"""Turn what pydantic finds into problems an operator can mend, and check what models cannot say."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from omnigate.config.annotations import below, choices, fields, is_secret
from omnigate.config.reading import Document, Place
from omnigate.errors import Problem

ModelT = TypeVar("ModelT", bound=BaseModel)

_MAX_SHOWN: Final = 60
_PREFIXES: Final = ("Value error, ", "Assertion failed, ", "Input should be ")
_TYPES: Final = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": 'a list such as ["one", "two"]',
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
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
    own: Place = where[len(place) :]
    annotation: Any = model
    for step in own[:-1]:
        annotation = below(annotation, step)
    known = fields(annotation)
    field = known.get(str(own[-1])) if own else None
    kind, given = mistake["type"], mistake["input"]
    if kind == "extra_forbidden":
        hint = did_you_mean(str(own[-1]), known) or f"known here: {', '.join(known)}"
        return document.problem(where, "unknown key", hint)
    description = (field.description or "") if field else ""
    if kind == "missing":
        return document.problem(where, "is missing", description)
    message = _TYPES.get(kind)
    if message is None:
        message = mistake["msg"]
        for prefix in _PREFIXES:
            message = message.removeprefix(prefix)
    if kind in _TYPES or mistake["msg"].startswith("Input should be"):
        message = f"expected {message}"
    target = field.annotation if field else below(annotation, own[-1]) if own else None
    if kind in ("literal_error", "enum") and isinstance(given, str):
        description = did_you_mean(given, choices(target)) or description
    if not is_secret(target) and isinstance(given, (int, float, bool)):
        message += f", got {str(given).lower()}"
    elif kind in ("literal_error", "enum") and isinstance(given, str):
        message += f", got {given[:_MAX_SHOWN]!r}"
    return document.problem(where, message[:1].lower() + message[1:], description)
