"""``omnigate events replay``: history for a backend, and how far that is."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from omnigate import ids
from omnigate.cli import moments, portions, terminal
from omnigate.cli.client import Client, Unreachable
from omnigate.cli.failure import Failed
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.paging import say_page
from omnigate.cli.portions import Yes
from omnigate.cli.progress import progress
from omnigate.cli.reach import running, store

_LOOK_SECONDS: Final = 0.5
_METAVAR: Final = f"evt_…|{moments.METAVAR}"


To = Annotated[str, typer.Option("--to", metavar="NAME", help="The backend that gets it.")]
Since = Annotated[str, typer.Option(metavar=_METAVAR, help=f"The first event, or {moments.HELP}.")]
Until = Annotated[
    str | None,
    typer.Option(metavar=_METAVAR, help="The last event, or a time; now without this."),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="TYPE",
        help="Only such events (message.*), repeatable; else those that it subscribes to.",
    ),
]
Channels = Annotated[
    list[str] | None,
    typer.Option("--channel", metavar="NAME", help="Only of this channel; repeatable."),
]
Rate = Annotated[float, typer.Option(metavar="RATE", min=0.01, max=1000, help="Events per second.")]
Detach = Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")]


def replay(
    to: To,
    since: Since,
    until: Until = None,
    types: Types = None,
    channels: Channels = None,
    rate: Rate = 50.0,
    detach: Detach = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Send history to a backend, also one that was not there then.

    The events keep their ids and carry the header omnigate-replay: 1. The daemon does it, also after a
    restart; Ctrl-C only stops watching.
    """
    body = {
        "to": to,
        "since": _place("--since", since),
        "until": _place("--until", until),
        "types": ",".join(types) if types else None,
        "channels": channels or None,
        "rate": rate,
    }
    with running(config_path) as client:
        known = client.post("/admin/replays", body)
        if not detach:
            known = _watch(client, known)
    if as_json:
        terminal.say_json(known)
    else:
        terminal.say(_told(known))
    if known["state"] == "cancelled":
        raise typer.Exit(1)


def list_replays(
    cancel: Annotated[
        int | None,
        typer.Option(metavar="ID", min=0, help="End this one and drop what it has pending."),
    ] = None,
    yes: Yes = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List replays of history, the newest first; end one."""
    if cancel is not None:
        _cancel(cancel, config_path, yes=yes, as_json=as_json)
        return
    with store(config_path) as client:
        answer = client.get("/admin/replays", limit=limit, cursor=cursor)
    columns = {
        "ID": "id",
        "BEGUN": "begun",
        "TO": "to",
        "STATE": "state",
        "EVENTS": "total",
        "DELIVERED": "delivered",
        "PENDING": "pending",
        "RATE": "rate",
    }
    empty = "Nothing was replayed yet. See: omnigate events replay --help"
    say_page(answer, columns, _row, empty, as_json=as_json)


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "begun": terminal.moment(item["created_at"]),
        "delivered": item["queued"] - item["pending"],
    }


def _cancel(number: int, config_path: ConfigPath, *, yes: bool, as_json: bool) -> None:
    with store(config_path) as client:
        before = client.get(f"/admin/replays/{number}")  # a typo is said before anything is asked
        if before["state"] != "running":
            left = f"What it has pending: omnigate queue list --to {before['to']}"
            raise Failed(
                f"Replay {number} is {before['state']}; there is nothing to cancel.",
                left if before["pending"] else "",
            )
        portions.confirm(
            f"End replay {number} to {before['to']} after {before['queued']} of"
            f" {terminal.amount(before['total'], 'event')}, and drop the {before['pending']} pending?",
            yes=yes,
            always=True,
        )
        known = client.post(f"/admin/replays/{number}/cancel")
    if as_json:
        terminal.say_json(known)
        return
    terminal.say(
        f"Replay {number} to {known['to']} is cancelled: {known['queued']} of"
        f" {terminal.amount(known['total'], 'event')} delivered,"
        f" {known['total'] - known['queued']} dropped."
    )


def _watch(client: Client, known: dict[str, Any]) -> dict[str, Any]:
    """Wait until everything is delivered; whoever stops waiting stops nothing else."""
    number = known["id"]
    try:
        with progress(f"Replay {number}", known["total"]) as bar:
            while known["state"] == "running" or known["pending"]:
                time.sleep(_LOOK_SECONDS)
                try:
                    known = client.get(f"/admin/replays/{number}")
                except Unreachable:
                    raise Failed(
                        f"The daemon has ended. Replay {number} goes on when it is started again.",
                        "See how far it is: omnigate events replays",
                    ) from None
                bar.at(known["queued"] - known["pending"])
    except KeyboardInterrupt:
        terminal.note(
            f"\nReplay {number} goes on by itself. See: omnigate events replays"
            f"\nEnd it: omnigate events replays --cancel {number}"
        )
    return known


def _told(known: dict[str, Any]) -> str:
    delivered = known["queued"] - known["pending"]
    state = "being delivered" if known["state"] == "done" and known["pending"] else known["state"]
    return (
        f"Replay {known['id']} to {known['to']} is {state}:"
        f" {delivered} of {terminal.amount(known['total'], 'event')} delivered."
    )


def _place(option: str, given: str | None) -> str | None:
    """Return an event's id, or a time, as the API takes it."""
    if given is not None and ids.is_id(given, "evt"):
        return given
    return moments.moment(option, given)
