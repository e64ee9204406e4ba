"""Every form that the platform's documents describe becomes what the table says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from omnigate_vk.content import _KINDS as KINDS
from omnigate_vk.event import Knowledge
from omnigate_vk.events import _KINDS as EVENTS
from omnigate_vk.events import envelope_of, parse_event
from omnigate_vk.marks import Marks
from omnigate_vk.people import People
from omnigate_vk.sent import SentMessages
from vkbottle_types.events.objects import group_event_objects

from .attachments import ATTACHMENTS
from .forms import DATE, GROUP, Case, differences
from .happenings import HAPPENINGS, SECRET
from .payloads import MESSAGES

CASES = [*MESSAGES.cases, *ATTACHMENTS.cases, *HAPPENINGS.cases]


def items_of(case: Case) -> list[Any]:
    known = Knowledge(GROUP, People(), Marks(SECRET), SentMessages())
    body = json.dumps(case.event).encode()
    return list(parse_event(envelope_of(body), known, float(DATE)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_event_becomes_what_it_says(case: Case) -> None:
    items = items_of(case)
    assert [type(item) for item in items] == [kind for kind, _ in case.expected]
    for item, (_, wanted) in zip(items, case.expected, strict=True):
        assert differences(item.model_dump(mode="json"), wanted) == []
        assert item.external_id.startswith(case.event["event_id"])


def not_of_the_schema(case: Case) -> bool:
    return "composed" in case.source or "and yet" in case.source


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_another_library_knows_the_form_too(case: Case) -> None:
    """So that the table is of the platform's making, not of ours."""
    if not not_of_the_schema(case):
        name = case.event["type"].title().replace("_", "") + "Object"
        assert getattr(group_event_objects, name).model_validate(case.event["object"])


def test_the_table_is_large_and_each_form_says_where_it_is_from() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.source for case in CASES)
    assert sum(not_of_the_schema(case) for case in CASES) < len(CASES) / 4


def test_the_table_has_every_kind_of_event_and_of_attachment() -> None:
    assert {case.event["type"] for case in CASES} >= EVENTS.keys()
    messages = [case.event["object"]["message"] for case in ATTACHMENTS.cases]
    attached = {one["type"] for message in messages for one in message["attachments"]}
    assert attached >= KINDS.keys()


@pytest.mark.parametrize(
    ("part", "broken", "name"),
    [
        ("omnigate_vk.content._LETTERS", "", "attached: a photo of unknown size"),
        ("omnigate_vk.content._DEEPEST", 0, "forwards in forwards, with files"),
        ("omnigate_vk.messages.BUTTON", "knob", "a button of ours"),
        ("omnigate_vk.messages.message_name", lambda peer, cmid: f"{cmid}", "text"),
        ("omnigate_vk.events.emoji_of", str, "reaction 4"),
    ],
)
def test_a_broken_part_is_noticed(
    monkeypatch: pytest.MonkeyPatch, part: str, broken: object, name: str
) -> None:
    (case,) = [case for case in CASES if case.name == name]
    monkeypatch.setattr(part, broken)
    (item,), ((_, wanted),) = items_of(case), case.expected
    assert differences(item.model_dump(mode="json"), wanted) != []


def test_a_difference_is_found() -> None:
    assert differences({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}) == []
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == [".a[0].b: 1, not 2"]
    assert differences({"a": [1, 2]}, {"a": [1]}) != []
    assert differences({}, {"a": False}) != []
    assert differences({"a": {"b": 1}}, {"a": {}}) != []
