"""What the gateway reports of itself, as one line for ``omnigate events tail``."""

from __future__ import annotations

from typing import Any

from omnigate.cli import terminal

Data = dict[str, Any]


def told(event: dict[str, Any]) -> tuple[str, str] | None:
    """Return who an operational event is about and what it says; None for events of another sort."""
    data: Data = event.get("data") or {}
    match str(event.get("type")).partition(".")[0], data:
        case "channel", {"channel": dict() as known}:
            return f"channel {known['name']}", _joined(known["state"], known["message"])
        case "destination", {"destination": dict() as known}:
            return f"{known['direction']} {known['name']}", _of_destination(known)
        case "delivery", {"delivery": dict() as known}:
            what = known.get("event") or known.get("message")
            said = _joined(f"{what} is dead: {known['reason']}", known["error"])
            return f"{known['direction']} {known['destination']}", said
    return None


def _of_destination(known: Data) -> str:
    since = terminal.moment(known["failing_since"])
    often = f"{known['failures']} failures since {since}" if since else ""
    return _joined(", ".join(part for part in (known["state"], often) if part), known["error"])


def _joined(what: str, why: str | None) -> str:
    return f"{what}: {why}" if why else what
