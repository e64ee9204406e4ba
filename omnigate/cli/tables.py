"""Tables: under headings where the screen is wide enough, row by row where it is not, aligned in a pipe."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from omnigate.cli import terminal
from omnigate.cli.wrapping import wrapped

_NARROW: Final = 110
"""Columns of a screen."""
_WIDEST_CELL: Final = 60
_LONGEST_WORD: Final = 20
"""What a column of single words may be wide and still not be folded."""
_IDENTIFIER: Final = re.compile(r"[a-z]{3}_[0-9a-v]{26}")
_GAP: Final = 2
_BETWEEN: Final = " · "


def say_table(
    columns: Mapping[str, str],
    rows: Iterable[Mapping[str, Any]],
    empty: str,
    *,
    whole: bool = False,
    spare: Collection[str] = (),
) -> None:
    """Print rows under headings (heading → key of the row); ``empty`` when there are none.

    Long values are shortened unless they are wanted ``whole``. A narrow screen does without the headings
    that are ``spare``, and without those that nothing stands under. Where a table would still have to
    break words, each row is printed by itself, with all that it says.
    """
    shown = terminal.clean if whole else _short
    cells = [{key: shown(row.get(key)) for key in columns.values()} for row in rows]
    if not cells:
        terminal.note(empty)
    elif not terminal.is_terminal():
        _put_aligned(columns, cells)
    else:
        screen = Console(highlight=False)
        needed = _needed(columns, cells, spare)
        for some in (columns, needed) if screen.width >= _NARROW else (needed,):
            if _narrowest(some, cells) <= screen.width:
                screen.print(_table(some, cells))
                return
        for row in cells:
            screen.print(_block(columns, row, screen.width), soft_wrap=True)


def _short(value: object) -> str:
    text = terminal.clean(value)
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "…"


def _put_aligned(columns: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> None:
    lines = [list(columns), *([row[key] for key in columns.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        terminal.put((" " * _GAP).join(cells).rstrip())


def _needed(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, str]], spare: Collection[str]
) -> dict[str, str]:
    return {
        heading: key
        for heading, key in columns.items()
        if heading not in spare and any(row[key] for row in rows)
    }


def _table(columns: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> Table:
    table = Table(box=None, header_style="bold dim", pad_edge=False, padding=(0, _GAP, 0, 0))
    for heading, key in columns.items():
        table.add_column(heading, overflow="fold", no_wrap=_is_whole([row[key] for row in rows]))
    for row in rows:
        table.add_row(*(_styled(row[key]) for key in columns.values()))
    return table


def _is_whole(column: Sequence[str]) -> bool:
    """Tell whether a column stays on one line: an identifier on two cannot be copied, a word not be read."""
    if any(_IDENTIFIER.match(cell) for cell in column):
        return True
    return all(len(cell) <= _LONGEST_WORD and " " not in cell for cell in column)


def _narrowest(columns: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> int:
    """Return how wide a table is that breaks lines between words, and nowhere else."""
    least = [_least(heading, [row[key] for row in rows]) for heading, key in columns.items()]
    return sum(least) + _GAP * (len(least) - 1)


def _least(heading: str, column: Sequence[str]) -> int:
    if _is_whole(column):
        return max(map(len, [heading, *column]))
    words = [word for cell in (heading, *column) for word in cell.split()]
    return max(map(len, words), default=0)


def _block(columns: Mapping[str, str], row: Mapping[str, str], width: int) -> Text:
    """Return a row by itself: what stands in its first column, and below that what the others say."""
    (_, first), *others = columns.items()
    block = Text()
    block.append_text(_styled(row[first] or "-", "bold"))
    said = [(heading.lower(), row[key]) for heading, key in others if row[key]]
    for line in _filled(said, width - _GAP):
        block.append("\n" + " " * _GAP)
        for number, (name, value) in enumerate(line):
            block.append(_BETWEEN if number else "", style="dim")
            block.append(f"{name} ", style="dim")
            indent = _GAP + len(name) + 1
            broken = wrapped(value, max(width - indent, 1)) if len(line) == 1 else value
            block.append_text(_styled(broken.replace("\n", "\n" + " " * indent)))
    return block


def _filled(pairs: Iterable[tuple[str, str]], width: int) -> Iterator[list[tuple[str, str]]]:
    """Return lines of names with values, each pair whole."""
    line: list[tuple[str, str]] = []
    room = width
    for name, value in pairs:
        needs = len(name) + 1 + len(value)
        if line and needs + len(_BETWEEN) > room:
            yield line
            line, room = [], width
        room -= needs + (len(_BETWEEN) if line else 0)
        line.append((name, value))
    if line:
        yield line


def _styled(cell: str, style: str = "") -> Text:
    return Text(cell, style=terminal.style_of(cell) or style)
