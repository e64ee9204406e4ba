"""How what is owed, was given up or was not understood is printed: lists, and one item with its tries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from omnigate.cli import terminal
from omnigate.cli.message import note_more

Item = dict[str, Any]


def say_list(
    answer: dict[str, Any],
    columns: Mapping[str, str],
    row: Callable[[Item], Item],
    empty: str,
    *,
    spare: Collection[str] = (),
    as_json: bool,
) -> None:
    """Print a page of a list; ``row`` adds to an item what its columns show.

    ``spare`` are headings that a narrow screen does without.
    """
    if as_json:
        terminal.say_json(answer)
        return
    if terminal.is_narrow():
        columns = {heading: key for heading, key in columns.items() if heading not in spare}
    terminal.say_table(columns, [{**item, **row(item)} for item in answer["items"]], empty)
    note_more(answer)


def say_item(answer: Item, name: str, **more: object) -> None:
    """Print one thing that is or was owed: whose it is, how it was tried, what it says."""
    terminal.say_fields(
        [
            (name, answer["id"]),
            ("to", f"{answer['direction']} {answer['destination']}"),
            ("event", answer["event"]),
            ("type", answer["type"]),
            ("message", answer["message"]),
            ("conversation", answer["conversation"]),
            ("contact", answer["contact"]),
            ("sequence", answer["sequence"]),
            ("queued", terminal.moment(answer["created_at"])),
            *more.items(),
            ("attempts", answer["attempts"]),
        ]
    )
    terminal.say_title("Attempts that failed")
    terminal.say_table(
        {"TRY": "number", "AT": "at", "STATUS": "status", "TOOK": "took", "ERROR": "error"},
        [
            {
                **item,
                "at": terminal.moment(item["at"]),
                "took": None if item["duration_ms"] is None else f"{item['duration_ms']} ms",
            }
            for item in answer["tries"]
        ],
        "None is kept.",
    )
    terminal.say_title("Content")
    if answer["content"] is None:
        terminal.note("It was erased.")
    else:
        terminal.say_json(answer["content"])


def named(item: Item) -> Item:
    """Return what an item is, for a row: the event or message, and its type."""
    return {"item": item["event"] or item["message"], "what": item["type"] or "message"}
