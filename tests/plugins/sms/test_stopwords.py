"""The words by which people opt out, and what only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_sms.stopwords import LONGEST, START, STOP, Words

WORDS = Words(STOP, START)


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "STOP",
        " Stop. ",
        "СТОП",
        "стоп!",
        "«Стоп»",
        "stop\n",
        "ＳＴＯＰ",
        "Отписаться",
        "стоп 🙏",
        "STOP ALL",
        "opt-out",
        "Opt out.",
    ],
)
def test_a_word_stops_whatever_its_case_and_punctuation(text):
    assert WORDS.wish(text) == "stop"


@pytest.mark.parametrize("text", ["start", "СТАРТ", "Подписаться!"])
def test_a_word_starts_again(text):
    assert WORDS.wish(text) == "start"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "!!!",
        "Стоп, а где мой заказ?",
        "Не работает стоп-кран",
        "nonstop",
        "end",
        "Отмена",
        "stop " * 30,
    ],
)
def test_what_says_more_or_something_else_stops_nothing(text):
    assert WORDS.wish(text) is None


def test_words_are_the_operators():
    own = Words(["Хватит писать"], ["ещё"])
    assert own.wish("хватит  ПИСАТЬ!") == "stop"
    assert own.wish("Еще") == "start"
    assert own.wish("stop") is None
    assert Words(["да"], ["да"]).wish("да") == "stop"
    assert Words(["!"], []).wish("!") is None


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=LONGEST * 2))
def test_any_text_is_judged(text):
    assert WORDS.wish(text) in (None, "stop", "start")
