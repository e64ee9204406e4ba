"""``omnigate run``, ``check``, ``status`` and ``stop``: the daemon as a whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from omnigate import config, plugins
from omnigate.cli import terminal
from omnigate.cli.failure import Failed
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.problems import note_warnings
from omnigate.cli.reach import running

_STOP_DEADLINE_SECONDS: Final = 60.0
_STOP_POLL_SECONDS: Final = 0.1
_WATCH_SECONDS: Final = 2.0


def run(config_path: ConfigPath = None) -> None:
    """Run the daemon until Ctrl-C, SIGTERM or omnigate stop."""
    loaded = config.load(config_path, plugins.load)
    note_warnings(loaded.warnings)
    # The daemon brings in the server and the store: no other command should wait for them.
    from omnigate import gateway  # noqa: PLC0415

    raise typer.Exit(gateway.run(loaded))


def check(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Check the configuration, all problems at once."""
    loaded = config.load(config_path, plugins.load)
    if as_json:
        terminal.say_json(
            {
                "ok": not loaded.broken,
                "files": [str(path) for path in loaded.files],
                "problems": [],
                "warnings": [
                    {
                        "where": item.where,
                        "key": item.key,
                        "message": item.message,
                        "hint": item.hint,
                    }
                    for item in loaded.warnings
                ],
            }
        )
    else:
        note_warnings(loaded.warnings)
        verdict = "is usable" if loaded.warnings else "is good"
        terminal.say(
            f"{loaded.path} {verdict}: "
            f"{_count(len(loaded.channels), 'channel')}, {_count(len(loaded.backends), 'backend')}, "
            f"{_count(len(loaded.settings.routes), 'route')}."
        )
    if loaded.broken:
        raise typer.Exit(1)


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


def stop(config_path: ConfigPath = None) -> None:
    """Stop the daemon and wait for its end."""
    with running(config_path) as client:
        client.post("/admin/stop")
    deadline = time.monotonic() + _STOP_DEADLINE_SECONDS
    while client.reachable():
        if time.monotonic() > deadline:
            raise Failed(
                f"The daemon still answers after {_STOP_DEADLINE_SECONDS:g} s.",
                "It finishes attempts in flight; a second SIGTERM ends it at once.",
            )
        time.sleep(_STOP_POLL_SECONDS)
    terminal.say("Stopped.")


def _show(answer: dict[str, Any]) -> None:
    ready = "ready" if answer.get("ready") else "not ready"
    uptime = terminal.duration(answer.get("uptime_seconds") or 0)
    totals = answer.get("totals") or {}
    store = answer.get("store") or {}
    terminal.say_fields(
        [
            ("omnigate", f"{answer.get('version')}, {ready}, up {uptime}, pid {answer.get('pid')}"),
            ("store", f"{store.get('url')}, {terminal.size(store.get('size_bytes') or 0)}"),
            ("totals", ", ".join(f"{key} {value}" for key, value in totals.items())),
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
        answer.get("channels") or [],
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
            "DUE": "due",
            "DEAD": "dead",
            "OLDEST": "oldest",
            "LAST SUCCESS": "success",
            "LAST ERROR": "last_error",
        },
        list(_destinations(answer.get("destinations") or [])),
        "No destination is known yet.",
    )


def _destinations(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield {
            **item,
            "gets": "events" if item["direction"] == "backend" else "messages",
            "oldest": terminal.moment(item.get("oldest_pending_at")),
            "success": terminal.moment(item.get("last_success_at")),
        }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
