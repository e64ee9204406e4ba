"""``omnigate backend``: the configured receivers of events."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnigate.cli import adding, overview, tables, terminal
from omnigate.cli.client import segment
from omnigate.cli.configured import listed, show_one
from omnigate.cli.options import AsJson, ConfigPath, Given, Keep, Tests
from omnigate.cli.reach import running

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name in the configuration.")]


def list_backends(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """List the backends and how they are."""
    answer = listed(config_path, "backend")
    if as_json:
        terminal.say_json(answer)
        return
    tables.say_table(
        {
            "NAME": "name",
            "KIND": "kind",
            "STATE": "state",
            "PENDING": "pending",
            "LAST ERROR": "last_error",
            "SAYS": "message",
        },
        [_row(known) for known in answer["items"]],
        "No backend is configured. See: omnigate plugin list",
    )


def _row(known: dict[str, Any]) -> dict[str, Any]:
    """Return a backend with the age of its last error, which it may have been paused for."""
    is_told = known["message"] == known.get("last_error")
    said = "" if is_told else known["message"]
    return {**known, "last_error": overview.last_error(known), "message": said}


def show(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Show one backend of the running daemon."""
    show_one(config_path, "backend", name, as_json=as_json)


def send_sample(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Send a signed sample event and show the answer."""
    with running(config_path) as client:
        answer = client.post(f"/admin/backends/{segment(name)}/test")
    if as_json:
        terminal.say_json(answer)
    else:
        verdict = "took the sample" if answer["ok"] else "did not take the sample"
        took = answer.get("duration_seconds")
        spent = f" in {took * 1000:.0f} ms" if isinstance(took, int | float) else ""
        said = terminal.clean(answer.get("message") or answer.get("status"))
        terminal.say(f"{name} {verdict}{spent}{': ' + said if said else ''}")
    if not answer["ok"]:
        raise typer.Exit(1)


def pause(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Deliver nothing more until resumed; what is owed is kept."""
    with running(config_path) as client:
        answer = client.post(f"/admin/backends/{segment(name)}/pause")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say(f"{name} is paused; events for it are kept. Go on: omnigate backend resume {name}")


def resume(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Go on with a backend that was paused."""
    with running(config_path) as client:
        answer = client.post(f"/admin/backends/{segment(name)}/resume")
    if as_json:
        terminal.say_json(answer)
    elif answer["before"] == "disabled":
        terminal.say(f"{name} is not enabled. Set enabled = true, then: omnigate reload")
    elif answer["before"] == "broken":
        terminal.say(f"{name} was not paused; it does not work at all. See: omnigate doctor")
    elif answer["before"] != "paused":
        test = f" To try now: omnigate backend test {name}" if answer["state"] != "ok" else ""
        terminal.say(f"{name} was not paused.{test}")
    elif answer["state"] == "open":
        terminal.say(f"{name} goes on; since it failed before, one event is tried first.")
    else:
        terminal.say(f"{name} goes on.")


def add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind, see: omnigate plugin list")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Its name here; else the kind.")
    ] = None,
    given: Given = None,
    test: Tests = True,
    keep: Keep = False,
    config_path: ConfigPath = None,
) -> None:
    """Ask for what a backend needs, test it, write it down.

    Writes a file of its own into omnigate.d and has a running daemon take it over. Events go to it once a
    route names it.
    """
    adding.add("backend", kind, name or kind, given or [], config_path, tests=test, keep=keep)


def remove(name: Name, config_path: ConfigPath = None) -> None:
    """Take out a backend that was added by command."""
    adding.remove("backend", name, config_path)
