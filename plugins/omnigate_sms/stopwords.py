"""Whether a text is nothing but the wish to get no more of them, or some again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Literal

STOP: Final = (
    "stop",
    "stopall",
    "unsubscribe",
    "optout",
    "стоп",
    "отписка",
    "отписаться",
    "отпишите",
)
"""Left out on purpose: words such as ``end`` and ``отмена``, which people answer questions with."""
START: Final = ("start", "unstop", "subscribe", "старт", "подписка", "подписаться")

Wish = Literal["stop", "start"]

LONGEST: Final = 60
"""Characters of a text that is looked at: what is longer says more than one word."""

_MARKS: Final = re.compile(r"[\W_]+")


class Words:
    """The words by which people opt out and in."""

    def __init__(self, stop: Iterable[str], start: Iterable[str]) -> None:
        self._stop = frozenset(map(_squeezed, stop)) - {""}
        self._start = frozenset(map(_squeezed, start)) - {""} - self._stop

    def wish(self, text: str | None) -> Wish | None:
        """Return what a text asks for if it is one of the words, whatever its case and punctuation.

        Nor do spaces count: ``opt-out`` and ``STOP ALL`` are meant as ``optout`` and ``stopall`` are.
        """
        if not text or len(text) > LONGEST:
            return None
        said = _squeezed(text)
        if said in self._stop:
            return "stop"
        return "start" if said in self._start else None


def folded(text: str) -> str:
    """Return a text without case and marks, its words with one space between them."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return _MARKS.sub(" ", plain).strip()


def _squeezed(text: str) -> str:
    return folded(text).replace(" ", "")
