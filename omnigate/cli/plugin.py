"""``omnigate plugin``: the kinds of channels and backends that are installed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from omnigate import Capabilities, plugins
from omnigate.cli import tables, terminal
from omnigate.cli.failure import Failed
from omnigate.cli.options import AsJson
from omnigate.config.checking import did_you_mean
from omnigate.config.example import keys


def list_plugins(as_json: AsJson = False) -> None:
    """List the kinds that are installed."""
    items = [asdict(item) for item in plugins.installed()]
    if as_json:
        terminal.say_json({"items": items, "next": None})
        return
    tables.say_table(
        {"KIND": "kind", "DISTRIBUTION": "distribution", "VERSION": "version", "MODULE": "module"},
        items,
        "No plugin is installed.",
    )


def describe(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind from the listing.")],
    as_json: AsJson = False,
) -> None:
    """Show what a kind can carry, and its keys."""
    catalogue = plugins.load([kind])
    if kind in catalogue.broken:
        raise Failed(
            f"The plugin of {kind} is broken: {catalogue.broken[kind]}.", "Reinstall or remove it."
        )
    described: list[dict[str, Any]] = []
    if channel := catalogue.channels.get(kind):
        described.append(
            _description(kind, "channel", channel.summary, channel.Config, channel.capabilities)
        )
    if backend := catalogue.backends.get(kind):
        described.append(_description(kind, "backend", backend.summary, backend.Config, None))
    if not described:
        hint = did_you_mean(kind, catalogue.available).capitalize()
        raise Failed(f"No plugin for the kind {kind!r} is installed.", hint or _known(catalogue))
    if as_json:
        terminal.say_json(described)
        return
    for item in described:
        _show(item)


def _known(catalogue: plugins.Catalogue) -> str:
    return f"Installed: {', '.join(sorted(catalogue.available))}"


def _description(
    kind: str,
    direction: str,
    summary: str,
    config: type[BaseModel],
    capabilities: Capabilities | None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "direction": direction,
        "summary": summary,
        "capabilities": _carried(capabilities) if capabilities else None,
        "keys": keys(config),
    }


def _carried(capabilities: Capabilities) -> dict[str, Any]:
    """Return what a kind can carry; how it measures texts, where it does so by itself, is named only."""
    shown: dict[str, Any] = _plain(asdict(capabilities))
    if shown.pop("measure") is not None:
        shown["text_units"] = "its own"
    return shown


def _plain(value: Any) -> Any:
    """Return what a kind can carry as JSON has it: sets, also in lists, become sorted lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _show(item: dict[str, Any]) -> None:
    terminal.say_fields(
        [("kind", item["kind"]), ("is a", item["direction"]), ("summary", item["summary"])]
    )
    if item["capabilities"]:
        terminal.say_title("Carries")
        terminal.say_fields(
            (key.replace("_", " "), value) for key, value in item["capabilities"].items()
        )
    terminal.say_title("Keys")
    for key in item["keys"]:
        default = f" = {key['default']}" if key["default"] else ""
        terminal.say(f"{key['key']}{default}{'  (required)' if key['required'] else ''}")
        if key["description"]:
            terminal.say(f"    {key['description']}")
