"""Reading what a server answers to FETCH: lists in lists and literals, as ``imaplib`` hands them over.

Source: RFC 3501 section 9 (formal syntax) and 7.4.2 (FETCH), read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, TypeAlias

Value: TypeAlias = "bytes | list[Value] | None"
"""A string or atom, NIL, or a list of them."""

DEEPEST: Final = 100
_TOKEN: Final = re.compile(
    rb'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|((?:[^\s()"\[]|\[[^\[\]]{0,300}\]|\[)+))'
)
_LITERAL: Final = re.compile(rb"~?\{\d+\+?\}$")
_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
_DATE: Final = re.compile(
    r"\s?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)


class Unreadable(ValueError):
    """The server's answer does not follow the protocol."""


@dataclass(frozen=True, slots=True)
class _Sign:
    closing: bool


def fetched(data: Sequence[object]) -> list[dict[str, Value]]:
    """Return the items of each message of an answer, names in upper case, without partial offsets.

    ``data`` is what ``imaplib`` returns: lines, and pairs of a line and the literal after it. Raises
    `Unreadable`.
    """
    tokens = _tokens(data)
    found = []
    for token in tokens:
        if isinstance(token, _Sign) or token is None:
            raise Unreadable("an answer to FETCH begins with a message's number")
        if next(tokens, None) != _Sign(closing=False):
            raise Unreadable("an answer to FETCH has no list")
        found.append(_items(_list(tokens)))
    return found


def internal_date(text: bytes) -> datetime:
    """Return a server's date of arrival; raises `Unreadable`."""
    match = _DATE.fullmatch(text.decode("ascii", "replace"))
    if match is None:
        raise Unreadable("INTERNALDATE is no date")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    try:
        zone = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        return datetime(
            int(year), _MONTHS.index(month.capitalize()) + 1, int(day),
            int(hour), int(minute), int(second),
            tzinfo=timezone(zone if sign == "+" else -zone),
        ).astimezone(UTC)  # fmt: skip
    except (ValueError, OverflowError):
        raise Unreadable("INTERNALDATE is no date") from None


def search_day(day: date) -> str:
    """Return a day as SEARCH wants it, in English whatever the machine speaks."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def number(value: Value) -> int:
    """Return a number of the protocol; raises `Unreadable`."""
    if not isinstance(value, bytes) or not re.fullmatch(rb"\d{1,19}", value):
        raise Unreadable("a number was expected")
    return int(value)


def words(value: Value) -> tuple[str, ...]:
    """Return the strings of a list, such as flags."""
    many = value if isinstance(value, list) else ()
    return tuple(one.decode("utf-8", "replace") for one in many if isinstance(one, bytes))


def _items(values: Sequence[Value]) -> dict[str, Value]:
    if len(values) % 2:
        raise Unreadable("an answer to FETCH has a name without a value")
    items: dict[str, Value] = {}
    for name, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(name, bytes):
            raise Unreadable("an answer to FETCH has a value without a name")
        items[re.sub(r"<\d+>$", "", name.decode("ascii", "replace").upper())] = value
    return items


def _list(tokens: Iterator[bytes | _Sign | None]) -> list[Value]:
    """Return a list whose opening was read. Not recursive: the other side says how deep it goes."""
    top: list[Value] = []
    open_lists = [top]
    for token in tokens:
        if not isinstance(token, _Sign):
            open_lists[-1].append(token)
        elif not token.closing:
            inner: list[Value] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
            if len(open_lists) > DEEPEST:
                raise Unreadable(f"an answer to FETCH has lists more than {DEEPEST} deep")
        else:
            open_lists.pop()
            if not open_lists:
                return top
    raise Unreadable("an answer to FETCH ends in the middle")


def _tokens(data: Sequence[object]) -> Iterator[bytes | _Sign | None]:
    for chunk in data:
        if isinstance(chunk, bytes):
            yield from _of_text(chunk)
        elif isinstance(chunk, tuple) and len(chunk) == 2:
            text, literal = chunk
            yield from _of_text(_LITERAL.sub(b"", text))
            yield literal
        elif chunk is not None:
            raise Unreadable("an answer to FETCH is neither text nor literal")


def _of_text(text: bytes) -> Iterator[bytes | _Sign | None]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable("an answer to FETCH cannot be read")
        at = match.end()
        opening, closing, quoted, atom = match.groups()
        if opening or closing:
            yield _Sign(closing=bool(closing))
        elif quoted is not None:
            yield re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL)
        else:
            yield None if atom.upper() == b"NIL" else atom
