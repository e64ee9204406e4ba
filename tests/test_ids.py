"""Identifiers: unique, in order of time, and recognised by their shape."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import uuid_utils

from omnigate import ids

ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def test_identifiers_of_one_process_sort_in_the_order_they_were_made() -> None:
    made = [ids.event_id() for _ in range(50_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_threads_never_make_the_same_one() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.new("msg"), range(20_000)))
    assert len(set(made)) == len(made)


def test_the_text_is_a_uuid_of_version_7(monkeypatch: pytest.MonkeyPatch) -> None:
    known = uuid_utils.uuid7()
    monkeypatch.setattr(uuid_utils, "uuid7", lambda: known)
    number = 0
    for character in ids.new("evt").removeprefix("evt_"):
        number = number << 5 | ALPHABET.index(character)
    assert number & 3 == 0, "two bits of padding"
    assert uuid.UUID(int=number >> 2).version == 7
    assert number >> 2 == known.int


def test_what_is_told_before_something_sorts_between_it_and_all_that_was_made_earlier() -> None:
    made = [ids.message_id() for _ in range(10_000)]
    before = [ids.just_before("evt", one) for one in made]
    pairs = zip(before, made, strict=True)
    order = [place for pair in pairs for place in (pair[0][4:], pair[1][4:])]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    assert all(ids.is_id(one, "evt") for one in before)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (ids.message_id(), True),
        (ids.event_id(), False),
        ("msg_" + "0" * 26, True),
        ("msg_" + "0" * 25, False),
        ("msg_" + "0" * 27, False),
        ("msg_" + "w" * 26, False),
        ("msg_" + "0" * 25 + "\n", False),
        (ids.message_id().upper(), False),
        ("", False),
    ],
    ids=range(9),
)
def test_only_the_shape_of_an_identifier_passes(text: str, is_one: bool) -> None:
    assert ids.is_id(text, "msg") == is_one


@pytest.mark.parametrize(
    ("make", "prefix"),
    [
        (ids.event_id, "evt"),
        (ids.message_id, "msg"),
        (ids.conversation_id, "cnv"),
        (ids.contact_id, "ctc"),
        (ids.attachment_id, "att"),
    ],
)
def test_every_kind_has_its_prefix(make: object, prefix: str) -> None:
    assert callable(make)
    assert ids.is_id(make(), prefix)
