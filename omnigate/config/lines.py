"""Which line of a file says what, for messages: the parser that reads the values does not tell.

The text is taken statement by statement, each as few lines as make TOML by themselves, so that nothing is
guessed: what cannot be followed has no line.

Source: TOML 1.0.0, sections Table and Array of Tables (read 2026-11-22).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

Place = tuple[str | int, ...]
"""Where a value stands: ``("channels", "site", "kind")``."""

LONGEST_TEXT: Final = 256 * 1024
"""Characters; of larger files no lines are known."""
LONGEST_STATEMENT: Final = 200
"""Lines of one value."""


class Lines:
    """Where the tables and keys of one file begin."""

    def __init__(self, text: str) -> None:
        """Go through a text that is TOML."""
        self._said: dict[Place, int] = {}
        self._implied: dict[Place, int] = {}
        if len(text) <= LONGEST_TEXT:
            self._go_through(text)

    def of(self, place: Place) -> int | None:
        """Return the line, from 1, that says this; of what is missing, where the table around it begins."""
        if place in self._implied and place not in self._said:
            return self._implied[place]
        while place:
            if place in self._said:
                return self._said[place]
            place = place[:-1]
        return None

    def _go_through(self, text: str) -> None:
        table: Place = ()
        counts: dict[Place, int] = {}
        for number, statement in _statements(text):
            try:
                parsed = tomllib.loads(statement)
            except tomllib.TOMLDecodeError:
                return  # too long a value: what follows cannot be told from it
            if statement.lstrip().startswith("["):
                table = _located(_path(parsed), counts, is_array=_is_array(statement))
                self._note(table, number)
            elif parsed:
                self._note((*table, *_path(parsed)), number, below=len(table))

    def _note(self, place: Place, line: int, below: int = 0) -> None:
        self._said.setdefault(place, line)
        for length in range(below + 1, len(place)):
            self._implied.setdefault(place[:length], line)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Return the statements with the numbers of their first lines; comments and blank lines are some."""
    begun, lines = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        begun = begun if lines else number
        lines.append(line)
        if _is_whole("\n".join(lines)) or len(lines) >= LONGEST_STATEMENT:
            yield begun, "\n".join(lines)
            lines = []


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _path(parsed: Mapping[str, Any]) -> Place:
    """Return the keys that a statement names, from the outermost on."""
    path: Place = ()
    value: Any = parsed
    while isinstance(value, Mapping) and len(value) == 1:
        ((key, value),) = value.items()
        path = (*path, key)
    return path


def _is_array(header: str) -> bool:
    return header.lstrip().startswith("[[")


def _located(path: Place, counts: dict[Place, int], *, is_array: bool) -> Place:
    """Return where a table stands: what is below an array of tables is in its latest one."""
    place: Place = ()
    for step in path[:-1]:
        place = (*place, step)
        if place in counts:
            place = (*place, counts[place] - 1)
    place = (*place, *path[-1:])
    if is_array:
        counts[place] = counts.get(place, 0) + 1
        return (*place, counts[place] - 1)
    return place
