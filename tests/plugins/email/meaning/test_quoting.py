"""What is new in a mail: for every mail program, for what people write between quotes, for hostile text."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.meaning import attributions
from omnigate_email.meaning.quoting import newly_written

from .answers import ATTRIBUTIONS, HEADERS, NEW, OLD, SIGNATURES, WHOLE, Answer, answers, quoted

MARKER = "## Пишите ответ выше этой строки ##"
LINES = [
    *(line for text in ATTRIBUTIONS.values() for line in text.split("\n")),
    *(line for text in HEADERS.values() for line in text.split("\n")),
    *(line for text in SIGNATURES.values() for line in text.split("\n")),
    *(line for text in WHOLE.values() for line in text.split("\n")),
    *quoted(OLD).split("\n"),
    MARKER,
    f"> {MARKER}",
    "",
    "-- ",
    ">",
    ">> >",
    "От:",
    "Отправлено:",
    "_" * 40,
]
texts = st.lists(st.sampled_from(LINES) | st.text(max_size=30), max_size=25).map("\n".join)


@pytest.mark.parametrize("answer", answers(), ids=lambda answer: answer.id)
def test_what_is_new_is_told_from_what_is_old(answer: Answer) -> None:
    assert newly_written(answer.text, marker=None) == answer.new


@pytest.mark.parametrize("name", sorted(ATTRIBUTIONS))
def test_answers_between_the_quotes_are_never_lost(name: str) -> None:
    text = f"Здравствуйте!\n\n{ATTRIBUTIONS[name]}\n> Цвет?\n\nБелый.\n\n> Адрес?\n\nТверская, 1"
    assert newly_written(text) == text


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_answers_between_quotes_below_headers_are_never_lost(name: str) -> None:
    text = f"Здравствуйте!\n\n{HEADERS[name]}\n> Цвет?\n\nБелый.\n\n> Адрес?\n\nТверская, 1"
    assert newly_written(text) == text


def test_nothing_would_be_recognised_without_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the tables' test: with no attribution known, old mail passes for new."""
    monkeypatch.setattr("omnigate_email.meaning.quoting.attribution_at", lambda lines, index: 0)
    found = [one for one in answers() if newly_written(one.text) != one.new]
    assert len(found) >= len(ATTRIBUTIONS) + len(HEADERS)


class TestMarker:
    """The line that the company's own mails have."""

    def test_the_text_ends_at_it(self) -> None:
        text = f"{NEW}\n\nLe lun. 3 mars 2025, le magasin a écrit :\n{MARKER}\n{OLD}"
        assert newly_written(text, marker=MARKER).startswith(NEW)
        assert OLD not in newly_written(text, marker=MARKER)

    @pytest.mark.parametrize("line", sorted(ATTRIBUTIONS.values()))
    def test_what_introduces_it_goes_too(self, line: str) -> None:
        assert newly_written(f"{NEW}\n\n{line}\n\n{MARKER}\n\n{OLD}", marker=MARKER) == NEW

    def test_it_is_found_however_a_program_has_spaced_it(self) -> None:
        assert (
            newly_written(
                f"{NEW}\n  ##  пишите ответ\u00a0выше этой строки ##\n{OLD}", marker=MARKER
            )
            == NEW
        )

    def test_answers_between_quotes_below_it_are_kept(self) -> None:
        text = f"> {MARKER}\n> Цвет?\nБелый\n> Адрес?\nТверская, 1"
        assert newly_written(text, marker=MARKER) == text

    def test_a_text_below_it_alone_stays(self) -> None:
        text = f"{MARKER}\nответ ниже, как видите"
        assert newly_written(text, marker=MARKER) == text

    @pytest.mark.parametrize("marker", [None, "", "  "])
    def test_none_cuts_nothing(self, marker: str | None) -> None:
        assert newly_written(NEW, marker=marker) == NEW


@given(texts, st.sampled_from([None, MARKER]))
@settings(deadline=None, max_examples=200)
def test_twice_is_once_and_nothing_is_invented(text: str, marker: str | None) -> None:
    once = newly_written(text, marker=marker)
    assert newly_written(once, marker=marker) == once
    assert once in text.replace("\r\n", "\n").replace("\r", "\n")
    assert bool(once) == bool(text.strip())


@given(texts, st.text(alphabet="абвгд ", min_size=3, max_size=40).filter(str.strip))
@settings(deadline=None, max_examples=200)
def test_what_is_written_below_a_marked_quote_is_kept(above: str, below: str) -> None:
    """Whatever stands above: the last unquoted words below a quote of several lines are there."""
    text = f"{above}\n> старое\n> письмо\n{below}"
    if any(attributions.attribution_at(text.split("\n"), n) for n in range(text.count("\n") + 1)):
        return  # unmarked old mail may begin there
    assert below.strip() in newly_written(text)


HOSTILE: dict[str, Callable[[int], str]] = {
    "marks": lambda size: ">" * size,
    "marks, one a line": lambda size: ">\n" * (size // 2),
    "marks and words in turn": lambda size: "> a\nb\n" * (size // 6),
    "words without an end": lambda size: "слово " * (size // 6),
    "beginnings of attributions": lambda size: "On 3 Mar 2025, 14:05\n" * (size // 21),
    "moments": lambda size: "3 марта 2025 г. в 14:05, <<<<<<<<<<<<<<@:\n" * (size // 43),
    "moments in one line": lambda size: "3 марта 2025 г. в 14:05, " * (size // 25),
    "writers": lambda size: ("а " * 140 + "писал 03.03.2025 14:0:\n") * (size // 303),
    "headers": lambda size: "От:\n" * (size // 4),
    "headers in one line": lambda size: ("From: " + "a Sent: " * 30 + "\n") * (size // 247),
    "rules": lambda size: ("_" * 100 + "\n") * (size // 101),
    "spaces": lambda size: " " * size + "x",
    "blank lines": lambda size: "x" + "\n" * size + "x",
    "signatures": lambda size: "x\n" + "-- \n" * (size // 4),
    "farewells": lambda size: "x\n" + "С уважением, А Б В Г Д\n" * (size // 24),
    "telephones": lambda size: "x\nОтправлено с iPhone\n" * (size // 22),
    "names without end": lambda size: ("Regards" + " A" * 56 + " b\n") * (size // 122),
    "dashes": lambda size: "-" * size,
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_text_takes_time_in_proportion(name: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four times."""
    small, large = HOSTILE[name](40_000), HOSTILE[name](320_000)
    assert _seconds(large) < 24 * max(_seconds(small), 0.002), "more than linear"


def test_the_measure_of_proportion_tells_a_slow_way() -> None:
    """The twin: a way that looks at every pair of lines is found out."""

    def slow(text: str) -> None:
        lines = text.split("\n")
        for n in range(len(lines)):
            "".join(lines[:n])

    small, large = (">\n" * size for size in (500, 4_000))
    assert _seconds(large, slow) >= 24 * _seconds(small, slow)


def _seconds(text: str, work=newly_written) -> float:
    def once() -> float:
        began = time.process_time()
        work(text)
        return time.process_time() - began

    return min(once() for _ in range(3))
