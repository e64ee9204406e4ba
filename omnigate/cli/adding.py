"""``omnigate channel add`` and ``omnigate backend add``: asks for what a kind needs, tests it, writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import BaseModel

from omnigate import config, plugins
from omnigate.cli import terminal
from omnigate.cli.asking import ask, require_all
from omnigate.cli.client import Client
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.given import keys_given
from omnigate.cli.problems import note_problems
from omnigate.cli.trial import examine
from omnigate.config import Config, dropin
from omnigate.config.checking import did_you_mean
from omnigate.config.dropin import Written
from omnigate.config.questions import mistakes
from omnigate.config.sections import Direction
from omnigate.errors import ConfigError

if TYPE_CHECKING:
    from omnigate.flow.troubles import Finding

_NOTHING = "Nothing was written."


def add(
    direction: Direction,
    kind: str,
    name: str,
    given: list[str],
    path: Path | None,
    *,
    tests: bool = True,
) -> None:
    """Ask for what the kind needs and was not given, test it, write it, and have it taken over."""
    asks = sys.stdin.isatty() and terminal.is_terminal()
    with _or_nothing():
        summary, model = _kind(direction, kind)
        keys = {"kind": kind, **keys_given(given, model)}
        main = dropin.require_place(path, direction, name, plugins.load).path
        made: list[str] = []
        if asks:
            terminal.note(f"{kind}: {summary}")
            made = ask(model, keys, lambda those: mistakes(main, direction, name, those, model))
        else:
            require_all(model, keys)
        written = dropin.write(path, direction, name, keys, plugins.load)
        try:
            loaded = config.load(path, plugins.load)
            running = Client(loaded.settings.socket).reachable()
            finding = _tested(loaded, direction, name) if tests else None
            if asks and finding and finding.state == "bad":
                typer.confirm("Keep it all the same?", abort=True)
        except BaseException:
            written.discard()
            raise
    _tell(written, made, loaded, direction, name)
    if running:
        _have_taken_over(loaded, direction, name, written.file)
    else:
        terminal.say("It is in force from the next start: omnigate run")
    if finding and finding.state == "bad":
        what = f"{name} does not work yet: {terminal.clean(finding.message)}"
        raise Failed(what, f"Mend that, or {written.file}; see omnigate doctor.")


def remove(direction: Direction, name: str, path: Path | None) -> None:
    """Delete the section's file and have the daemon let go of it."""
    file = dropin.remove(path, direction, name, plugins.load)
    terminal.say(f"Removed {file}.")
    client = Client(config.outline(path).settings.socket)
    if client.reachable():
        client.post("/admin/reload")
        terminal.say(f"The daemon works without {name}; what is still owed to it is kept.")


@contextmanager
def _or_nothing() -> Iterator[None]:
    """Say that nothing was written, whatever ends the work early."""
    try:
        yield
    except ConfigError as error:
        note_problems(error.problems)
        terminal.note(_NOTHING)
        raise typer.Exit(2) from None
    except Failed as error:
        error.remedy = f"{error.remedy}\n{_NOTHING}" if error.remedy else _NOTHING
        raise
    except (typer.Abort, KeyboardInterrupt):
        terminal.note(f"\n{_NOTHING}")
        raise typer.Exit(1) from None


def _kind(direction: Direction, kind: str) -> tuple[str, type[BaseModel]]:
    """Return what a kind says of itself, and the model of its keys; raises `Failed`."""
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
    return known[kind].summary, known[kind].Config


def _tested(loaded: Config, direction: Direction, name: str) -> Finding:
    """Ask the platform or the receiver, by the answers alone; nothing is in force yet."""
    terminal.note("\nTesting it …")
    finding = examine(loaded, direction, name)
    sign = "It does not work" if finding.state == "bad" else "Good"
    terminal.note(f"{sign}: {terminal.clean(finding.message)}")
    return finding


def _tell(
    written: Written, made: list[str], loaded: Config, direction: Direction, name: str
) -> None:
    """Say what was written where, and what is still to be done."""
    terminal.say(f"Wrote {written.file}.")
    for key, file in written.secrets.items():
        what = f"A new {key}" if key in made else f"The {key}"
        hand_on = "; the other side needs it too" if key in made else ""
        terminal.say(f"{what} is in {file}{hand_on}.")
    if direction == "channel":
        terminal.say(f"Its address: {loaded.settings.public_url}/channels/{name}")
    for warning in loaded.warnings:
        if f"{warning.key}.".startswith(f"{direction}s.{name}."):
            terminal.note(f"warning: {terminal.clean(warning)}")


def _have_taken_over(loaded: Config, direction: Direction, name: str, file: Path) -> None:
    """Have the running daemon read its configuration again, and see that it found the new section."""
    client = Client(loaded.settings.socket)
    client.post("/admin/reload")
    known = client.get(f"/admin/{direction}s")["items"]
    if name not in {each["name"] for each in known}:
        raise Failed(
            f"The daemon has not found {file}.",
            "Let the user that it runs as read the file and its directory, then: omnigate reload",
        )
    terminal.say("The daemon has taken it over.")
