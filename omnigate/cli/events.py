"""``omnigate events``: what happens, as it happens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import typer

from omnigate.cli import terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.failure import NotRunning
from omnigate.cli.identifiers import identifier
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import running, store
from omnigate.cli.reports import told

_PAGE: Final = 100
_END: Final = "end"


def tail(
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only such events (message.*); repeatable."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(metavar="evt_…", help="Begin after this event instead of now."),
    ] = None,
    follow: Annotated[
        bool, typer.Option(help="Wait for more; otherwise end with what is stored.")
    ] = True,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Also typing, presence and page views.")
    ] = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show events as they happen.

    With --no-follow, show those that are stored and end.
    """
    wanted = ",".join(types) if types else None
    if after is not None and after != _END:
        identifier(after, "evt", "--after")
    try:
        if follow:
            with running(config_path) as client:
                _print(_followed(client, wanted, after, ephemeral=ephemeral), as_json=as_json)
                terminal.note("The daemon ended the stream.")
        else:
            with store(config_path) as client:
                _print(_stored(client, wanted, after), as_json=as_json)
    except NotRunning as error:
        error.remedy += "\nOr read what is stored: omnigate events tail --no-follow"
        raise
    except KeyboardInterrupt:
        terminal.note("")


def show(
    event: Annotated[
        str, typer.Argument(metavar="evt_…", help="Identifier, see: events tail --no-follow")
    ],
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show an event as backends get it."""
    path = f"/v1/events/{segment(identifier(event, 'evt'))}"
    with store(config_path) as client:
        answer = client.get(path)
        way = {} if as_json else client.get(f"/admin/messages/{segment(event)}/trace")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(
        [
            ("id", answer["id"]),
            ("type", answer["type"]),
            ("happened", terminal.moment(answer["timestamp"])),
            ("recorded", terminal.moment(answer["recorded_at"])),
            ("channel", (answer["channel"] or {}).get("name")),
            ("conversation", (answer["conversation"] or {}).get("id")),
            ("sequence", answer["sequence"]),
            ("contact", (answer["contact"] or {}).get("id")),
            *(("replayed", again) for again in _replays(way, event)),
        ]
    )
    terminal.say_title("Data")
    terminal.say_json(answer["data"])


def _replays(way: dict[str, Any], event: str) -> Iterator[str]:
    """Return to whom an event was sent again, and when that was asked for."""
    for step in way["steps"]:
        if step["step"] == "owed" and step["replay"] and step["event"] == event:
            at = terminal.moment(step["at"])
            yield f"to {step['direction']} {step['destination']}, {at}"


def _followed(
    client: Client, types: str | None, after: str | None, *, ephemeral: bool
) -> Iterator[dict[str, Any]]:
    query = {"types": types, "after": after, "ephemeral": "true" if ephemeral else None}
    for item in client.stream("/v1/events/stream", **query):
        yield json.loads(item.data)


def _stored(client: Client, types: str | None, after: str | None) -> Iterator[dict[str, Any]]:
    while True:
        answer = client.get("/v1/events", types=types, after=after, limit=_PAGE, wait=0)
        yield from answer["items"]
        if not answer["items"] or answer.get("next") in (None, after):
            return
        after = answer["next"]


def _print(events: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    for event in events:
        if as_json:
            print(json.dumps(event, ensure_ascii=False), flush=True)
        else:
            print(_line(event), flush=True)


def _line(event: dict[str, Any]) -> str:
    """Return an event as one line: when, what, where, who, and what was said."""
    if (report := told(event)) is not None:
        shown = [terminal.moment(event.get("timestamp")), f"{event['type']:<22}", *report]
        return "  ".join(terminal.clean(column) for column in shown)
    who = event.get("contact") or {}
    data: dict[str, Any] = next(iter((event.get("data") or {}).values()), {})
    said = data.get("text") or data.get("draft") or data.get("payload") or data.get("url") or ""
    columns = [
        terminal.moment(event.get("timestamp")),
        f"{event.get('type', ''):<22}",
        (event.get("channel") or {}).get("name") or "-",
        (event.get("conversation") or {}).get("id") or "-",
        who.get("display_name") or who.get("id") or "-",
        said,
    ]
    return "  ".join(terminal.clean(column) for column in columns).rstrip()
