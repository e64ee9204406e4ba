"""A mistake is named with its line, and no line is better than a wrong one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnigate.config import reading
from omnigate.config.lines import LONGEST_STATEMENT, Lines, Place

TEXT = '''\
include = ["omnigate.d/*.toml"]  # the first line

[server]
listen = "127.0.0.1:8080"
limits.body = 1
limits."odd.key" = 2

[channels.site]
note = """
[channels.fake]
kind = "none"
"""
allowed = [
    "https://a.example",
    "https://b.example",
]
colours = { dark = { back = "x" }, light = "y" }

[channels.mail.imap]
host = "h"
[channels.mail]
kind = "email"

[[routes]]
channels = ["*"]
[[routes]]
backends = ["crm"]
[routes.match]
events = ["a"]
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("include",), 1),
        (("include", 0), 1),
        (("server",), 3),
        (("server", "listen"), 4),
        (("server", "lisen"), 3),
        (("server", "limits", "body"), 5),
        (("server", "limits"), 5),
        (("server", "limits", "odd.key"), 6),
        (("channels",), 8),
        (("channels", "site"), 8),
        (("channels", "site", "kind"), 8),
        (("channels", "site", "note"), 9),
        (("channels", "site", "allowed", 1), 13),
        (("channels", "site", "colours", "light"), 17),
        (("channels", "fake", "kind"), None),
        (("channels", "mail", "imap", "host"), 20),
        (("channels", "mail", "imap", "password"), 19),
        (("channels", "mail"), 21),
        (("channels", "mail", "kind"), 22),
        (("routes", 0, "channels", 0), 25),
        (("routes", 1), 26),
        (("routes", 1, "backends"), 27),
        (("routes", 1, "match", "events", 0), 29),
        (("routes", 2), None),
        (("nobody",), None),
        ((), None),
    ],
)
def test_a_place_has_the_line_that_says_it_or_that_it_is_missing_from(
    place: Place, line: int | None
) -> None:
    assert Lines(TEXT).of(place) == line


def test_what_cannot_be_followed_has_no_line_and_what_stands_before_it_has() -> None:
    endless = "\n".join(["a = 1", "long = [", *["1,"] * LONGEST_STATEMENT, "]", "b = 2"])
    assert tomllib.loads(endless)["b"] == 2
    lines = Lines(endless)
    assert (lines.of(("a",)), lines.of(("b",))) == (1, None)


KEYS = st.sampled_from(["a", "b", "c", "kind", '"d.e"'])
VALUES = st.sampled_from(["1", '"x"', "[\n 1,\n 2]", "{ f = 1 }", '"""\n[a]\nb = 1"""', "[]"])
STATEMENTS = st.one_of(
    st.builds("[{}]".format, KEYS),
    st.builds("[{}.{}]".format, KEYS, KEYS),
    st.builds("[[{}]]".format, KEYS),
    st.builds("{} = {}".format, KEYS, VALUES),
    st.builds("{}.{} = {}".format, KEYS, KEYS, VALUES),
    st.just("# a = 1"),
    st.just(""),
)


def places(value: Any, place: Place = ()) -> list[Place]:
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value)
    return [place, *(below for key, it in items for below in places(it, (*place, key)))]


@given(st.lists(STATEMENTS, max_size=12))
@settings(max_examples=200, deadline=None)
def test_every_value_of_a_file_is_said_at_a_line_that_names_its_key(statements: list[str]) -> None:
    text = "\n".join(statements)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines, written = Lines(text), text.split("\n")
    for place in places(table)[1:]:
        line = lines.of(place)
        assert line is not None, (place, text)
        keys = [step for step in place if isinstance(step, str)]
        assert any(key in written[line - 1] for key in keys), (place, text)


def test_routes_are_counted_over_all_files_and_found_in_theirs(tmp_path: Path) -> None:
    (tmp_path / "omnigate.toml").write_text(
        'include = ["d/*.toml"]\n[[routes]]\nchannels = ["a"]\n[[routes]]\nchannels = ["b"]\n'
    )
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "more.toml").write_text('# mine\n[[routes]]\nchannels = ["c"]\n')
    document = reading.read(tmp_path / "omnigate.toml")
    found = [document.problem(("routes", index, "channels"), "odd") for index in range(3)]
    assert [(Path(one.where).name, one.line) for one in found] == [
        ("omnigate.toml", 3),
        ("omnigate.toml", 5),
        ("more.toml", 3),
    ]
    assert str(found[2]).endswith("more.toml:3: routes[2].channels: odd")
