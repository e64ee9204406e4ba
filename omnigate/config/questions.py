"""What a person is asked when a section is added by command.

Keys without a default, and those that a plugin has marked with `omnigate.asked.Asked`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from omnigate.asked import Asked
from omnigate.config.annotations import alternatives, choices, fields, is_secret, models
from omnigate.config.checking import validate
from omnigate.config.reading import Document, dotted
from omnigate.config.secrets import resolve
from omnigate.config.sections import Direction
from omnigate.config.together import as_far_as_good
from omnigate.errors import Problem


@dataclass(frozen=True, slots=True)
class Question:
    """One key that is to be answered."""

    key: str
    """As it is given to ``--set``: ``imap.host``."""
    text: str
    """What the plugin says of the key."""
    annotation: Any
    needed: bool
    unless: tuple[str, ...]
    """Keys that would serve in its place."""
    fresh: Callable[[], str] | None
    default: Any
    """What an empty answer leaves in force."""
    example: Any

    @property
    def is_secret(self) -> bool:
        """Whether the answer is nobody else's to see."""
        return is_secret(self.annotation)

    @property
    def choices(self) -> list[str]:
        """The words that may be answered; empty when others may."""
        return choices(self.annotation)


def open_questions(model: Any, keys: Mapping[str, Any], prefix: str = "") -> list[Question]:
    """Return what a section of these keys still leaves to be asked, required keys first, else in order.

    An answer may open further questions, and close others: ask again with it. What is only asked once the
    answers do not work is left out.
    """
    required: list[Question] = []
    marked: list[Question] = []
    for key, field in fields(model).items():
        value = keys.get(key)
        first = required if field.is_required() else marked
        if isinstance(value, dict) and _is_table(field.annotation):
            first += open_questions(field.annotation, value, f"{prefix}{key}.")
        elif key in keys:
            continue
        elif field.is_required() and _is_table(field.annotation):
            required += open_questions(field.annotation, {}, f"{prefix}{key}.")
        elif (mark := _mark(field)) is not None and mark.again:
            continue
        elif mark is not None and _is_table(field.annotation):
            if _applies(mark, keys):
                marked += open_questions(field.annotation, {}, f"{prefix}{key}.")
        elif field.is_required():
            required.append(_question(prefix, key, field, Asked(needed=True)))
        elif mark is not None and _applies(mark, keys):
            marked.append(_question(prefix, key, field, mark))
    return required + marked


def questions_again(model: Any, keys: Mapping[str, Any], prefix: str = "") -> list[Question]:
    """Return what to ask once a section of these keys does not work: all that stands in it or was asked for.

    The default of each is what is in force now. What decides which tables there are is not among them.
    """
    found: list[Question] = []
    known = fields(model)
    deciding = {
        key.partition("=")[0]
        for field in known.values()
        if _is_table(field.annotation) and (mark := _mark(field)) is not None
        for key in mark.when
    }
    # Within a table the author's order is the natural one: host, port, encryption, name, password.
    ordered = known if prefix else sorted(known, key=lambda each: not known[each].is_required())
    for key in ordered:
        field, value = known[key], keys.get(key)
        mark = _mark(field)
        if _is_table(field.annotation):
            if isinstance(value, dict):
                found += questions_again(field.annotation, value, f"{prefix}{key}.")
        elif key in deciding or (isinstance(value, dict) and not is_secret(field.annotation)):
            continue
        elif key in keys or field.is_required() or (mark is not None and _applies(mark, keys)):
            question = _question(prefix, key, field, mark or Asked(needed=field.is_required()))
            default = keys.get(key, question.default)
            found.append(replace(question, default=default, fresh=None))
    return found


def missing(model: Any, keys: Mapping[str, Any]) -> list[Question]:
    """Return all that must be answered, also what is only asked once the rest is."""
    found: dict[str, Question] = {}
    supposed = dict(keys)
    while True:
        more = [
            each
            for each in open_questions(model, supposed)
            if each.needed and each.key not in found
        ]
        if not more:
            return list(found.values())
        for each in more:
            found[each.key] = each
            supposed.setdefault(each.key.partition(".")[0], True)


def mistakes(
    main: Path,
    direction: Direction,
    name: str,
    keys: Mapping[str, Any],
    model: type[BaseModel],
) -> dict[str, list[Problem]]:
    """Return what is wrong with a section that is not written yet, by key; "" is the section as a whole."""
    place = (f"{direction}s", name)
    document = Document(main)
    own = {key: value for key, value in keys.items() if key != "kind"}
    given = resolve(document, place, own, model)
    if validate(document, place, model, given) is None:
        as_far_as_good(document, place, model, given)
    found: dict[str, list[Problem]] = {}
    for problem in document.problems:
        key = problem.key.removeprefix(dotted(place)).removeprefix(".")
        found.setdefault(key, []).append(problem)
    return found


def marks(model: Any) -> Iterator[tuple[str, Asked]]:
    """Return the keys of a table that are asked for though they have a default."""
    for key, field in fields(model).items():
        if (mark := _mark(field)) is not None:
            yield key, mark


def _mark(field: FieldInfo) -> Asked | None:
    return next((each for each in field.metadata if isinstance(each, Asked)), None)


def _applies(mark: Asked, keys: Mapping[str, Any]) -> bool:
    return (not mark.when or any(_is_given(keys, key) for key in mark.when)) and not any(
        _is_given(keys, key) for key in mark.unless
    )


def named(mark: Asked) -> set[str]:
    """Return the keys of the same table that a mark depends on."""
    return {key.partition("=")[0] for key in (*mark.when, *mark.unless)}


def _is_given(keys: Mapping[str, Any], condition: str) -> bool:
    """Tell whether a key says something, or the word that is wanted: ``no`` and an empty list do not."""
    key, _, word = condition.partition("=")
    value = keys.get(key)
    if word:
        return bool(value == word)
    return value is not False and value not in (None, "", [])


def _question(prefix: str, key: str, field: FieldInfo, mark: Asked) -> Question:
    return Question(
        key=prefix + key,
        text=field.description or key,
        annotation=field.annotation,
        needed=mark.needed,
        unless=tuple(prefix + other for other in mark.unless),
        fresh=mark.fresh,
        default=None if field.is_required() else field.get_default(call_default_factory=True),
        example=field.examples[0] if field.examples else None,
    )


def _is_table(annotation: Any) -> bool:
    """Tell whether nothing but a table of known keys may stand here."""
    members = [member for member in alternatives(annotation) if member is not type(None)]
    return bool(members) and len(list(models(annotation))) == len(members)
