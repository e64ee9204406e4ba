"""``omnigate db``: the store itself."""

from __future__ import annotations

import typer

from omnigate import config
from omnigate.cli import terminal
from omnigate.cli.client import Client
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import store


def migrate(config_path: ConfigPath = None) -> None:
    """Bring the store to this version's tables.

    The daemon does so itself when it starts.
    """
    settings = config.outline(config_path).settings
    if Client(settings.socket).reachable():
        terminal.say(f"{settings.store.url} is up to date: the running daemon has seen to it.")
        return
    with store(config_path):  # opening it is what brings it up to date
        terminal.say(f"{settings.store.url} is up to date.")


def check(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Check the store's file, references, counters."""
    with store(config_path) as client:
        answer = client.get("/admin/store/check")
    if as_json:
        terminal.say_json(answer)
    elif answer["ok"]:
        terminal.say("The store is sound.")
    else:
        terminal.say("The store is damaged:")
        for problem in answer["problems"]:
            terminal.say(f"  {terminal.clean(problem)}")
        terminal.note("Stop the daemon, keep a copy of the file, and restore your last backup.")
    if not answer["ok"]:
        raise typer.Exit(1)
