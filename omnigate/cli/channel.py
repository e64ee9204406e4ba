"""``omnigate channel``: the configured ways to reach customers."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from omnigate.cli import adding, overview, terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.configured import listing
from omnigate.cli.failure import Failed, NotRunning
from omnigate.cli.options import AsJson, ConfigPath, Given, Tests
from omnigate.cli.progress import progress
from omnigate.cli.reach import running

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name in the configuration.")]

_LOOK_SECONDS: Final = 0.5
_WENT_ON: Final = {
    "paused": "goes on.",
    "draining": "goes on; it was draining.",
    "running": "was not paused.",
    "stopped": "was not paused; it had stopped by itself and is started again.",
    "broken": "was not paused; it does not work at all. See: omnigate doctor",
    "disabled": "is not enabled. Set enabled = true, then: omnigate reload",
}
"""By how it was before."""


def list_channels(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """List the channels and how they are."""
    try:
        with running(config_path) as client:
            answer = client.get("/admin/channels")
    except NotRunning:
        answer = listing(config_path, "channel")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_table(
        {
            "NAME": "name",
            "KIND": "kind",
            "STATE": "state",
            "ADDRESS": "endpoint",
            "SAYS": "message",
        },
        answer["items"],
        "No channel is configured. See: omnigate plugin list",
    )


def show(
    name: Name,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show one channel of the running daemon."""
    with running(config_path) as client:
        answer = client.get(f"/admin/channels/{segment(name)}")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(overview.fields(answer))


def pause(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Stop a channel both ways until resumed; what is owed is kept."""
    with running(config_path) as client:
        answer = client.post(f"/admin/channels/{segment(name)}/pause")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say(
        f"{name} is paused: platforms are told to come back, answers to customers are kept.\n"
        f"Go on: omnigate channel resume {name}"
    )


def resume(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Go on with a channel that was paused or drained."""
    with running(config_path) as client:
        answer = client.post(f"/admin/channels/{segment(name)}/resume")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say(f"{name} {_WENT_ON[answer['before']]}")


def drain(
    name: Name,
    wait: Annotated[bool, typer.Option(help="Wait until all is sent.")] = True,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Let nothing more in, send what is owed, then pause.

    Ctrl-C ends the waiting only; the draining goes on.
    """
    with running(config_path) as client:
        client.post(f"/admin/channels/{segment(name)}/drain")
        try:
            state, owed = _wait_until_drained(client, name) if wait else _standing(client, name)
        except KeyboardInterrupt:
            terminal.note(f"{name} goes on draining; see omnigate channel list.")
            return
    drained = state == "paused" and not owed
    if as_json:
        terminal.say_json({"name": name, "drained": drained, "state": state, "pending": owed})
    elif drained:
        terminal.say(
            f"{name} is drained and paused. Take it off the configuration, or go on: "
            f"omnigate channel resume {name}"
        )
    elif state == "draining":
        terminal.say(f"{name} drains: nothing more comes in, what is owed is still sent.")
    elif state == "paused":
        terminal.say(f"{name} is paused and does not send what is owed. See: omnigate status")
    else:
        terminal.say(f"{name} is not drained: somebody let it go on meanwhile.")


def setup(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Set up on the platform what the channel needs there.

    Safe to repeat.
    """
    with running(config_path) as client:
        answer = client.post(f"/admin/channels/{segment(name)}/setup")
    if as_json:
        terminal.say_json(answer)
        if not answer["ok"]:
            raise typer.Exit(1)
    elif not answer["ok"]:
        what = f"{name} is not set up: {terminal.clean(answer['message'])}"
        raise Failed(what, terminal.clean(answer["remedy"]))
    elif answer["done"]:
        terminal.say("\n".join(f"{name}: {terminal.clean(line)}" for line in answer["done"]))
    else:
        terminal.say(f"{name} needs nothing to be set up on its platform.")


def _wait_until_drained(client: Client, name: str) -> tuple[str, int]:
    """Wait until the channel does not drain any more; return how it is then, and what it owes."""
    with progress(f"{name} drains") as bar:
        most = 0
        while True:
            state, owed = _standing(client, name)
            if state != "draining":
                return state, owed
            most = max(most, owed)
            bar.at(most - owed, most)
            time.sleep(_LOOK_SECONDS)


def _standing(client: Client, name: str) -> tuple[str, int]:
    """Return how a channel is, and how many messages it owes."""
    answer = client.get("/admin/status")
    state = next(known["state"] for known in answer["channels"] if known["name"] == name)
    owed = next(
        known["pending"]
        for known in answer["destinations"]
        if (known["direction"], known["name"]) == ("channel", name)
    )
    return str(state), int(owed)


def add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind, see: omnigate plugin list")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Its name here; else the kind.")
    ] = None,
    given: Given = None,
    test: Tests = True,
    config_path: ConfigPath = None,
) -> None:
    """Ask for what a channel needs, test it, write it down.

    Writes a file of its own into omnigate.d and has a running daemon take it over.
    """
    adding.add("channel", kind, name or kind, given or [], config_path, tests=test)


def remove(name: Name, config_path: ConfigPath = None) -> None:
    """Take out a channel that was added by command."""
    adding.remove("channel", name, config_path)
