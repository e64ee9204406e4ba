"""``omnigate channel add`` and ``omnigate backend add``: asks for what a kind needs, tests it, writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from pydantic import BaseModel

from omnigate import config, plugins
from omnigate.cli import terminal
from omnigate.cli.asking import ask, ask_again, require_all
from omnigate.cli.client import Client
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.given import keys_given
from omnigate.cli.problems import note_problems
from omnigate.cli.trial import examine, whereabouts_of
from omnigate.config import Config, dropin
from omnigate.config.checking import did_you_mean
from omnigate.config.dropin import Written
from omnigate.config.questions import mistakes
from omnigate.config.sections import Direction
from omnigate.errors import ConfigError

if TYPE_CHECKING:
    from omnigate.flow.troubles import Finding

_NOTHING: Final = "Nothing was written."
_SIGNS: Final = {"good": "Good", "warning": "It works, but", "bad": "It does not work"}


def add(
    direction: Direction,
    kind: str,
    name: str,
    given: list[str],
    path: Path | None,
    *,
    tests: bool = True,
    keep: bool = False,
) -> None:
    """Ask for what the kind needs and was not given, test it, write it, and have it taken over.

    What does not work is asked for again; it is only written where the person, or ``keep``, says so.
    """
    asks = sys.stdin.isatty() and terminal.is_terminal()
    with _or_nothing():
        summary, model = _kind(direction, kind)
        keys = {"kind": kind, **keys_given(given, model)}
        main = dropin.require_place(path, direction, name, plugins.load).path
        wrong = partial(mistakes, main, direction, name, model=model)
        made: list[str] = []
        if asks:
            terminal.note(f"{kind}: {summary}")
            made = ask(model, keys, wrong)
        else:
            require_all(model, keys)
        finding: Finding | None = None
        while True:
            written, loaded, finding = _tried(path, direction, name, keys, finding, tests=tests)
            if not tests or keep or finding is None or finding.state != "bad":
                break
            # Nobody else is to find it meanwhile: a reload would take it over.
            written.discard()
            if not asks:
                remedy = "Mend that; or add it as it is: --keep, or untested: --no-test"
                raise Failed(f"{name} is not added, for it does not work.", remedy)
            if _wants_to_change():
                ask_again(model, keys, wrong)
            else:
                tests = False
        running = Client(loaded.settings.socket).reachable()
    _tell(written, made, loaded, direction, name)
    if running:
        _have_taken_over(loaded, direction, name, written.file)
    else:
        terminal.say("It is in force from the next start: omnigate run")
    if finding and finding.state == "bad":
        remedy = f"Mend that, or {written.file}; see omnigate doctor."
        raise Failed(f"{name} is kept, and does not work yet.", remedy)


def _tried(
    path: Path | None,
    direction: Direction,
    name: str,
    keys: Mapping[str, Any],
    finding: Finding | None,
    *,
    tests: bool,
) -> tuple[Written, Config, Finding | None]:
    """Write a section and test it, unless that is not wanted: then what was found before stays true."""
    written = dropin.write(path, direction, name, keys, plugins.load)
    try:
        loaded = config.load(path, plugins.load)
        return written, loaded, _tested(loaded, direction, name) if tests else finding
    except BaseException:
        written.discard()
        raise


def _wants_to_change() -> bool:
    """Ask what is to become of answers that do not work; raises `typer.Abort` to give up."""
    while True:
        answer = typer.prompt(
            "\nChange the answers, keep it all the same, or give up? [C/k/g]",
            default="c",
            show_default=False,
        )
        match answer.strip().lower():
            case "c" | "change":
                return True
            case "k" | "keep":
                return False
            case "g" | "give up":
                raise typer.Abort
            case _:
                terminal.note("Answer c, k or g.")


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
        raise Failed(
            f"The plugin of {kind} is broken: {catalogue.broken[kind]}.",
            "Mend that, or reinstall it.",
        )
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
    sign = _SIGNS[finding.state]
    terminal.note(f"{sign}: {terminal.clean(finding.message)}")
    if finding.remedy and finding.state != "good":
        terminal.note(f"  {terminal.clean(finding.remedy)}")
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
        met = whereabouts_of(loaded, name)
        if met.endpoint is not None:
            terminal.say(f"Its address: {met.endpoint}")
        elif met.talks_to is not None:
            terminal.say(f"It talks to {terminal.clean(met.talks_to)}; nobody needs to call it.")
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
