"""Tokens of handovers survive what channels and people do to them."""

from __future__ import annotations

import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omnigate
from omnigate.handovertoken import (
    LENGTH,
    LONGEST_SEARCHED,
    MASK,
    MOST_FOUND,
    digest_of,
    find_handover_token,
    handover_tokens_in,
    new_handover_token,
    read_handover_token,
    without_handover_tokens,
)

TOKENS = st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=LENGTH, max_size=LENGTH)
ANY = settings(deadline=None, max_examples=200)


def test_a_token_fits_every_channel() -> None:
    """Telegram takes 64 of A-Za-z0-9_-; mail folds case; texts of GSM have all of its letters."""
    tokens = {new_handover_token() for _ in range(500)}
    assert len(tokens) == 500
    assert all(re.fullmatch(r"[a-z0-9]{26}", token) for token in tokens)


def test_it_cannot_be_guessed() -> None:
    """Every place takes every letter: 26 of 5 bits."""
    tokens = [new_handover_token() for _ in range(2000)]
    assert {len({token[place] for token in tokens}) for place in range(LENGTH)} == {32}


@ANY
@given(TOKENS)
def test_it_is_read_as_it_was_made(token: str) -> None:
    assert read_handover_token(token) == token


@ANY
@given(TOKENS)
def test_it_is_read_however_a_person_typed_it(token: str) -> None:
    typed = token.upper().replace("0", "O").replace("1", "l")
    typed = "-".join(typed[start : start + 5] for start in range(0, LENGTH, 5))
    assert read_handover_token(f" {typed}\n") == token


@ANY
@given(st.text())
def test_any_text_is_a_token_or_none(text: str) -> None:
    for token in (read_handover_token(text), find_handover_token(text)):
        assert token is None or (len(token) == LENGTH and read_handover_token(token) == token)


@ANY
@given(TOKENS, st.sampled_from(["{}", "Код: {}.", "#{}", "hello ({}), thanks", "\u00ab{}\u00bb"]))
def test_it_is_found_among_words(token: str, sentence: str) -> None:
    if token.isdigit() or token.isalpha():
        return
    assert find_handover_token(sentence.format(token)) == token


@ANY
@given(TOKENS, st.text(max_size=20), st.text(max_size=20))
def test_however_it_is_written_it_is_taken_out_and_nothing_else(
    token: str, before: str, after: str
) -> None:
    typed = token.upper().replace("0", "O").replace("1", "l")
    for written in (token, typed, "-".join(typed[start : start + 5] for start in range(0, 26, 5))):
        hidden = without_handover_tokens(f"{before} {written} {after}", [token])
        assert hidden == f"{before} {MASK} {after}"


@ANY
@given(st.text(max_size=25), TOKENS)
def test_a_text_without_the_token_stays_as_it_is(text: str, token: str) -> None:
    assert without_handover_tokens(text, [token]) == text
    assert without_handover_tokens(text, []) == text


@ANY
@given(st.lists(TOKENS.filter(lambda token: not token.isdigit() and not token.isalpha())))
def test_all_tokens_of_a_text_are_found_in_their_order(tokens: list[str]) -> None:
    some = tokens[:50]
    assert list(handover_tokens_in(" ".join(some))) == some


def test_one_far_behind_is_hidden_and_yet_not_meant() -> None:
    token = "7k3m9x2c4vb6n8q1w5e7r9t0yz"
    text = "x " * LONGEST_SEARCHED + token
    assert find_handover_token(text) is None
    assert list(handover_tokens_in(text)) == [token]


def test_a_text_of_nothing_but_tokens_is_not_gone_through_for_each() -> None:
    some = [new_handover_token() for _ in range(2 * MOST_FOUND)]
    text = " ".join(some * 100)
    assert list(handover_tokens_in(text)) == some[:MOST_FOUND]
    began = time.process_time()
    hidden = without_handover_tokens(text, some[:MOST_FOUND])
    assert hidden == " ".join([*[MASK] * MOST_FOUND, *some[MOST_FOUND:]] * 100)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "7" * 26,
        "pneumonoultramicroscopicsx",
        "https://shop.example/7k3m9x2c4vb6n8q1w5e7r9t0yzabc",
        "7k3m9x2c4vb6n8q1w5e7r9t0y",
        "x" * LONGEST_SEARCHED + " 7k3m9x2c4vb6n8q1w5e7r9t0yz",
    ],
)
def test_other_texts_have_none(text: str | None) -> None:
    assert find_handover_token(text) is None


def test_the_digest_says_nothing_of_the_token() -> None:
    token = new_handover_token()
    digest = digest_of(token)
    assert len(digest) == 64
    assert set(digest) <= set(string.hexdigits)
    assert digest != digest_of(token[:-1] + ("0" if token[-1] != "0" else "1"))


def test_plugins_find_tokens_too() -> None:
    assert omnigate.find_handover_token is find_handover_token
