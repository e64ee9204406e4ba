"""``omnigate channel``: the configured ways to reach customers."""

from __future__ import annotations

from typing import Annotated

import typer

from omnigate.cli import terminal
from omnigate.cli.client import segment
from omnigate.cli.configured import listing
from omnigate.cli.failure import NotRunning
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import running


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
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name in the configuration.")],
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show one channel of the running daemon."""
    with running(config_path) as client:
        answer = client.get(f"/admin/channels/{segment(name)}")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields((key.replace("_", " "), value) for key, value in answer.items())
