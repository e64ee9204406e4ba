"""``omnigate channel``: the configured ways to reach customers."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from omnigate.cli import adding, tables, terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.configured import listed, show_one
from omnigate.cli.failure import Failed
from omnigate.cli.options import AsJson, ConfigPath, Given, Keep, Tests
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
    answer = listed(config_path, "channel")
    if as_json:
        terminal.say_json(answer)
        return
    tables.say_table(
        {"NAME": "name", "KIND": "kind", "STATE": "state", "WHERE": "where", "SAYS": "message"},
        [
            {**known, "where": known.get("endpoint") or known.get("talks_to") or ""}
            for known in answer["items"]
        ],
        "No channel is configured. See: omnigate plugin list",
    )


def show(
    name: Name,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show one channel of the running daemon."""
    show_one(config_path, "channel", name, as_json=as_json)


def pause(name: Name, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Stop a channel both ways until resumed; what is owed is kept."""
    with running(config_path) as client:
        answer = client.post(f"/admin/channels/{segment(name)}/pause")
        calls = 0 if as_json else _calls(client, name)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say(
        f"{name} is paused: platforms are told to come back, answers to customers are kept.\n"
        f"Go on: omnigate channel resume {name}"
    )
    if calls:
        terminal.note(f"{_going_on(calls)}; to end one: omnigate call cancel")


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
        if not as_json and (calls := _calls(client, name)):
            terminal.note(f"{_going_on(calls)}; only then is {name} drained.")
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


def _calls(client: Client, name: str) -> int:
    """Return how many calls of a channel are under way."""
    known = client.get("/admin/status")["calls"]
    return sum(int(each["in_progress"]) for each in known if each["channel"] == name)


def _going_on(calls: int) -> str:
    if calls == 1:
        return "A call that has begun goes on to its end"
    return f"{calls} calls that have begun go on to their end"


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
    keep: Keep = False,
    config_path: ConfigPath = None,
) -> None:
    """Ask for what a channel needs, test it, write it down.

    Writes a file of its own into omnigate.d and has a running daemon take it over.
    """
    adding.add("channel", kind, name or kind, given or [], config_path, tests=test, keep=keep)


def remove(name: Name, config_path: ConfigPath = None) -> None:
    """Take out a channel that was added by command."""
    adding.remove("channel", name, config_path)
