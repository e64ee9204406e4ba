"""``omnigate status``: everything at one glance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from omnigate.cli import terminal
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import running

_WATCH_SECONDS: Final = 2.0


def status(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again every two seconds, until Ctrl-C.")
    ] = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show how channels and destinations are."""
    show = terminal.say_json if as_json else _show
    with running(config_path) as client:
        answer = client.get("/admin/status")
        while watch:
            terminal.clear()
            show(answer)
            try:
                time.sleep(_WATCH_SECONDS)
            except KeyboardInterrupt:
                return
            answer = client.get("/admin/status")
    show(answer)


def _show(answer: dict[str, Any]) -> None:
    ready = "ready" if answer["ready"] else "not ready"
    uptime = terminal.duration(answer["uptime_seconds"])
    store = answer["store"]
    terminal.say_fields(
        [
            ("omnigate", f"{answer['version']}, {ready}, up {uptime}, pid {answer['pid']}"),
            ("store", f"{store['path']}, {terminal.size(store['size_bytes'])}"),
            ("totals", ", ".join(f"{key} {value}" for key, value in answer["totals"].items())),
        ]
    )
    terminal.say_title("Channels")
    terminal.say_table(
        {
            "NAME": "name",
            "KIND": "kind",
            "STATE": "state",
            "ADDRESS": "endpoint",
            "SAYS": "message",
        },
        answer["channels"],
        "No channel is configured.",
    )
    terminal.say_title("Destinations")
    terminal.say_table(
        {
            "NAME": "name",
            "KIND": "kind",
            "GETS": "gets",
            "STATE": "state",
            "PENDING": "pending",
            "DEAD": "dead",
            "OLDEST": "oldest",
            "LAST OK": "success",
        },
        list(_destinations(answer["destinations"])),
        "Nothing is configured to deliver to.",
    )
    _show_errors(answer["destinations"])


def _destinations(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield {
            **item,
            "state": item["state"] if item["enabled"] else "disabled",
            "gets": "events" if item["direction"] == "backend" else "messages",
            "oldest": terminal.age(item["oldest_pending_at"]),
            "success": terminal.age(item["last_success_at"]),
        }


def _show_errors(items: list[dict[str, Any]]) -> None:
    """Say in full what the destinations in trouble answered."""
    errors = [
        (item["name"], item["message"] or item["last_error"])
        for item in items
        if item["state"] != "ok" and (item["message"] or item["last_error"])
    ]
    if errors:
        terminal.say_title("In trouble")
        terminal.say_fields(errors)
