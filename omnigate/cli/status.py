"""``omnigate status``: everything at one glance."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from omnigate.cli import fitted, overview, tables, terminal
from omnigate.cli.client import Client
from omnigate.cli.failure import Failed
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import running
from omnigate.cli.watch import watch_on_screen

PATH: Final = "/admin/status"


def status(
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Keep showing it, until Ctrl-C."),
    ] = False,
    interval: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.2, max=3600, help="Seconds between two looks, with --watch."
        ),
    ] = 2.0,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show how everything is, how fast it goes, and what is wrong.

    With --watch on a terminal: a screen that stays up to date, also over restarts of the daemon. In a
    pipe: one block for each look, with --json one object a line.
    """
    with running(config_path) as client:
        answer = client.get(PATH)
    if not watch:
        if as_json:
            terminal.say_json(answer)
        else:
            show(answer)
        return
    try:
        if terminal.is_screen() and not as_json:
            watch_on_screen(lambda: client.get(PATH), answer, interval)
        else:
            _watch_in_lines(client, answer, interval, as_json=as_json)
    except KeyboardInterrupt:
        return


def show(answer: dict[str, Any]) -> None:
    """Print everything once: on a terminal what fits its width, in a pipe all columns."""
    terminal.say_fields(overview.head(answer))
    terminal.say_title("Channels")
    _say(overview.CHANNELS, overview.channel_rows(answer), "No channel is configured.")
    terminal.say_title("Destinations")
    _say(
        overview.DESTINATIONS,
        overview.destination_rows(answer),
        "Nothing is configured to deliver to.",
    )
    if not overview.troubles(answer):
        return
    terminal.say_title("In trouble")
    if terminal.is_terminal():
        Console(highlight=False).print(*fitted.troubles(answer), sep="\n")
        return
    for known in overview.troubles(answer):
        terminal.say(f"{known['subject']}: {known['message']}")
        if known["remedy"]:
            terminal.say(f"    {known['remedy']}")


def _say(columns: Mapping[str, str], rows: list[overview.Row], empty: str) -> None:
    if rows and terminal.is_terminal():
        console = Console(highlight=False)
        console.print(fitted.fitted(columns, rows, console.width))
    else:
        tables.say_table(columns, rows, empty)


def _watch_in_lines(
    client: Client, answer: dict[str, Any] | None, interval: float, *, as_json: bool
) -> None:
    """Print one look after the other; says on the standard error when the daemon is gone, and back."""
    gone = False
    while True:
        if answer is not None:
            if gone:
                terminal.note("The daemon answers again.")
            gone = False
            if as_json:
                terminal.put(terminal.json_line(answer))
            else:
                show(answer)
                terminal.say()
            terminal.flush()
        time.sleep(interval)
        try:
            answer = client.get(PATH)
        except Failed as error:
            if not gone:
                terminal.note(f"{error.what} Waiting for the daemon.")
            gone, answer = True, None
