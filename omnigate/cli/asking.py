"""A person is asked for the keys of a section, one after the other, until the section is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final, get_origin

import typer
from pydantic import BaseModel

from omnigate.cli import terminal
from omnigate.cli.failure import WrongUsage
from omnigate.cli.given import put, take_out
from omnigate.config import annotations as keys_of
from omnigate.config.questions import Question, missing, open_questions, questions_again
from omnigate.errors import ConfigError, Problem

_NOTHING: Final = "-"
"""What takes an answer away."""

Mistakes = Callable[[Mapping[str, Any]], Mapping[str, list[Problem]]]
"""Tells what is wrong with keys, by key; under "" what is wrong with all of them together."""


def require_all(model: type[BaseModel], keys: Mapping[str, Any]) -> None:
    """Raise `WrongUsage` naming every key that is missing, when there is nobody to ask."""
    wanted = missing(model, keys)
    if not wanted:
        return
    lines = [f"Give: {' '.join(f'--set {each.key}=…' for each in wanted)}"]
    for each in wanted:
        instead = f" Or give {' or '.join(each.unless)} in its place." if each.unless else ""
        lines.append(f"{each.key}: {each.text}{instead}")
    raise WrongUsage("Some keys are missing.", "\n".join(lines))


def ask(model: type[BaseModel], keys: dict[str, Any], mistakes: Mistakes) -> list[str]:
    """Ask for what is missing and put it into the keys; return the keys whose value was made here.

    Every answer is checked at once, and asked for again if it will not do. Raises `ConfigError` when the
    section as a whole will not do and the person gives up.
    """
    made: list[str] = []
    skipped: set[str] = set()
    while still := [each for each in open_questions(model, keys) if each.key not in skipped]:
        question = still[0]
        terminal.note(_explained(question))
        text = _prompt(question.key, secret=question.is_secret)
        if text:
            _try(keys, question.key, text, model, mistakes)
        elif question.fresh is not None:
            put(keys, question.key, question.fresh(), model)
            made.append(question.key)
        elif question.needed:
            terminal.note("It cannot be left out.")
        else:
            skipped.add(question.key)
    _complete(model, keys, mistakes)
    return made


def ask_again(model: type[BaseModel], keys: dict[str, Any], mistakes: Mistakes) -> None:
    """Ask anew for what was answered and does not work; an empty answer leaves a key as it is.

    Ports, encryption and the like are asked for too. Raises as `ask`.
    """
    terminal.note(f"Enter leaves an answer as it is, {_NOTHING} takes it away.")
    asked: set[str] = set()
    while still := [each for each in questions_again(model, keys) if each.key not in asked]:
        question = still[0]
        terminal.note(_explained(question, again=True))
        text = _prompt(question.key, secret=question.is_secret)
        if text == _NOTHING and question.needed:
            terminal.note("It cannot be left out.")
        elif text == _NOTHING:
            take_out(keys, question.key)
            asked.add(question.key)
        elif not text or _try(keys, question.key, text, model, mistakes):
            asked.add(question.key)
    _complete(model, keys, mistakes)


def _complete(model: type[BaseModel], keys: dict[str, Any], mistakes: Mistakes) -> None:
    """Ask for more until the keys make a section; raises `ConfigError` when the person gives up."""
    while found := [problem for each in mistakes(keys).values() for problem in each]:
        _mend(found, model, keys, mistakes)


def _mend(
    found: list[Problem], model: type[BaseModel], keys: dict[str, Any], mistakes: Mistakes
) -> None:
    """Have one more key named and given, because all that was given does not make a section."""
    for problem in found:
        terminal.note(f"It will not do yet: {terminal.clean(problem.message)}")
    key = _prompt("A key to give (Enter: give up)")
    if not key:
        raise ConfigError(found)
    try:
        annotation: Any = model
        for step in key.split("."):
            annotation = keys_of.below(annotation, step)
        _try(keys, key, _prompt(key, secret=keys_of.is_secret(annotation)), model, mistakes)
    except WrongUsage as error:
        terminal.note(f"{error.what} {error.remedy}")


def _try(
    keys: dict[str, Any], key: str, text: str, model: type[BaseModel], mistakes: Mistakes
) -> bool:
    """Put an answer into the keys, in the place of an earlier one, unless it is wrong by itself.

    That is said, and False returned.
    """
    tried = deepcopy(keys)
    take_out(tried, key)
    try:
        put(tried, key, text, model)
    except WrongUsage as error:
        terminal.note(f"{error.what} {error.remedy}")
        return False
    inside = (f"{key}.", f"{key}[")
    wrong = [
        problem
        for place, problems in mistakes(tried).items()
        for problem in problems
        if place == key or place.startswith(inside)
    ]
    for problem in wrong:
        terminal.note(f"That will not do: {terminal.clean(problem.message)}")
    if wrong:
        return False
    keys.update(tried)
    return True


def _explained(question: Question, *, again: bool = False) -> str:
    """Return the question, and what may be answered."""
    hints: list[str] = []
    if question.is_secret:
        hints.append("the secret itself, which is not shown, or env:NAME, or file:PATH")
    elif question.choices:
        hints.append(" or ".join(question.choices))
    elif bool in keys_of.alternatives(question.annotation):
        hints.append("yes or no")
    elif any(get_origin(each) in (list, set) for each in keys_of.alternatives(question.annotation)):
        hints.append("several: separated by commas")
    if question.example is not None and not question.is_secret:
        example = question.example
        hints.append(f"such as {terminal.clean(example)}")
    if question.fresh is not None:
        hints.append("Enter: a new one is made")
    elif again and question.is_secret:
        hints.append("Enter: as it is")
    elif again or not question.needed:
        hints.append(f"Enter: {_shown(question.default)}")
    return f"\n{question.text}" + (f"\n({'; '.join(hints)})" if hints else "")


def _shown(value: Any) -> str:
    """Return a value as it may be answered."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(terminal.clean(each) for each in value) or "none"
    return "none" if value is None else terminal.clean(value) or "none"


def _prompt(what: str, *, secret: bool = False) -> str:
    """Return what a person answers, "" for Enter alone; a secret is not shown."""
    answer: str = typer.prompt(what, default="", show_default=False, hide_input=secret)
    return answer.strip()
