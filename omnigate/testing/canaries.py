"""Do secrets stay secret, and does a configuration explain itself?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from omnigate.config.annotations import fields
from omnigate.config.questions import Question, marks, named, open_questions


def values(item: object) -> Iterator[str]:
    """Return the plain values of all secrets in a configuration."""
    if isinstance(item, SecretStr):
        yield item.get_secret_value()
    elif isinstance(item, SecretBytes):
        yield item.get_secret_value().decode(errors="replace")
    elif isinstance(item, BaseModel):
        for _, value in item:
            yield from values(value)
    elif isinstance(item, Mapping):
        for value in item.values():
            yield from values(value)
    elif isinstance(item, list | tuple | set | frozenset):
        for value in item:
            yield from values(value)


def shown(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return log lines as one text to look for secrets in."""
    return "\n".join(f"{key}={value!r} {value}" for line in lines for key, value in line.items())


def assert_described(config: type[BaseModel]) -> None:
    """Fail unless every field has a description: documentation and examples are made of them."""
    silent = [name for name, field in config.model_fields.items() if not field.description]
    assert not silent, f"without a description: {silent}"


def assert_refuses_unknown_keys(config: type[BaseModel], given: Mapping[str, Any]) -> None:
    """Fail unless a misspelt key is an error and neither the error nor ``repr`` shows a secret."""
    good = config.model_validate(dict(given))
    with pytest.raises(ValidationError) as caught:
        config.model_validate({**given, "no_such_key": 1})
    for secret in values(good):
        assert secret not in str(caught.value), "an error shows a secret"
        assert secret not in repr(good), "repr shows a secret"


def assert_asked_for(config: type[BaseModel], given: Mapping[str, Any]) -> None:
    """Fail unless a person who answers all that a command asks for has a good section.

    Answers are what is ``given``, what `omnigate.Asked` makes for an empty answer, or nothing.
    """
    for key, mark in marks(config):
        strangers = named(mark) - fields(config).keys()
        assert not strangers, f"{key} is asked for by keys that are none: {strangers}"
    keys: dict[str, Any] = {}
    left_out: set[str] = set()
    while still := [each for each in open_questions(config, keys) if each.key not in left_out]:
        answer = _answer(still[0], given)
        if answer is None:
            assert not still[0].needed, f"{still[0].key} is asked for, and config() has none"
            left_out.add(still[0].key)
            continue
        *tables, last = still[0].key.split(".")
        table = keys
        for step in tables:
            table = table.setdefault(step, {})
        table[last] = answer
    try:
        config.model_validate(keys)
    except ValidationError as error:
        pytest.fail(f"what is demanded must be asked for, mark it with omnigate.Asked: {error}")


def _answer(question: Question, given: Mapping[str, Any]) -> Any:
    answer: Any = given
    for step in question.key.split("."):
        answer = answer.get(step) if isinstance(answer, Mapping) else None
    return question.fresh() if answer is None and question.fresh else answer
