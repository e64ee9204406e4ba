"""Lines for a screen: broken between words, never within one."""

from __future__ import annotations

import textwrap


def wrapped(text: str, width: int | None, hang: int = 0) -> str:
    """Return text whose lines fit a screen of so many columns; as it is without a width.

    What a line begins with in blanks stands before each of its parts, and ``hang`` more of them before
    all but the first, as far as that leaves room for the longest word. A word that is longer than the
    screen, such as a path, stays whole: the screen breaks it without a mark, so it can be copied.
    """
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width, hang))


def _parts(line: str, width: int, hang: int) -> list[str]:
    words = line.lstrip(" ")
    indent = line[: len(line) - len(words)]
    if len(line) <= width or len(indent) >= width:
        return [line]
    longest = max(map(len, words.split()), default=0)
    hang = min(hang, max(width - len(indent) - longest, 0))
    return textwrap.wrap(
        words,
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
