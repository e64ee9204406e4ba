"""What a request that a channel is handed says of itself: its fields, and where it comes from."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omnigate
from omnigate.request import MOST_FIELDS
from omnigate.testing.junk import JUNK

FORM = "application/x-www-form-urlencoded"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


def request(body: bytes = b"", content_type: str = "", remote: str | None = None) -> Any:
    return omnigate.Request(
        method="POST",
        path="/hook",
        query={"a": "of the address"},
        headers={"content-type": content_type},
        body=body,
        remote=remote,
    )


@settings(deadline=None)
@given(fields=st.dictionaries(TEXTS, TEXTS, max_size=6))
def test_a_form_and_json_say_the_same(fields):
    assert request(json.dumps(fields).encode(), "application/json").fields() == fields
    written = urlencode(fields).encode()
    assert request(written, FORM).fields() == fields
    assert omnigate.read_form(written) == list(fields.items())


def test_of_json_only_plain_values_are_fields():
    said = {"a": 1, "b": True, "c": None, "d": [1], "e": {"f": 1}, "g": 1.5, "h": "x"}
    found = request(json.dumps(said).encode()).fields()
    assert found == {"a": "1", "b": "true", "g": "1.5", "h": "x"}


def test_a_form_may_be_in_an_older_charset():
    body = urlencode({"text": "ёж"}, encoding="cp1251").encode()
    assert request(body, FORM).fields(also="cp1251") == {"text": "ёж"}
    with pytest.raises(omnigate.BadPayload, match="UTF-8"):
        request(body + b"\xff", FORM).fields()


def test_a_form_of_very_many_fields_is_none():
    body = "&".join(f"f{number}=1" for number in range(MOST_FIELDS + 1)).encode()
    with pytest.raises(omnigate.BadPayload, match="more than"):
        request(body, FORM).fields()


@settings(deadline=None)
@given(
    body=st.binary(max_size=100) | st.sampled_from(JUNK),
    content_type=st.sampled_from(["", FORM, "application/json"]),
    also=st.sampled_from([None, "cp1251", "utf-16-be", "latin-1"]),
)
def test_rubbish_is_told_to_be_rubbish(body, content_type, also):
    try:
        found = request(body, content_type).fields(also=also)
    except omnigate.BadPayload:
        return
    assert all(isinstance(text, str) for pair in found.items() for text in pair)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_object_is_told_not_to_be_one(body):
    with pytest.raises(omnigate.BadPayload):
        omnigate.read_object(body)


@pytest.mark.parametrize(
    ("remote", "is_from"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1%eth0", True),
        ("11.1.2.3", False),
        ("unknown", False),
        ("", False),
        (None, False),
    ],
)
def test_a_caller_is_in_the_networks_that_are_named_or_not(remote, is_from):
    networks = ["10.0.0.0/8", "2001:db8::/32"]
    assert request(remote=remote).comes_from(networks) is is_from
    assert not request(remote=remote).comes_from([])
