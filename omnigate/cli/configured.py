"""Channels and backends: as the running daemon knows them, and as the configuration alone does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omnigate import config, plugins
from omnigate.cli import overview, terminal
from omnigate.cli.client import segment
from omnigate.cli.failure import NotRunning
from omnigate.cli.reach import running
from omnigate.config.sections import Direction


def listed(path: Path | None, direction: Direction) -> dict[str, Any]:
    """Return the daemon's listing of one direction; without a daemon what the configuration says."""
    try:
        with running(path) as client:
            answer: dict[str, Any] = client.get(f"/admin/{direction}s")
    except NotRunning:
        return _sections(path, direction)
    return answer


def show_one(path: Path | None, direction: Direction, name: str, *, as_json: bool) -> None:
    """Print one channel or backend of the running daemon."""
    with running(path) as client:
        answer = client.get(f"/admin/{direction}s/{segment(name)}")
    if as_json:
        terminal.say_json(answer)
    else:
        terminal.say_fields(overview.fields(answer))


def _sections(path: Path | None, direction: Direction) -> dict[str, Any]:
    terminal.note("The daemon is not running: this is what the configuration says.")
    loaded = config.load(path, plugins.load)
    sections = loaded.channels if direction == "channel" else loaded.backends
    items = [
        _item(
            section.name,
            section.kind,
            "stopped" if section.config.enabled else "disabled",
            "",
            enabled=section.config.enabled,
        )
        for section in sections.values()
    ]
    items += [
        _item(section.name, section.kind, "broken", section.error, enabled=True)
        for section in loaded.broken
        if section.direction == direction
    ]
    return {"items": items, "next": None}


def _item(name: str, kind: str, state: str, message: str, *, enabled: bool) -> dict[str, Any]:
    return {"name": name, "kind": kind, "state": state, "message": message, "enabled": enabled}
