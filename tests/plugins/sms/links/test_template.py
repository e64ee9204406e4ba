"""Places to be filled in: whatever is filled in stays where it was put."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms.links.template import (
    at,
    check_path,
    check_places,
    fill,
    fill_header,
    fill_json,
    fill_url,
    plain,
    strings_of,
)
from yarl import URL

import omnigate

VALUES = st.text(min_size=1, max_size=40)


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_a_value_in_an_address_stays_within_its_step(value):
    template = "https://sms.example.com/send/{to}/now?key={text}"
    try:
        filled = fill_url(template, {"to": value, "text": value})
    except omnigate.Refused:
        assert not value.strip(".")
        return
    url = URL(filled, encoded=True)
    assert url.host == "sms.example.com"
    assert len(url.raw_parts) == 4
    assert [unquote(part) for part in url.raw_parts[2:]] == [value, "now"]
    assert url.raw_query_string.startswith("key=")
    assert "&" not in url.raw_query_string
    assert not url.raw_fragment


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_a_value_in_a_header_never_ends_the_line(value):
    try:
        filled = fill_header("Bearer {text}", {"text": value})
    except omnigate.Refused:
        return
    assert filled.isascii()
    assert not any(ord(character) < 0x20 and character != "\t" for character in filled)


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_a_value_in_json_stays_a_string(value):
    template = {"to": "{text}", "list": [{"words": "<{text}>"}, 1, None, True], "{{": "kept"}
    filled = fill_json(template, {"text": value})
    assert filled == {"to": value, "list": [{"words": f"<{value}>"}, 1, None, True], "{{": "kept"}


def test_what_is_filled_in_is_not_filled_again():
    assert fill("{text}{{to}}", {"text": "{to}", "to": "7916"}) == "{to}{to}"


@pytest.mark.parametrize("value", ["..", ".", "", "..."])
def test_dots_alone_do_not_climb_out_of_an_address(value):
    with pytest.raises(omnigate.Refused):
        fill_url("https://sms.example.com/a/{to}/b", {"to": value})


def test_a_number_alone_becomes_one_and_nothing_else_does():
    assert fill_json({"to": "{to:int}"}, {"to": "79161234567"}) == {"to": 79161234567}
    for value in ("+7916", "", "1e5", "９", "9" * 30):
        with pytest.raises(omnigate.Refused):
            fill_json("{to:int}", {"to": value})


@pytest.mark.parametrize(
    "template", ["{", "}", "{to", "{to}}", "{ to }", "{to!r}", "{To}", "{secret.}"]
)
def test_a_brace_that_is_no_place_is_a_mistake(template):
    with pytest.raises(ValueError, match="brace"):
        check_places(template, frozenset({"to"}))


@pytest.mark.parametrize("template", ["{nobody}", "{text}", "{secret.key}", "{to.real}"])
def test_a_place_that_nobody_fills_is_a_mistake(template):
    with pytest.raises(ValueError, match="cannot stand here"):
        check_places(template, frozenset({"to"}))


def test_structures_are_only_so_deep_and_names_are_not_filled_in():
    with pytest.raises(ValueError, match="names"):
        list(strings_of({"{to}": "x"}))
    deep: object = "x"
    for _ in range(20):
        deep = [deep]
    with pytest.raises(ValueError, match="deep"):
        list(strings_of(deep))


DOCUMENT = {"a": [{"id": 1}, {"id": "2"}, {}], "b/c": {"~": True}, "n": None, "f": 1.5}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/a/0/id", 1),
        ("/a/*/id", [1, "2", None]),
        ("/a/7/id", None),
        ("/a/-1/id", None),
        ("/a/x", None),
        ("/b~1c/~0", True),
        ("/n/x", None),
        ("/f/real", None),
        ("/", DOCUMENT),
    ],
)
def test_a_path_finds_what_stands_there(path, found):
    assert at(DOCUMENT, check_path(path)) == found


@pytest.mark.parametrize("path", ["", "a", "a/b", "/a/", "//a", "/a//b"])
def test_what_is_no_path_is_a_mistake(path):
    with pytest.raises(ValueError, match="path"):
        check_path(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None, max_examples=200)
@given(
    JSON, st.lists(st.sampled_from(["*", "0", "1", "a", "~1", "id", "²"]), min_size=1, max_size=4)
)
def test_paths_never_stumble_over_what_is_there(document, steps):
    found = at(document, "/" + "/".join(steps))
    assert plain(found) is None or isinstance(plain(found), str)
