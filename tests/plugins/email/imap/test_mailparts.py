"""Of a large mail the texts are found by its structure, whatever the structure looks like."""

from __future__ import annotations

import email
import time
from email import policy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.imap.fetched import key_of, message_id_of
from omnigate_email.imap.mailparts import MOST_PARTS, Structure, remark_of, smaller, structure_of
from omnigate_email.imap.replies import Value, fetched

TEXT = '("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 7 1 NIL NIL NIL NIL)'
HTML = '("text" "html" NIL NIL NIL "7bit" 7 1 NIL NIL NIL NIL)'
FILE = 'NIL ("attachment" ("filename" "b.pdf")) NIL'
PDF = f'("application" "pdf" ("name" "a.pdf") NIL NIL "base64" 7000 {FILE})'
LOG = '("text" "plain" NIL NIL NIL "7bit" 7 1 NIL ("attachment" ("filename" "x.log")) NIL NIL)'
FORWARDED = f'("message" "rfc822" NIL NIL NIL "7bit" 7 (NIL NIL) {TEXT} 1 NIL NIL NIL NIL)'

STRUCTURES = {
    TEXT: ["1"],
    HTML: ["1"],
    PDF: [],
    f'({TEXT}{HTML} "alternative" ("boundary" "x") NIL NIL)': ["1", "2"],
    f'({TEXT}{PDF} "mixed")': ["1"],
    f'(({TEXT}{HTML} "alternative"){PDF} "mixed")': ["1.1", "1.2"],
    f'({PDF}({TEXT}({HTML}{PDF} "related") "alternative"){LOG} "mixed")': ["2.1", "2.2.1"],
    f'({TEXT}{FORWARDED} "mixed")': ["1"],
    "()": [],
    "NIL": [],
}


def value(text: str) -> Value:
    return fetched([f"1 (X {text})".encode()])[0]["X"]


@pytest.mark.parametrize(("text", "sections"), STRUCTURES.items())
def test_the_texts_of_a_mail_are_found(text: str, sections: list[str]) -> None:
    assert [part.section for part in structure_of(value(text)).texts] == sections


def test_what_is_left_out_has_a_name() -> None:
    structure = structure_of(value(f'({TEXT}{PDF}{LOG} "mixed")'))
    assert [part.name for part in structure.left_out] == ["b.pdf", "x.log"]
    assert "b.pdf, x.log" in remark_of(100, 50, structure)
    many = structure_of(value(f"({PDF * 8})"))
    assert "and 3 more" in remark_of(100, 50, many)


def test_a_mail_of_very_many_parts_is_read_up_to_a_bound() -> None:
    structure = structure_of(value(f"({TEXT * 5000})"))
    assert len(structure.parts) == MOST_PARTS
    assert len(structure.texts) == 10


LEAVES = st.one_of(st.none(), st.binary(max_size=8), st.sampled_from([b"text", b"plain", b"mixed"]))
JUNK: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=12), max_leaves=60
)


@given(JUNK)
@settings(max_examples=200, deadline=None)
def test_no_structure_breaks_anything(junk: Any) -> None:
    structure = structure_of(junk)
    texts = [(b"Content-Type: text/plain", b"x") for _ in structure.texts]
    assert smaller(b"Subject: x\r\n", texts, structure).startswith(b"Subject: x\r\n")
    assert remark_of(2, 1, structure)


@given(st.binary(max_size=200), st.binary(max_size=100), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_content_breaks_out_of_its_part(headers: bytes, mime: bytes, content: bytes) -> None:
    structure = structure_of(value(f'({TEXT}{PDF} "mixed")'))
    raw = smaller(b"Subject: x\r\n\r\n", [(b"Content-Type: text/plain", content)], structure)
    read = email.message_from_bytes(raw, policy=policy.compat32)
    assert read["subject"] == "x"
    assert len(read.get_payload()) == 1
    assert smaller(headers, [(mime, content)], structure)


def test_a_smaller_mail_keeps_the_headers_but_for_those_of_the_body() -> None:
    structure = structure_of(value(f'({TEXT}{PDF} "mixed")'))
    headers = (
        b"Subject: one\r\n two\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\nMIME-Version: 1.0\r\n"
        b"Message-ID: <a@b>\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    raw = smaller(headers, [(b"Content-Type: text/plain\r\n\r\n", b"hello")], structure)
    read = email.message_from_bytes(raw, policy=policy.default)
    assert read["subject"] == "one two"
    assert read["message-id"] == "<a@b>"
    assert read.get_all("mime-version") == ["1.0"]
    assert read["content-transfer-encoding"] is None
    assert [part.get_content() for part in read.iter_parts()] == ["hello"]


def test_a_header_of_nothing_but_spaces_takes_no_time() -> None:
    """All of the daemon would wait; it took minutes when spaces could be read in two ways."""
    headers = b"Subject: x\r\nContent-" + b" " * 400_000 + b"\r\n"
    began = time.monotonic()
    smaller(headers, [(b"Content-Type: text/plain", b"Hello")], Structure())
    assert time.monotonic() - began < 10


def test_a_mail_is_known_by_its_headers_and_size() -> None:
    headers = b"Message-ID:\r\n <a@b>\r\nFrom: x\r\nSubject: y\r\nDate: z"
    raw = headers + b"\r\n\r\nbody"
    assert message_id_of(raw) == "<a@b>"
    assert key_of(raw, 10) == key_of(headers, 10) == key_of(raw.replace(b"\r\n", b"\n"), 10)
    assert key_of(raw, 11) != key_of(raw, 10)
    for other in (b"From: w", b"Subject: w", b"Date: w"):
        changed = raw.replace(other[:-1] + {b"F": b"x", b"S": b"y", b"D": b"z"}[other[:1]], other)
        assert key_of(changed, 10) != key_of(raw, 10)


def test_a_message_id_in_the_body_is_none() -> None:
    assert message_id_of(b"Subject: x\r\n\r\nMessage-ID: <a@b>\r\n") is None
    assert message_id_of(b"") is None


@given(st.binary(max_size=300), st.integers(min_value=0))
@settings(max_examples=200, deadline=None)
def test_every_mail_has_a_key(raw: bytes, size_bytes: int) -> None:
    assert len(key_of(raw, size_bytes)) == 32
    message_id_of(raw)
