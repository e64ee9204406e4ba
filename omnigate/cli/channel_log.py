"""``omnigate channel log``: what the daemon's log says about one channel."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from omnigate.cli import terminal
from omnigate.cli.client import segment
from omnigate.cli.failure import NotRunning
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import running


def log(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name in the configuration.")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")
    ] = False,
    lines: Annotated[
        int,
        typer.Option(
            "--lines", "-n", metavar="COUNT", min=0, max=1000, help="How many of the last lines."
        ),
    ] = 100,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show what the log said about a channel of late.

    The daemon keeps some hundred lines of each channel; --json prints one object a line.
    """
    path = f"/admin/channels/{segment(name)}/log"
    try:
        with running(config_path) as client:
            if follow:
                said = client.stream(f"{path}/stream", limit=lines)
                _print((json.loads(line.data) for line in said), as_json=as_json)
                terminal.note("The daemon ended the stream.")
                return
            found = client.get(path, limit=lines)["items"]
    except NotRunning as error:
        error.remedy += "\nWhat it said before is where its log goes: journalctl -u omnigate"
        raise
    except KeyboardInterrupt:
        terminal.note("")
        return
    _print(found, as_json=as_json)
    if not found:
        terminal.note(f"Nothing was logged about {name} since the daemon started.")


def _print(lines: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    for line in lines:
        if as_json:
            print(terminal.json_line(line), flush=True)
            continue
        said = [terminal.moment(line["at"]), f"{line['level']:<8}", line["event"]]
        said += [f"{name}={value}" for name, value in line["fields"].items()]
        print("  ".join(terminal.clean(word) for word in said[:2]), end="  ")
        print(" ".join(terminal.clean(word) for word in said[2:]), flush=True)
