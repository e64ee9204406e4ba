"""How what is owed or was given up is printed: what it is, and how it was tried."""

from __future__ import annotations

from typing import Any

from omnigate.cli import tables, terminal

Item = dict[str, Any]


def say_item(answer: Item, name: str, **more: object) -> None:
    """Print one thing that is or was owed: whose it is, how it was tried, what it says."""
    terminal.say_fields(
        [
            (name, answer["id"]),
            ("to", f"{answer['direction']} {answer['destination']}"),
            ("event", answer["event"]),
            ("type", answer["type"]),
            ("message", answer["message"]),
            ("asked for", answer["action"]),
            ("conversation", answer["conversation"]),
            ("contact", answer["contact"]),
            ("sequence", answer["sequence"]),
            ("queued", terminal.moment(answer["created_at"])),
            *more.items(),
            ("attempts", answer["attempts"]),
        ]
    )
    terminal.say_title("Attempts that failed")
    tables.say_table(
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
    action = item["action"]
    what = "message" if action == "send" else f"message {action}"
    return {"item": item["event"] or item["message"], "what": item["type"] or what}
