"""What commands print: sentences, fields and pictures for people on a terminal, plain text in a pipe, JSON.

Names and texts come from customers; none of them can command the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
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


def amount(number: int, noun: str) -> str:
    """Return ``1 dead letter``, ``3 dead letters``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
