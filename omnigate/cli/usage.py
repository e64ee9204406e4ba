"""Mistakes on the command line itself, in words: what was wrong, what is allowed, where to read on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import typer
from pydantic import ValidationError
from typer.core import TyperGroup, TyperOption

from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.help import span
from omnigate.cli.terminal import clean
from omnigate.complaints import complaint
from omnigate.config.checking import did_you_mean
from omnigate.errors import Problem

_EXTRA: Final = re.compile(r".*unexpected extra arguments?(?:\(s\))? \((?P<words>.*)\)", re.DOTALL)
_COMMAND: Final = re.compile(r"No such command '(?P<name>.*?)'", re.DOTALL)
_NUMBERS: Final = {int: "a whole number", float: "a number"}


def is_help(error: typer.TyperException) -> bool:
    """Tell whether a noun was called without a verb: then its help is all there is to say."""
    context: Any = getattr(error, "ctx", None)
    alone = isinstance(getattr(context, "command", None), TyperGroup)
    return alone and not (
        hasattr(error, "option_name") or hasattr(error, "param") or _COMMAND.match(error.message)
    )


def explained(error: typer.TyperException) -> Failed:
    """Return what the parser of the command line found wrong, as the command says it."""
    context: Any = getattr(error, "ctx", None)
    command = clean(context.command_path) if context is not None else "omnigate"
    more = f"See: {command} --help" if context is not None else ""
    parameter: Any = getattr(error, "param", None)
    option = getattr(error, "option_name", None)
    if parameter is not None:
        what, remedy = _of_parameter(error, parameter, command)
    elif hasattr(error, "possibilities"):
        what, remedy = f"{command} has no option {clean(option)}.", _near(option, context)
    elif option is not None:
        takes = "takes no" if "does not take" in error.message else "needs a"
        what, remedy = f"{option} {takes} value.", ""
    elif match := _EXTRA.match(error.message):
        words = clean(match["words"])
        what, remedy = f"{command} has no use for: {words}", _as_name(words, command, context)
    elif match := _COMMAND.match(error.message):
        what = f"There is no command {command} {clean(match['name'])}."
        group = context.command
        remedy = _suggestion(match["name"], group.commands if isinstance(group, TyperGroup) else ())
    else:
        what, remedy = clean(error.message), ""
    return WrongUsage(what, "\n".join(line for line in (remedy, more) if line))


def as_options(failed: Failed, root: Any, words: Sequence[str]) -> Failed:
    """Return a refusal of the daemon with what it calls fields named as the command's options are."""
    command = root
    for word in words:
        if not isinstance(command, TyperGroup) or word not in command.commands:
            break
        command = command.commands[word]
    names = {parameter.name: _named(parameter) for parameter in command.params}
    problems = [_renamed(problem, names) for problem in failed.problems]
    told = [f"{one.key}: {one.message}" if one.key else one.message for one in problems]
    what, remedy = failed.what, "\n".join(told)
    if len(told) == 1:
        what, remedy = f"{told[0][:1].upper()}{told[0][1:]}.", ""
    ended = Failed(what, remedy, code=failed.code, problems=problems)
    renamed = zip(problems, failed.problems, strict=True)
    is_of_the_command = any(now.key != then.key for now, then in renamed)
    # What the daemon does not take of the options is as wrong as what the command itself does not.
    ended.exit_code = WrongUsage.exit_code if is_of_the_command else failed.exit_code
    return ended


def _renamed(problem: Problem, names: Mapping[str, str]) -> Problem:
    for step in reversed(problem.key.split(".")):
        # What may be given more than once is a list there, and singular here.
        if name := names.get(step):
            return replace(problem, key=name)
    return problem


def _named(parameter: Any) -> str:
    if isinstance(parameter, TyperOption):
        return str(max(parameter.opts, key=len))
    return _metavar(parameter)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).strip("[]")


def _of_parameter(error: typer.TyperException, parameter: Any, command: str) -> tuple[str, str]:
    shown = parameter.opts[0] if isinstance(parameter, TyperOption) else ""
    metavar = _metavar(parameter)
    name = shown or metavar
    wrong = error.__cause__
    if not isinstance(wrong, ValidationError):
        wanted = f"{shown} {metavar}" if shown else metavar
        return f"This is missing: {command} {wanted}", f"{metavar}: {parameter.help}"
    (first, *_) = wrong.errors()
    given = clean(first["input"])
    return f"{name} {given}: {_expectation(parameter) or complaint(first)}.", ""


def _expectation(parameter: Any) -> str:
    """Return which number a parameter takes; empty if it takes none."""
    annotation = parameter.type_descriptor.annotation
    members = {annotation, *getattr(annotation, "__args__", ())}
    number = next((words for kind, words in _NUMBERS.items() if kind in members), "")
    if not number:
        return ""
    allowed = span(parameter.min, parameter.max)
    joint = " from " if " to " in allowed else ", "
    return f"expected {number}{joint}{allowed}" if allowed else f"expected {number}"


def _as_name(words: str, command: str, context: Any) -> str:
    """Return how a thing is named where that is an option; empty where it is not, or given already."""
    named = context is not None and any("--name" in one.opts for one in context.command.params)
    if not named or " " in words or words.startswith("-") or context.params.get("name"):
        return ""
    given = context.params.get("kind")
    return f"To name it: {command} {clean(given) if given else 'KIND'} --name {words}"


def _near(option: Any, context: Any) -> str:
    known = [name for parameter in context.command.params for name in parameter.opts]
    return _suggestion(str(option), [name for name in known if name.startswith("--")])


def _suggestion(given: str, known: Any) -> str:
    hint = did_you_mean(given, list(known))
    return hint[:1].upper() + hint[1:]
