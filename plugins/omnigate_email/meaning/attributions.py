"""What mail programs put above the mail that they quote or forward, in Russian and in English.

Everything is judged on a line, or on up to three lines that a program has wrapped, of bounded length: the
time is linear in the text, whatever stands in it.
Source: the forms are those that the programs write (see the table of each), read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

LONGEST_LINE: Final = 300
"""A longer line is somebody's paragraph."""
LONGEST_WRAP: Final = 3
"""Programs wrap a long attribution into so many lines at most."""
_HEADER_LINES: Final = 10
"""So many lines, names that are wrapped included, the headers of a quoted mail may take."""

_DAYS: Final = (
    r"(?:(?:пн|вт|ср|чт|пт|сб|вс)\.?|понедельник|вторник|среда|четверг|пятница|суббота|воскресенье"
    r"|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6})"
)
_MONTHS: Final = (
    r"(?:(?:янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек)[а-я]{0,6}"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6})\.?"
)
_DATE: Final = (
    rf"(?:\d{{1,2}} {_MONTHS} \d{{4}}(?: ?г(?:ода|\.)?)?"  # 3 марта 2025 г.
    rf"|{_MONTHS} \d{{1,2}}, \d{{4}}"  # March 3, 2025
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}"  # 03.03.2025
    r"|\d{4}-\d{2}-\d{2})"
)
_TIME: Final = r"\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]\.?m\.?)?"

# Begins with a moment: Gmail, Apple Mail, Mail.ru, Yandex, Thunderbird, Yahoo, each in both languages.
# Yandex on a telephone names the time first.
_MOMENT: Final = re.compile(
    rf"(?:(?:{_DAYS},? )?{_DATE},?(?: (?:в|at))?,? {_TIME}|{_TIME}, {_DATE})(?P<comma>,)?(?=[ ,:]|$)",
    re.IGNORECASE,
)
# Gmail, Apple Mail and Thunderbird in English.
_ON: Final = re.compile(r"on [^\n]{0,200}?(?:\d:\d\d|\d{4}|@)", re.IGNORECASE)
# Roundcube and The Bat!: somebody wrote at a moment.
_WROTE_AT: Final = re.compile(
    rf"(?:[^\n]{{1,100}} )?(?:на)?писал(?:и|а|\(а\))? {_DATE},?(?: в)? {_TIME}:", re.IGNORECASE
)
_VERBS: Final = frozenset(
    f"{verb}{ending}" for verb in ("написал", "писал") for ending in ("", "а", "(а)", "и")
) | {"пишет", "wrote", "writes"}
"""The last word of an attribution, before its colon."""
_END_OF_ADDRESS: Final = re.compile(
    rf"> ?(?:(?:{'|'.join(map(re.escape, sorted(_VERBS)))}) ?)?:", re.IGNORECASE
)
"""Of an attribution that Gmail has wrapped within ``<name@domain>``: it looks like a quoted line."""

_INITIALS: Final = re.compile(r"[A-ZА-ЯЁ]{1,3}>(?:[ >]|$)")

_TITLES: Final = (
    "исходное сообщение",
    "исходное письмо",
    "оригинальное сообщение",
    "original message",
    "original appointment",
    "пересылаемое сообщение",
    "пересланное сообщение",
    "перенаправленное сообщение",
    "переадресованное сообщение",
    "forwarded message",
)
# Samsung's telephones have the headers run on in the same line.
_TITLE: Final = re.compile(
    rf"-{{2,40}} ?(?:{'|'.join(_TITLES)}) ?-{{2,40}}(?: ?(?:от|from):.*|$)", re.IGNORECASE
)
_BARE_TITLES: Final = frozenset(
    {
        "начало переадресованного сообщения:",
        "начало пересылаемого сообщения:",
        "begin forwarded message:",
    }
)
RULE: Final = "_" * 32
"""What Outlook draws between an answer and the mail it quotes."""
_RULE: Final = re.compile(r"_{10,120}")
_DASHES: Final = re.compile(r"-{10,40}")
"""What Yandex draws above those whom the quoted mail went to."""

# The headers that Outlook and others show of the mail they quote, by what they say.
_LABELS: Final = {
    "от": "from",
    "от кого": "from",
    "from": "from",
    "отправлено": "sent",
    "дата": "sent",
    "sent": "sent",
    "date": "sent",
    "кому": "to",
    "to": "to",
    "тема": "subject",
    "subject": "subject",
}
_SIGN_OF_MAIL: Final = {
    "from": re.compile("@"),
    "sent": re.compile(r"\d:\d\d"),
    "to": re.compile("@"),
    "subject": re.compile(r"\b(?:re|fwd?|на):", re.IGNORECASE),
}
"""In one of the headers of a mail is an address, an hour, or what stands before the subjects of answers."""
_LABEL: Final = re.compile(r"\*{0,2}(?P<label>[^\W\d_]{2,12}(?: кого)?) ?:\*{0,2}(?: |$)")
_FIELD: Final = re.compile(r"\*{0,2}[^\W\d_][^:]{0,20}:")
_IN_ONE_LINE: Final = re.compile(
    r"\*{0,2}(?:от|from):.{1,150}? \*{0,2}(?:отправлено|sent|дата|date):.{1,150}?"
    r" \*{0,2}(?:тема|subject):",
    re.IGNORECASE,
)


def is_blank(line: str) -> bool:
    """Tell whether nothing stands in a line."""
    return not line or line.isspace()


def is_quoted(line: str) -> bool:
    """Tell whether a line is marked as quoted: by ``>``, or as The Bat! does by initials and ``>``."""
    begin = line.lstrip()[:5]
    return begin.startswith(">") or (">" in begin and _INITIALS.match(begin) is not None)


def attribution_at(lines: Sequence[str], index: int) -> int:
    """Return how many lines, from this one, say that a quoted or forwarded mail follows; 0 if none do."""
    if is_quoted(lines[index]):
        return 0
    first = _bare(lines[index][:LONGEST_LINE])
    if not first:
        return 0
    if _TITLE.match(first):
        return _with_fields(lines, index, 1)
    if first.lower() in _BARE_TITLES:
        is_spaced = index + 1 < len(lines) and is_blank(lines[index + 1])
        return _with_fields(lines, index, 2 if is_spaced else 1)
    if len(lines[index]) > LONGEST_LINE:
        return 0
    if _RULE.fullmatch(first):
        follow = _headers_follow(lines, index + 1, in_any_language=first == RULE)
        return _with_fields(lines, index, 1) if follow else 0
    if _DASHES.fullmatch(first):
        return _receivers_at(lines, index)
    return _sentence_at(lines, index) or _headers_at(lines, index)


def _sentence_at(lines: Sequence[str], index: int) -> int:
    joined = ""
    for size, line in enumerate(_paragraph(lines, index, LONGEST_WRAP), start=1):
        joined = f"{joined}{'' if line.startswith('>') else ' '}{line}".strip()
        if not joined.endswith(":"):
            continue
        if _is_of_program(joined) or (size == 1 and _is_of_person(joined, lines, index + 1)):
            return size
    return 0


def _is_of_program(said: str) -> bool:
    """Tell whether a program says when somebody wrote."""
    words = said[:-1].split()
    last = words[-1].lower() if words else ""
    if not (moment := _MOMENT.match(said)):
        return last in ("wrote", "writes") and _ON.match(said) is not None
    # Not everybody who names a moment and ends with a colon is a mail program.
    from_whom = bool(moment["comma"]) or "<" in said or "от" in words or "from" in words
    told = from_whom or "@" in said or "(а)" in last or "пользователь" in words
    return ("@" in last and from_whom) or (last in _VERBS and told)


def _is_of_person(said: str, lines: Sequence[str], after: int) -> bool:
    """Tell whether a line names who wrote: what stands above it could be part of no longer one."""
    if _WROTE_AT.fullmatch(said):
        return True
    # «Анна пишет:» alone could be anybody's words, but for what follows.
    words = said[:-1].lower().split()
    return (
        words[-1:] != []
        and words[-1] in _VERBS
        and len(words) <= 8
        and _quote_follows(lines, after)
    )


def _headers_at(lines: Sequence[str], index: int) -> int:
    if _label(lines[index]) != "from":
        return 0
    if _IN_ONE_LINE.match(_bare(lines[index])):
        return 1
    found: set[str] = set()
    size, is_of_mail = 0, False
    for offset, line in enumerate(lines[index : index + _HEADER_LINES]):
        if label := _label(line):
            if label in found:
                break  # each stands there once
            found.add(label)
            size = offset + 1
            # An order of flowers has a sender, a receiver and a day too.
            is_of_mail = is_of_mail or bool(_SIGN_OF_MAIL[label].search(line[:LONGEST_LINE]))
    if not is_of_mail or "sent" not in found or found.isdisjoint({"to", "subject"}):
        return 0
    return _with_fields(lines, index, size)


def _receivers_at(lines: Sequence[str], index: int) -> int:
    """Return how many lines the dashes, the receivers, and the sentence below them take."""
    if index + 1 == len(lines) or _label(lines[index + 1]) != "to":
        return 0
    size = _with_fields(lines, index, 1)
    return size + (_sentence_at(lines, index + size) if index + size < len(lines) else 0)


def _with_fields(lines: Sequence[str], index: int, size: int) -> int:
    """Return how many lines there are with what looks like further headers directly below."""
    most = min(index + _HEADER_LINES, len(lines))
    while index + size < most and _FIELD.match(_bare(lines[index + size][:LONGEST_LINE])):
        size += 1
    return size


def _headers_follow(lines: Sequence[str], index: int, *, in_any_language: bool) -> bool:
    """Tell whether the headers of a mail follow; unknown words are believed below Outlook's rule only."""
    following = [at for at in range(index, min(index + 4, len(lines))) if not is_blank(lines[at])]
    if following and _headers_at(lines, following[0]):
        return True
    names = [_FIELD.match(_bare(lines[at][:LONGEST_LINE])) for at in following[:2]]
    return in_any_language and len(names) == 2 and all(names)


def _label(line: str) -> str | None:
    if is_quoted(line):
        return None
    found = _LABEL.match(_bare(line[:LONGEST_LINE]))
    return _LABELS.get(found["label"].lower()) if found else None


def _paragraph(lines: Sequence[str], index: int, most: int) -> Iterator[str]:
    for line in lines[index : index + most]:
        bare = _bare(line[:LONGEST_LINE])
        if is_blank(line) or len(line) > LONGEST_LINE:
            return
        if is_quoted(line) and not _END_OF_ADDRESS.fullmatch(bare):
            return
        yield bare


def _quote_follows(lines: Sequence[str], index: int) -> bool:
    following = [line for line in lines[index : index + 2] if not is_blank(line)]
    return bool(following) and is_quoted(following[0])


def _bare(line: str) -> str:
    # Programs write hours with no-break spaces; all kinds of space become one.
    return " ".join(line.split())
