"""What HTML marks as quoted, brought over into the text that is made of it as ``> `` before each line.

Sanitising takes away what tells a quote (classes, ids, styles), and a renderer forgets where one ends. So
invisible marks are put into the HTML first and read from the text last::

    marked = sanitise(mark_quotes(original))
    html, text = without_marks(marked), show_quotes(render(marked))

Whoever writes such marks into a mail decides about the quotes of that mail, as with ``>`` in a text.
Source: the HTML that Gmail, Apple Mail, Outlook, Mail.ru, Yandex, Thunderbird and Yahoo write, read
2026-11-22; RFC 3676 section 4.5 (the form of quotes in text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from omnigate_email.meaning.attributions import LONGEST_WRAP, RULE, attribution_at, is_blank

DEEPEST: Final = 9
"""Quotes of quotes beyond this are shown like this one."""

# Invisible separator and invisible times: no letters, no spaces, no direction.
_BEGIN: Final = "\u2063\u2063\u2062"
_PERHAPS: Final = "\u2063\u2062\u2062"
_END: Final = "\u2062\u2063\u2063"
_REST: Final = "\u2063\u2062\u2063"
_MARK: Final = re.compile(f"({_BEGIN}|{_PERHAPS}|{_END}|{_REST})")
_MARKED: Final = re.compile(f"<div>(?:{_BEGIN}|{_PERHAPS}|{_END}|{_REST})</div>")

_TAG: Final = re.compile(
    r"<(?P<end>/?)(?P<name>blockquote|div)(?P<attributes>(?:\s[^<>]*)?)>", re.I
)
_CLASS: Final = re.compile(r"\bclass\s?=\s?[\"']?([^\"'<>]{1,300})", re.IGNORECASE)
_ID: Final = re.compile(r"\bid\s?=\s?[\"']?(?:x_)?([\w-]{1,100})", re.IGNORECASE)
_CITE: Final = re.compile(r"\btype\s?=\s?[\"']?cite\b", re.IGNORECASE)
_BAR: Final = re.compile(r"\bborder-left(?:-width|-style)?\s?:\s?(?!none|0)", re.IGNORECASE)
# An indented paragraph of Gmail's and Outlook's editors is a blockquote too.
_INDENT: Final = re.compile(
    r"\bborder\s?:\s?(?:none|0)|\bmargin\s?:\s?0(?:px)? 0(?:px)? 0(?:px)? 40px", re.I
)
_OUTLOOK_LINE: Final = re.compile(
    r"\bborder-top\s?:\s?solid #(?:E1E1E1|B5C4DF) 1\.0pt", re.IGNORECASE
)

QUOTE_CLASSES: Final = frozenset({"gmail_attr", "moz-cite-prefix", "yahoo_quoted"})
"""Of a ``div`` that is wholly a quote, or what introduces one. Not ``gmail_quote``: answers between quotes
stand within it, and its quotes are ``blockquote``."""
REST_IDS: Final = frozenset({"appendonsend", "divrplyfwdmsg"})
"""Of an empty or introducing ``div`` of Outlook, below which all is the old mail."""

_Kind = Literal["quote", "perhaps", "rest"]


def mark_quotes(html: str) -> str:
    """Return HTML with marks where quotes begin and end; in time proportional to its length."""
    return "".join(_marked(html))


def without_marks(html: str) -> str:
    """Return sanitised HTML without the marks."""
    return _MARK.sub("", _MARKED.sub("", html))


def show_quotes(text: str) -> str:
    """Return the text made of marked HTML, its quoted lines beginning with ``>``, the marks gone.

    Where only the rest of a mail is known to be old, a line of underscores stands, as Outlook draws it.
    """
    if not _MARK.search(text):
        return text
    shown = _Shown()
    for piece in _pieces(text):
        shown.take(piece)
    return "\n".join(shown.lines)


class _Shown:
    """The text as it is shown so far, and how deep in quotes it is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._quotes: list[bool] = []
        self._depth = 0
        self._said = 0
        """How many of the lines there are up to the last that is not blank."""

    def take(self, piece: str) -> None:
        if piece == _BEGIN:
            self._begin(is_quote=True)
        elif piece == _PERHAPS:
            self._begin(is_quote=self._is_introduced())
        elif piece == _END:
            self._depth -= self._quotes.pop() if self._quotes else 0
        elif piece != _REST:
            self._show(piece)
        elif not self._depth and self.lines[self._said - 1 : self._said] != [RULE]:
            self._show(RULE)

    def _begin(self, *, is_quote: bool) -> None:
        self._quotes.append(is_quote)
        self._depth += is_quote

    def _show(self, line: str) -> None:
        bars = ">" * min(self._depth, DEEPEST)
        self.lines.append(f"{bars} {line}".rstrip() if bars else line)
        if not is_blank(line):
            self._said = len(self.lines)

    def _is_introduced(self) -> bool:
        """Tell whether the last lines say that a quote follows."""
        tail = self.lines[max(self._said - LONGEST_WRAP, 0) : self._said]
        return any(attribution_at(tail, at) == len(tail) - at for at in range(len(tail)))


def _marked(html: str) -> Iterator[str]:
    position = 0
    opened: dict[str, list[bool]] = {"blockquote": [], "div": []}
    for tag in _TAG.finditer(html):
        name, is_end = tag["name"].lower(), bool(tag["end"])
        if is_end:
            if opened[name] and opened[name].pop():
                yield f"{html[position : tag.end()]}<div>{_END}</div>"
                position = tag.end()
            continue
        kind = _kind(name, tag["attributes"])
        opened[name].append(kind in ("quote", "perhaps"))
        if kind:
            mark = {"quote": _BEGIN, "perhaps": _PERHAPS, "rest": _REST}[kind]
            yield f"{html[position : tag.start()]}<div>{mark}</div>"
            position = tag.start()
    yield html[position:]


def _kind(name: str, attributes: str) -> _Kind | None:
    found = _CLASS.search(attributes)
    classes = {one.removeprefix("x_") for one in found[1].lower().split()} if found else set()
    if name == "blockquote":
        if _CITE.search(attributes) or "gmail_quote" in classes or _BAR.search(attributes):
            return "quote"
        return None if _INDENT.search(attributes) else "perhaps"
    if not classes.isdisjoint(QUOTE_CLASSES):
        return "quote"
    identity = _ID.search(attributes)
    if (identity and identity[1].lower() in REST_IDS) or _OUTLOOK_LINE.search(attributes):
        return "rest"
    return None


def _pieces(text: str) -> Iterator[str]:
    """Return lines and marks; a mark beside text, as in a table, stands for itself."""
    for line in text.split("\n"):
        if "\u2063" not in line:
            yield line
            continue
        yield from (piece for piece in _MARK.split(line) if not is_blank(piece))
