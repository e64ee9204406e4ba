"""Texts written in HTML, MarkdownV2 or the old Markdown, read into text and entities.

Which marks exist is in the platform's documentation ("Formatting options"). Texts that are no such
markup are refused with ``can't parse entities``; the words after it are unverified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from omnigate.emulators.telegram.errors import Refused, bad_request
from omnigate.emulators.telegram.limits import utf16_units

_HTML_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)([^<>]*)>")
_REFERENCE = re.compile(r"&(lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)\s*(?:=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_V2_MARKS = {"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler"}
_V1_MARKS = {"*": "bold", "_": "italic"}


@dataclass(slots=True)
class _Open:
    type: str
    mark: str
    at_units: int
    at_byte: int
    more: dict[str, Any] = field(default_factory=dict)


class _Writer:
    """The plain text so far, and what is open in it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.units = 0
        self.open: list[_Open] = []
        self.entities: list[dict[str, Any]] = []

    def write(self, text: str) -> None:
        self.parts.append(text)
        self.units += utf16_units(text)

    def begin(self, kind: str, mark: str, at_byte: int, **more: Any) -> None:
        self.open.append(_Open(kind, mark, self.units, at_byte, more))

    def end(self, **more: Any) -> None:
        opened = self.open.pop()
        if self.units > opened.at_units:
            length = self.units - opened.at_units
            entity = {"type": opened.type, "offset": opened.at_units, "length": length}
            self.entities.append(entity | opened.more | more)

    def result(self) -> tuple[str, list[dict[str, Any]]]:
        ordered = sorted(self.entities, key=lambda entity: (entity["offset"], -entity["length"]))
        return "".join(self.parts), ordered


def read_markup(text: str, mode: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the plain text and its entities.

    Raises:
        Refused: the mode is none of the three, or the text is no such markup
    """
    match mode.lower():
        case "html":
            return _read_html(text)
        case "markdownv2":
            return _read_markdown_v2(text)
        case "markdown":
            return _read_markdown(text)
    raise bad_request("Unsupported parse_mode")


def _cannot(why: str) -> Refused:
    return bad_request(f"Can't parse entities: {why}")


def _byte(text: str, at: int) -> int:
    return len(text[:at].encode())


def _read_html(text: str) -> tuple[str, list[dict[str, Any]]]:
    out = _Writer()
    at = 0
    while at < len(text):
        if text[at] == "<":
            tag = _TAG.match(text, at)
            name = tag[2].lower() if tag else ""
            if tag is None or name not in _HTML_TYPES:
                raise _cannot(f'Unsupported start tag "{name}" at byte offset {_byte(text, at)}')
            if tag[1]:
                _end_tag(out, name, _byte(text, at))
            else:
                _start_tag(out, name, tag[3], _byte(text, at))
            at = tag.end()
            continue
        reference = _REFERENCE.match(text, at)
        out.write(unescape(reference[0]) if reference else text[at])
        at = reference.end() if reference else at + 1
    if out.open:
        raise _cannot(f'Can\'t find end tag corresponding to start tag "{out.open[-1].mark}"')
    return out.result()


def _start_tag(out: _Writer, name: str, rest: str, at_byte: int) -> None:
    given = {
        match[1].lower(): match[2] or match[3] or match[4] for match in _ATTRIBUTE.finditer(rest)
    }
    kind, more = _HTML_TYPES[name], {}
    if name == "span" and given.get("class") != "tg-spoiler":
        raise _cannot(f'Tag "span" must have class "tg-spoiler" at byte offset {at_byte}')
    if name == "a":
        more = {"url": unescape(given.get("href") or "")}
    elif name == "tg-emoji":
        more = {"custom_emoji_id": given.get("emoji-id") or ""}
    elif name == "blockquote" and "expandable" in given:
        kind = "expandable_blockquote"
    elif name == "code" and out.open and out.open[-1].mark == "pre":
        language = (given.get("class") or "").removeprefix("language-")
        if language:
            out.open[-1].more["language"] = language
    out.begin(kind, name, at_byte, **more)


def _end_tag(out: _Writer, name: str, at_byte: int) -> None:
    if not out.open:
        raise _cannot(f"Unexpected end tag at byte offset {at_byte}")
    expected = out.open[-1].mark
    if expected != name:
        raise _cannot(
            f'Unmatched end tag at byte offset {at_byte}, expected "</{expected}>", found "</{name}>"'
        )
    if name == "code" and len(out.open) > 1 and out.open[-2].mark == "pre":
        out.open.pop()  # one entity, with the language
    else:
        out.end()


def _read_markdown_v2(text: str) -> tuple[str, list[dict[str, Any]]]:
    out = _Writer()
    at = 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text) and ord(text[at + 1]) < 127:
            out.write(text[at + 1])
            at += 2
            continue
        verbatim = bool(out.open) and out.open[-1].mark in ("`", "```")
        mark = _v2_mark(text, at, verbatim)
        if mark is not None:
            at = _v2_apply(out, text, at, mark)
        elif not verbatim and text[at] in _RESERVED:
            raise _cannot(
                f"Character '{text[at]}' is reserved and must be escaped with the preceding '\\'"
            )
        else:
            if (
                text[at] == "\n"
                and out.open
                and out.open[-1].mark == ">"
                and text[at + 1 : at + 2] != ">"
            ):
                out.end()
            out.write(text[at])
            at += 1
    while out.open and out.open[-1].mark == ">":
        out.end()
    if out.open:
        opened = out.open[-1]
        name = opened.type.replace("_", " ").title().replace(" ", "")
        raise _cannot(f"Can't find end of {name} entity at byte offset {opened.at_byte}")
    return out.result()


def _v2_mark(text: str, at: int, verbatim: bool) -> str | None:
    """Return the mark at this place, if there is one."""
    marks = ("```", "`") if verbatim else ("```", "`", "__", "||", "*", "_", "~", "[", "![", "](")
    mark = next((mark for mark in marks if text.startswith(mark, at)), None)
    if mark is None and not verbatim and text[at] == ">" and (at == 0 or text[at - 1] == "\n"):
        return ">"
    return mark


def _v2_apply(out: _Writer, text: str, at: int, mark: str) -> int:
    """Open or close what the mark says; return where to go on."""
    opened = out.open[-1].mark if out.open else None
    if mark == "](" and opened in ("[", "!["):
        return _close_link(out, text, at, opened == "![")
    if mark == opened and mark != ">":
        out.end()
        return at + len(mark)
    if mark == "](":
        raise _cannot("Character ']' is reserved and must be escaped with the preceding '\\'")
    if mark == ">":
        if opened != ">":
            out.begin("blockquote", ">", _byte(text, at))
        return at + 1
    if mark == "```":
        language = re.match(r"[a-zA-Z0-9_+-]+(?=\n)", text[at + 3 :])
        more = {"language": language[0]} if language else {}
        out.begin("pre", mark, _byte(text, at), **more)
        skip = 3 + (len(language[0]) if language else 0)
        return at + skip + (1 if text[at + skip : at + skip + 1] == "\n" else 0)
    kinds = _V2_MARKS | {"`": "code", "[": "text_link", "![": "custom_emoji"}
    out.begin(kinds[mark], mark, _byte(text, at))
    return at + len(mark)


def _close_link(out: _Writer, text: str, at: int, emoji: bool) -> int:
    end = at + 2
    url = ""
    while end < len(text) and text[end] != ")":
        if text[end] == "\\":
            end += 1
        url += text[end : end + 1]
        end += 1
    if end >= len(text):
        raise _cannot(f"Can't find end of a URL at byte offset {_byte(text, at + 1)}")
    if emoji:
        out.end(custom_emoji_id=url.removeprefix("tg://emoji?id="))
    else:
        out.end(url=url)
    return end + 1


def _read_markdown(text: str) -> tuple[str, list[dict[str, Any]]]:
    out = _Writer()
    at = 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in ("_", "*", "`", "["):
            out.write(text[at + 1])
            at += 2
        elif text[at] in "_*`[":
            at = _v1_entity(out, text, at)
        else:
            out.write(text[at])
            at += 1
    return out.result()


def _v1_entity(out: _Writer, text: str, at: int) -> int:
    mark = "```" if text.startswith("```", at) else text[at]
    closing = "]" if mark == "[" else mark
    end = text.find(closing, at + len(mark))
    if end < 0:
        raise _cannot(f"Can't find end of the entity starting at byte offset {_byte(text, at)}")
    link = re.compile(r"\]\(([^)]*)\)").match(text, end) if mark == "[" else None
    out.begin((_V1_MARKS | {"`": "code", "```": "pre", "[": "text_link"})[mark], mark, at)
    out.write(text[at + len(mark) : end])
    if mark == "[" and link is None:
        out.open.pop()
        return end + 1
    out.end(**({"url": link[1]} if link else {}))
    return link.end() if link else end + len(closing)
