"""How a page of a listing is printed, and how to go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from omnigate.cli import tables, terminal

Item = dict[str, Any]


def say_page(
    answer: dict[str, Any],
    columns: Mapping[str, str],
    row: Callable[[Item], Item],
    empty: str,
    *,
    spare: Collection[str] = (),
    as_json: bool,
) -> None:
    """Print a page of a listing; ``row`` adds to an item what its columns show.

    ``spare`` are headings that a narrow screen does without; ``empty`` is said when nothing is listed.
    """
    if as_json:
        terminal.say_json(answer)
        return
    rows = [{**item, **row(item)} for item in answer["items"]]
    tables.say_table(columns, rows, empty, spare=spare)
    note_more(answer)


def note_more(answer: dict[str, Any]) -> None:
    """Say how to go on when a listing has more."""
    if answer.get("next"):
        terminal.note(f"There is more: --cursor {answer['next']}")
