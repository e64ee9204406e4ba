"""``format=flowed`` undone: lines that a program wrapped become paragraphs again.

Source: RFC 3676, read 2026-11-22.
"""

from __future__ import annotations

import re

_QUOTES = re.compile(r">*")


def unflow(text: str, *, drop_space: bool) -> str:
    """Join lines that end in a blank with what follows at the same depth of quotes.

    ``drop_space`` is ``delsp=yes``: the blank at the end was added and goes. ``-- `` stays a line of
    its own, quotes come back as ``> ``, and one stuffed blank is taken from each line.
    """
    paragraphs: list[str] = []
    flowing: list[str] = []
    depth = 0
    for line in text.split("\n"):
        quotes = len(_QUOTES.match(line)[0])  # type: ignore[index]  # matches at least nothing
        content = line[quotes:].removeprefix(" ")
        if flowing and (quotes != depth or content == "-- "):
            paragraphs.append(_paragraph(depth, flowing))
            flowing = []
        depth = quotes
        if content.endswith(" ") and content != "-- ":
            flowing.append(content[:-1] if drop_space else content)
        else:
            paragraphs.append(_paragraph(depth, [*flowing, content]))
            flowing = []
    if flowing:
        paragraphs.append(_paragraph(depth, flowing))
    return "\n".join(paragraphs)


def _paragraph(depth: int, pieces: list[str]) -> str:
    text = "".join(pieces)
    return f"{'>' * depth} {text}" if depth else text
