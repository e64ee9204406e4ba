"""Channels and backends as the configuration alone knows them, for when no daemon runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from omnigate import config, plugins
from omnigate.cli.terminal import note


def listing(path: Path | None, direction: Literal["channel", "backend"]) -> dict[str, Any]:
    """Return the sections of one direction in the shape of the daemon's listing."""
    note("The daemon is not running: this is what the configuration says.")
    loaded = config.load(path, plugins.load)
    sections = loaded.channels if direction == "channel" else loaded.backends
    items = [
        _item(section.name, section.kind, "stopped", "", enabled=section.config.enabled)
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
