"""Every form that the platform's documents describe becomes what the table says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiogram.types import Update
from omnigate_telegram.updates import parse_update, update_of

from .forms import BOT_ID, Case
from .happenings import HAPPENINGS
from .payloads import MESSAGES

CASES = [*MESSAGES.cases, *HAPPENINGS.cases]
OF_TOMORROW = ("a kind of tomorrow", "a kind of update of tomorrow")


def differences(given: Any, wanted: Any, place: str = "") -> list[str]:
    """Return where what is given differs from what is named; what is not named may be anything."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        return [
            found
            for key, value in wanted.items()
            for found in differences(given.get(key), value, f"{place}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(given, list) and len(wanted) == len(given):
        return [
            found
            for number, (one, other) in enumerate(zip(given, wanted, strict=True))
            for found in differences(one, other, f"{place}[{number}]")
        ]
    return [] if given == wanted else [f"{place}: {given!r}, not {wanted!r}"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_update_becomes_what_it_says(case: Case) -> None:
    items = parse_update(update_of(json.dumps(case.update).encode()), BOT_ID)
    assert [type(item) for item in items] == [kind for kind, _ in case.expected]
    for item, (_, wanted) in zip(items, case.expected, strict=True):
        assert differences(item.model_dump(mode="json"), wanted) == []
        assert item.external_id.startswith(str(case.update["update_id"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_another_library_knows_the_form_too(case: Case) -> None:
    """So that the table is of the platform's making, not of ours."""
    if case.name not in OF_TOMORROW:
        assert Update.model_validate(case.update).event_type in case.update


def test_the_table_is_large_and_each_form_says_where_it_is_from() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.source for case in CASES)


def test_a_difference_is_found() -> None:
    assert differences({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}) == []
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == [".a[0].b: 1, not 2"]
    assert differences({"a": [1, 2]}, {"a": [1]}) != []
    assert differences({}, {"a": False}) != []
