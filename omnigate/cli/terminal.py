"""What commands print: tables for people on a terminal, aligned plain text in a pipe, JSON.

Names and texts come from customers; none of them can command the terminal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from omnigate.cli.wrapping import wrapped

_STYLES: Final = {
    "up": "green",
    "ok": "green",
    "warning": "yellow",
    "open": "",
    "degraded": "yellow",
    "starting": "yellow",
    "failing": "yellow",
    "paused": "yellow",
    "unknown": "yellow",
    "down": "bold red",
    "failed": "bold red",
    "broken": "bold red",
    "stopped": "dim",
    "disabled": "dim",
    "revoked": "dim",
    "expired": "dim",
    "closed": "dim",
}
_CONTROLS: Final = [
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xE0000, 0xE0080),
]
"""C0, C1, zero-width and direction-changing characters: invisible, and some are commands."""
_ON_ONE_LINE: Final = {code: " " if chr(code) in "\n\r\t" else "�" for code in _CONTROLS}
_IN_JSON: Final = {code: json.dumps(chr(code))[1:-1] for code in _CONTROLS if code >= 0x7F}
_WIDEST_CELL: Final = 60
_LONGEST_WORD: Final = 20
"""What a column of single words may be wide and still not be folded."""
_NARROW: Final = 110
"""Columns of a screen."""
_IDENTIFIER: Final = re.compile(r"[a-z]{3}_[0-9a-v]{26}")


def say(text: str = "", hang: int = 0) -> None:
    """Print a sentence of the answer itself, on the standard output; a pipe gets whole lines.

    On a screen it is broken between words, what follows ``hang`` columns further in.
    """
    put(wrapped(text, Console().width if is_terminal() else None, hang))


def put(text: str) -> None:
    """Print what is no sentence as it is, on the standard output: it is copied, or has a form of its own."""
    print(text)


def note(text: str) -> None:
    """Print what is worth knowing beside the answer, on the standard error; a pipe gets whole lines."""
    width = Console(stderr=True).width if sys.stderr.isatty() else None
    print(wrapped(text, width), file=sys.stderr)


def is_terminal() -> bool:
    """Tell whether a person reads the standard output."""
    return sys.stdout.isatty()


def is_screen() -> bool:
    """Tell whether the standard output is a terminal on which text can be put anywhere."""
    return is_terminal() and not Console().is_dumb_terminal


def is_narrow() -> bool:
    """Tell whether a person reads on a screen that is too narrow for a long table."""
    return is_terminal() and Console().width < _NARROW


def style_of(word: str) -> str:
    """Return how a state is written: its colour, or nothing."""
    return _STYLES.get(word, "")


def flush() -> None:
    """Have what was printed come out now: whoever reads a pipe waits for it."""
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """Print a value as JSON, characters that command terminals escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    put(text.translate(_IN_JSON))


def json_line(value: Any) -> str:
    """Return a value as JSON on one line, characters that command terminals escaped."""
    return json.dumps(value, ensure_ascii=False).translate(_IN_JSON)


def clean(value: object) -> str:
    """Return any value as text on one line that is safe to print."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(clean(item) for item in value)
    return str(value).translate(_ON_ONE_LINE).encode("utf-8", "replace").decode()


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
    that are ``spare``, and without those that nothing stands under.
    """
    shown = clean if whole else _short
    rows = list(rows)
    if is_narrow():
        columns = {
            heading: key
            for heading, key in columns.items()
            if heading not in spare and any(clean(row.get(key)) for row in rows)
        }
    cells = [[shown(row.get(key)) for key in columns.values()] for row in rows]
    if not cells:
        note(empty)
        return
    headings = list(columns)
    if is_terminal():
        _rich_table(headings, cells)
        return
    for line in _aligned([headings, *cells]):
        put(line)


def say_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; pairs without a value are left out."""
    pairs = [(name, clean(value)) for name, value in fields if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        if is_terminal():
            console = Console(highlight=False)
            line = Text(f"{name:<{width}}  ", style="dim")
            said = wrapped(value, max(console.width - width - 2, 1))
            said = said.replace("\n", f"\n{'':<{width}}  ")
            line.append(said, style=_STYLES.get(value) or "not dim")
            # A word that is broken here cannot be copied; the screen breaks it without a mark.
            console.print(line, soft_wrap=True)
        else:
            put(f"{name:<{width}}  {value}")


def say_title(text: str) -> None:
    """Print a heading between tables."""
    say()
    if is_terminal():
        Console(highlight=False).print(Text(text, style="bold"))
    else:
        put(text)


def say_picture(lines: Sequence[str]) -> None:
    """Print a picture of blocks on a screen, light on dark whatever the screen's own colours are."""
    picture = Text("\n".join(lines), style="bright_white on black")
    Console(highlight=False).print(picture, soft_wrap=True)


def moment(value: object) -> str:
    """Return a time of the API as people read it: UTC, to the second."""
    if not isinstance(value, str):
        return ""
    try:
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except ValueError:
        return value


def age(value: object) -> str:
    """Return how long ago a time of the API was: ``3 min 5 s ago``; empty for none."""
    if not isinstance(value, str):
        return ""
    passed = datetime.now(UTC) - datetime.fromisoformat(value)
    return f"{duration(max(0.0, passed.total_seconds()))} ago"


def until(value: object) -> str:
    """Return how far ahead a time of the API is: ``in 12 s``; empty for none and for what is past."""
    if not isinstance(value, str):
        return ""
    left = (datetime.fromisoformat(value) - datetime.now(UTC)).total_seconds()
    return f"in {duration(left)}" if left > 0 else ""


def duration(seconds: float) -> str:
    """Return a span in the two largest units that matter: ``3 d 4 h``, ``12 s``."""
    rest = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


def _short(value: object) -> str:
    text = clean(value)
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "…"


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, header_style="bold dim", pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        column = [row[number] for row in rows]
        table.add_column(heading, overflow="fold", no_wrap=_is_whole(column))
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console(highlight=False).print(table)


def _is_whole(column: Sequence[str]) -> bool:
    """Tell whether a column stays on one line: an identifier on two cannot be copied, a word not be read."""
    if any(_IDENTIFIER.match(cell) for cell in column):
        return True
    return all(len(cell) <= _LONGEST_WORD and " " not in cell for cell in column)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()
