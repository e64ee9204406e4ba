"""What ``status`` shows on a terminal: tables that fit its width, and what is wrong with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from omnigate.cli import overview, terminal
from omnigate.cli.overview import Answer, Row

_LEAVE_OUT: Final = (
    "SAYS",
    "KIND",
    "DUPLICATE",
    "LAST OK",
    "UNAUTHORIZED",
    "QUARANTINED",
    "LONGEST",
    "DUE",
    "GETS",
    "NEXT",
)
"""Columns that a narrow screen does without, the first ones first."""
_NUMBERS: Final = frozenset(
    {"IN", "DUPLICATE", "REFUSED", "UNAUTHORIZED", "QUARANTINED", "WAITING", "OVERDUE"}
    | {"PENDING", "DUE", "RETRYING", "DEAD"}
    | {"DONE/S", "FAILED/S"}
)
_ALARMING: Final = frozenset({"dead", "failed", "refused", "quarantined", "overdue"})
_NOTHING: Final = ("", "0")
_ALARMING_STATES: Final = {"open": "bold red", "stopped": "bold red", "absent": "yellow"}
_GAP: Final = 2
_SEVERITY: Final = {"bad": "bold red", "warning": "yellow"}


def fitted(columns: Mapping[str, str], rows: list[Row], width: int) -> RenderableType:
    """Return as many columns as fit; those that say nothing are left out first."""
    shown = {
        heading: key
        for heading, key in columns.items()
        if heading in ("NAME", "STATE") or any(row[key] not in _NOTHING for row in rows)
    }
    for heading in _LEAVE_OUT:
        if _width(shown, rows) <= width:
            break
        shown.pop(heading, None)
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, _GAP, 0, 0))
    for heading in shown:
        justify: Any = "right" if heading in _NUMBERS else "left"
        table.add_column(heading, justify=justify, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(_cell(key, row[key]) for key in shown.values()))
    return table


def _width(columns: Mapping[str, str], rows: list[Row]) -> int:
    widest = (
        max([len(heading), *(len(row[key]) for row in rows)]) for heading, key in columns.items()
    )
    return sum(width + _GAP for width in widest) - _GAP


def _cell(key: str, text: str) -> Text:
    if key == "state":
        return Text(text, style=_ALARMING_STATES.get(text) or terminal.style_of(text))
    if text in _NOTHING:
        return Text(text, style="dim")
    return Text(text, style="red" if key in _ALARMING else "")


def troubles(answer: Answer) -> Iterator[RenderableType]:
    """Return what is wrong, each with what to do about it below."""
    for known in overview.troubles(answer):
        line = Text(f"{known['subject']}: ", style=_SEVERITY.get(known["state"], ""))
        line.append(known["message"], style="not bold default")
        yield line
        if known["remedy"]:
            yield Padding(Text(known["remedy"], style="cyan"), (0, 0, 0, 2 * _GAP))
