"""Answers to FETCH are read as they are written, and junk is nothing but unreadable."""

from __future__ import annotations

import imaplib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.imap.replies import (
    Unreadable,
    Value,
    fetched,
    internal_date,
    number,
    search_day,
)

ATOMS = st.from_regex(rb"[A-Za-z0-9$\\][A-Za-z0-9.$]{0,10}", fullmatch=True).filter(
    lambda atom: atom.upper() != b"NIL"
)
STRINGS = st.binary(max_size=20).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b""))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), ATOMS, st.tuples(st.sampled_from(["quoted", "literal"]), STRINGS)),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def written(value: Any) -> tuple[list[Any], Value]:
    """Return a value as the library hands it over, in pieces, and as it is to be read."""
    if value is None:
        return [b"NIL"], None
    if isinstance(value, bytes):
        return [value], value
    if isinstance(value, tuple):
        kind, text = value
        if kind == "quoted":
            return [b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'], text
        return [(b"{%d}" % len(text), text)], text
    pieces: list[Any] = [b"("]
    read: list[Value] = []
    for one in value:
        some, meant = written(one)
        pieces += some
        read.append(meant)
    return [*pieces, b")"], read


def handed_over(pieces: list[Any]) -> list[Any]:
    """Join pieces as ``imaplib`` does: a line up to each literal, which comes along with it."""
    lines: list[Any] = []
    text = b"1 (UID 5 X "
    for piece in pieces:
        if isinstance(piece, tuple):
            lines.append((text + piece[0], piece[1]))
            text = b""
        else:
            text += piece + b" "
    return [*lines, text + b")"]


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read(value: Any) -> None:
    pieces, meant = written(value)
    assert fetched(handed_over(pieces)) == [{"UID": b"5", "X": meant}]


@given(st.lists(st.one_of(st.binary(max_size=60), st.tuples(st.binary(max_size=20), st.binary()))))
@settings(max_examples=200, deadline=None)
def test_junk_is_unreadable_and_nothing_worse(data: list[Any]) -> None:
    try:
        fetched(data)
    except Unreadable:
        return


@given(st.text(alphabet='()"\\[]{} 1aNIL<>', max_size=80))
@settings(max_examples=200, deadline=None)
def test_almost_answers_are_unreadable_and_nothing_worse(text: str) -> None:
    try:
        fetched([f"1 (UID 5 {text})".encode()])
    except Unreadable:
        return


def test_lists_too_deep_are_unreadable() -> None:
    fetched([b"1 (X " + b"(" * 50 + b")" * 50 + b")"])
    with pytest.raises(Unreadable, match="deep"):
        fetched([b"1 (X " + b"(" * 50_000 + b")" * 50_000 + b")"])


def test_what_looks_like_a_section_for_ever_takes_no_time() -> None:
    assert fetched([b"1 (X " + b"[" * 200_000 + b")"])[0]["X"] == b"[" * 200_000


def test_several_mails_and_remarks_about_others_are_told_apart() -> None:
    told = [
        b"1 (FLAGS (\\Seen))",
        (b"2 (UID 9 BODY[HEADER]<0> {3}", b"a: "),
        b" FLAGS ())",
        b"3 (UID 11)",
        None,
    ]
    assert fetched(told) == [
        {"FLAGS": [b"\\Seen"]},
        {"UID": b"9", "BODY[HEADER]": b"a: ", "FLAGS": []},
        {"UID": b"11"},
    ]


@given(st.integers(min_value=0, max_value=2**32))
@settings(max_examples=100, deadline=None)
def test_a_date_of_arrival_is_read(seconds: int) -> None:
    aware = datetime.fromtimestamp(seconds, UTC)
    text = imaplib.Time2Internaldate(aware).strip('"')
    assert internal_date(text.encode()) == aware


@given(st.one_of(st.binary(max_size=40), st.text(alphabet="0123456789-+: JanFeb").map(str.encode)))
@settings(max_examples=200, deadline=None)
def test_what_is_no_date_is_unreadable(text: bytes) -> None:
    try:
        internal_date(text)
    except Unreadable:
        return


@pytest.mark.parametrize("text", [b"31-Feb-2026 10:00:00 +0000", b"01-Foo-2026 10:00:00 +0000"])
def test_impossible_dates_are_unreadable(text: bytes) -> None:
    with pytest.raises(Unreadable):
        internal_date(text)


def test_days_are_written_in_english() -> None:
    assert search_day(datetime(2026, 5, 9, tzinfo=UTC)) == "9-May-2026"


@pytest.mark.parametrize("value", [None, [], b"", b"-1", b"x", b"1" * 20])
def test_what_is_no_number_is_unreadable(value: Value) -> None:
    with pytest.raises(Unreadable):
        number(value)
