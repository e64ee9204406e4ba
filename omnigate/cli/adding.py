"""``omnigate channel add`` and ``omnigate backend add``: asks for what a kind needs, tests it, writes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, Literal

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from omnigate import config, plugins
from omnigate.cli import terminal
from omnigate.cli.client import Client
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.config import annotations as keys_of
from omnigate.config import dropin
from omnigate.config.checking import did_you_mean

Direction = Literal["channel", "backend"]

_TRUE: Final = {"true": True, "yes": True, "false": False, "no": False}


def add(direction: Direction, kind: str, name: str, given: list[str], path: Path | None) -> None:
    """Ask for what the kind needs and was not given, write the section, and have it taken over."""
    model = _model(direction, kind)
    keys: dict[str, Any] = {"kind": kind}
    for text in given:
        key, separator, value = text.partition("=")
        if not separator:
            raise WrongUsage(f"--set {text} has no value.", "Write it as --set key=value.")
        _put(keys, key, value, model)
    _ask(keys, model)
    file = dropin.write(path, direction, name, keys, plugins.load)
    terminal.say(f"Wrote {file}.")
    _take_over(direction, name, path, file)


def remove(direction: Direction, name: str, path: Path | None) -> None:
    """Delete the section's file and have the daemon let go of it."""
    file = dropin.remove(path, direction, name, plugins.load)
    terminal.say(f"Removed {file}.")
    client = Client(config.outline(path).settings.socket)
    if client.reachable():
        client.post("/admin/reload")
        terminal.say(f"The daemon works without {name}; what is still owed to it is kept.")


def _model(direction: Direction, kind: str) -> type[BaseModel]:
    catalogue = plugins.load([kind])
    if kind in catalogue.broken:
        raise Failed(f"The plugin of {kind} is broken: {catalogue.broken[kind]}.", "Reinstall it.")
    known = catalogue.channels if direction == "channel" else catalogue.backends
    if kind not in known:
        other = "backend" if direction == "channel" else "channel"
        if kind in (catalogue.backends if direction == "channel" else catalogue.channels):
            raise WrongUsage(f"{kind} is a kind of {other}.", f"omnigate {other} add {kind}")
        hint = did_you_mean(kind, catalogue.available).capitalize() or "See: omnigate plugin list"
        raise WrongUsage(f"No kind of {direction} is called {kind!r}.", hint)
    model: type[BaseModel] = known[kind].Config
    return model


def _put(keys: dict[str, Any], key: str, text: str, model: Any) -> None:
    """Put a value under a key that may lead into tables: ``imap.host``."""
    *tables, last = key.split(".")
    annotation: Any = model
    for step in tables:
        annotation = keys_of.below(annotation, step)
        keys = keys.setdefault(step, {})
    known = keys_of.fields(annotation)
    if last not in known:
        hint = did_you_mean(last, known) or f"Known: {', '.join(known)}."
        raise WrongUsage(f"There is no key {key!r}.", hint.capitalize())
    keys[last] = _value(text, known[last].annotation)


def _value(text: str, annotation: Any) -> Any:
    """Return what a text means as a value of this type; what cannot be told is checked later."""
    members = list(keys_of.alternatives(annotation))
    if keys_of.is_secret(annotation):
        source, separator, rest = text.partition(":")
        return {source: rest} if separator and source in ("env", "file") else text
    if any(getattr(member, "__origin__", None) in (list, set, frozenset) for member in members):
        return [part.strip() for part in text.split(",") if part.strip()]
    if bool in members and text.lower() in _TRUE:
        return _TRUE[text.lower()]
    for number in (int, float):
        if number in members:
            try:
                return number(text)
            except ValueError:
                continue
    return text


def _ask(keys: dict[str, Any], model: type[BaseModel]) -> None:
    """Ask a person for the keys that have no default; without one, say which are missing."""
    missing = {
        key: field
        for key, field in keys_of.fields(model).items()
        if _needed(field) and key not in keys
    }
    if not missing:
        return
    if not (sys.stdin.isatty() and terminal.is_terminal()):
        wanted = " ".join(f"--set {key}=…" for key in missing)
        raise WrongUsage("Some keys are missing.", f"Give them: {wanted}")
    for key, field in missing.items():
        secret = keys_of.is_secret(field.annotation)
        hint = " (or env:NAME, or file:/path)" if secret else ""
        terminal.note(f"{field.description or key}{hint}")
        keys[key] = _value(typer.prompt(key, hide_input=secret), field.annotation)


def _needed(field: FieldInfo) -> bool:
    """Tell whether a kind cannot do without a key, or hardly anybody will."""
    extra = field.json_schema_extra
    return field.is_required() or (isinstance(extra, dict) and extra.get("asked") is True)


def _take_over(direction: Direction, name: str, path: Path | None, file: Path) -> None:
    loaded = config.load(path, plugins.load)
    for warning in loaded.warnings:
        if name in str(warning):
            terminal.note(f"warning: {warning}")
    client = Client(loaded.settings.socket)
    if not client.reachable():
        terminal.say("It works from the next start: omnigate run. Before that: omnigate doctor")
        return
    client.post("/admin/reload")
    findings = client.get("/admin/doctor", subject=f"{direction} {name}")["findings"]
    if not findings:
        raise Failed(
            f"The daemon has not found {file}.",
            "Let the user that it runs as read the file and its directory, then: omnigate reload",
        )
    finding = findings[0]
    terminal.say(f"The daemon has taken it over: {terminal.clean(finding['message'])}")
    if finding["state"] == "bad":
        raise Failed(
            f"{name} does not work yet.",
            f"{finding['remedy'] or 'Correct'} {file}, then: omnigate reload",
        )
