"""Whatever an operator types, the answer is in the operator's words, and JSON for whoever asked for it.

Goes through every command with every kind of wrong value in every place, against a real daemon.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from typer.core import TyperArgument, TyperOption

from omnigate.cli.app import tree
from omnigate.model.outbound import OutboundMessage

PHRASES = re.compile(
    r"Input should|Field required|Extra inputs|Value error|Assertion failed|should (have|match) "
    r"|value_error|type=|valid (string|integer|number|list|dictionary|boolean)|unable to parse"
    r"|Invalid value|No such (option|command)|Missing (argument|option|parameter|command)"
    r"|Got unexpected|requires an argument|Traceback|NoneType|<class|object at 0x"
)
NUMBERS = ("x", "-1", "9" * 30)
TEXTS = ("\x1b[2J", "", "x" * 300)
FILLED = {
    "msg_…": "msg_" + "0" * 26,
    "msg_…|evt_…": "msg_" + "0" * 26,
    "evt_…": "evt_" + "0" * 26,
    "cnv_…": "cnv_" + "0" * 26,
    "ctc_…|ADDRESS": "user:anna",
    "KIND": "webhook",
    "SCOPE": "messages:read",
    "evt_…|TIME|AGE": "1h",
    "SECONDS": "1",
}
ENDING = {
    "events tail": ["--no-follow"],
    "events replay": ["--detach"],
    "channel drain": ["--no-wait"],
    "channel add": ["--no-test"],
    "backend add": ["--no-test"],
}
"""What makes a command end that would go on."""
LEFT_OUT = {"run", "demo", "stop", "init", "db backup"}
"""They begin or end a daemon, or write where they are told to."""
ENDLESS = {"watch", "follow", "help", "config_path"}


def commands() -> dict[str, Any]:
    root: Any = tree()
    found: dict[str, Any] = {}
    for name, command in root.commands.items():
        verbs = getattr(command, "commands", None)
        found |= {name: command} if verbs is None else {f"{name} {v}": c for v, c in verbs.items()}
    return {words: command for words, command in found.items() if words not in LEFT_OUT}


def class_names() -> re.Pattern[str]:
    """Return what finds the name of any model: ``ToConversation``, as no person writes it."""

    def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for inner in model.__subclasses__():
            yield inner
            yield from below(inner)

    names = {model.__name__ for model in below(BaseModel) if model.__module__[:8] == "omnigate"}
    humps = sorted(name for name in names if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", name))
    assert "ToConversation" in humps
    return re.compile(rf"\b({'|'.join(humps)})\b")


def is_number(parameter: Any) -> bool:
    annotation = parameter.type_descriptor.annotation
    return bool({annotation, *getattr(annotation, "__args__", ())} & {int, float})


def given(parameter: Any, value: str) -> list[str]:
    if isinstance(parameter, TyperArgument):
        return [value]
    return [max(parameter.opts, key=len), value]


def filled(command: Any, but: Any) -> list[str]:
    """Return good values for all that a command needs, one parameter left out."""
    words: list[str] = []
    for parameter in command.params:
        if parameter.required and parameter is not but:
            good = FILLED.get(parameter.metavar or "", "1" if is_number(parameter) else "app")
            words += given(parameter, good)
    return words


def wrong_calls() -> Iterator[list[str]]:
    """Return every command with every kind of wrong value in every place."""
    turn = 0
    for words, command in commands().items():
        base = [*words.split(), *ENDING.get(words, [])]
        names = {parameter.name for parameter in command.params}
        more = ["--yes"] if "yes" in names else []
        yield [*base, "--no-such-option"]
        yield [*base, *filled(command, None), "one", "too", "many", "words"]
        for parameter in command.params:
            if parameter.name in ENDLESS:
                continue
            if parameter.required:
                yield [*base, *filled(command, parameter)]
            if isinstance(parameter, TyperOption) and parameter.is_flag:
                continue
            if isinstance(parameter, TyperOption):
                yield [*base, *filled(command, parameter), max(parameter.opts, key=len)]
            values: tuple[str, ...] = NUMBERS if is_number(parameter) else TEXTS
            if isinstance(parameter, TyperOption):
                # Options come in many commands: each command takes its turn.
                values = (values[turn % len(values)],)
                turn += 1
            for value in values:
                yield [*base, *more, *filled(command, parameter), *given(parameter, value)]


def wrong_in(result: Any, classes: re.Pattern[str]) -> str:
    """Return what is wrong with what a command said; empty if nothing."""
    said = result.out + result.err
    if foreign := PHRASES.search(said) or classes.search(said):
        return f"says {foreign[0]!r}"
    if "\x1b" in said:
        return "commands the terminal"
    if result.code not in (0, 1, 2):
        return f"ends with {result.code}"
    return "" if result.code == 0 or said.strip() else "says nothing"


def test_every_mistake_in_every_place_is_said_in_the_operators_words(
    operator: Callable[..., Any], receiver: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    omnigate = operator()
    omnigate.daemon.say("hello")
    until(lambda: receiver.crm.texts() == ["hello"], "there is something to talk about")
    monkeypatch.chdir(omnigate.daemon.folder)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    classes, count = class_names(), 0
    wrong: list[str] = []
    for words in wrong_calls():
        count += 1
        try:
            result = omnigate.run(*words)
        except Exception as error:  # what the operator would see as a traceback
            wrong.append(f"{words} raises {error!r}")
            continue
        if what := wrong_in(result, classes):
            wrong.append(f"{words} {what}: {result.out}{result.err}")
    assert not wrong, "\n".join(wrong)
    assert count > 400, "whoever takes commands away changes this number"
    assert omnigate.is_sound()


def test_the_check_finds_the_words_of_the_libraries() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(OutboundMessage).validate_python({"to": {"conversation": 5}, "text": "x"})
    raw = str(caught.value)
    assert PHRASES.search(raw)
    assert class_names().search(raw)
    assert PHRASES.search("Error: Invalid value for '--limit': 0 is not in the range")
