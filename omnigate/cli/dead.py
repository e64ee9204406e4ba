"""``omnigate dead``: what was given up, to look at, offer again or drop."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnigate.cli import moments, portions, terminal
from omnigate.cli.failure import WrongUsage
from omnigate.cli.message import note_more
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.portions import DryRun, Yes
from omnigate.cli.reach import running, store

To = Annotated[
    str | None, typer.Option("--to", metavar="NAME", help="Only for this backend or channel.")
]
Reason = Annotated[
    str | None,
    typer.Option(metavar="WORD", help="Only with this reason: expired, attempts, held_too_long …"),
]
Since = Annotated[
    str | None,
    typer.Option(metavar=moments.METAVAR, help=f"Only what died since {moments.HELP}."),
]
Until = Annotated[
    str | None, typer.Option(metavar=moments.METAVAR, help="Only what died before that.")
]
Ids = Annotated[
    list[int] | None, typer.Argument(metavar="ID", min=0, help="Numbers from: dead list")
]
All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]


def list_dead(
    to: To = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the latest first."""
    query = {**_filter(to, reason, since, until), "limit": limit, "cursor": cursor}
    with store(config_path) as client:
        answer = client.get("/admin/dead", **query)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_table(
        {
            "ID": "id",
            "DIED": "died",
            "TO": "destination",
            "ITEM": "item",
            "TYPE": "what",
            "TRIES": "attempts",
            "REASON": "reason",
            "ERROR": "error",
        },
        [_row(item) for item in answer["items"]],
        "There are no dead letters.",
    )
    note_more(answer)


def show(
    number: Annotated[int, typer.Argument(metavar="ID", min=0, help="Number from: dead list")],
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show a dead letter: content, reason, every attempt."""
    with store(config_path) as client:
        answer = client.get(f"/admin/dead/{number}")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(
        [
            ("id", answer["id"]),
            ("to", f"{answer['direction']} {answer['destination']}"),
            ("event", answer["event"]),
            ("type", answer["type"]),
            ("message", answer["message"]),
            ("conversation", answer["conversation"]),
            ("sequence", answer["sequence"]),
            ("queued", terminal.moment(answer["created_at"])),
            ("died", terminal.moment(answer["died_at"])),
            ("attempts", answer["attempts"]),
            ("reason", answer["reason"]),
            ("error", answer["error"]),
        ]
    )
    say_tries(answer["tries"])
    terminal.say_title("Content")
    if answer["content"] is None:
        terminal.note("It was erased.")
    else:
        terminal.say_json(answer["content"])


def replay(
    ids: Ids = None,
    to: To = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Offer dead letters again, by number or by filter.

    They keep their ids and carry the header omnigate-replay: 1. Live traffic goes before them.
    """
    selection = _selection(ids, _filter(to, reason, since, until), everything=everything)
    with running(config_path) as client:
        total = portions.agreed(
            client,
            "/admin/dead/replay",
            selection,
            "Replay",
            "dead letter",
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
            hint="omnigate dead list",
        )
        tally = portions.work_through(client, "/admin/dead/replay", selection, "Replaying", total)
    portions.report(tally, "Queued again:", "dead letter", as_json=as_json)


def drop(
    ids: Ids = None,
    to: To = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good, by number or by filter."""
    selection = _selection(ids, _filter(to, reason, since, until), everything=everything)
    with store(config_path) as client:
        total = portions.agreed(
            client,
            "/admin/dead/drop",
            selection,
            "Drop",
            "dead letter",
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
            hint="omnigate dead list",
            always=True,
        )
        tally = portions.work_through(client, "/admin/dead/drop", selection, "Dropping", total)
    portions.report(tally, "Dropped", "dead letter", as_json=as_json)


def say_tries(tries: list[dict[str, Any]]) -> None:
    """Print the attempts that an item had."""
    terminal.say_title("Attempts that failed")
    terminal.say_table(
        {"TRY": "number", "AT": "at", "STATUS": "status", "TOOK": "took", "ERROR": "error"},
        [
            {
                **item,
                "at": terminal.moment(item["at"]),
                "took": None if item["duration_ms"] is None else f"{item['duration_ms']} ms",
            }
            for item in tries
        ],
        "None is kept.",
    )


def _filter(
    to: str | None, reason: str | None, since: str | None, until: str | None
) -> dict[str, Any]:
    return {
        "to": to,
        "reason": reason,
        "since": moments.moment("--since", since),
        "until": moments.moment("--until", until),
    }


def _selection(
    ids: list[int] | None, wanted: dict[str, Any], *, everything: bool
) -> dict[str, Any]:
    """Return what the daemon is to work on; raises `WrongUsage` unless it is said in one way."""
    filters = {name: value for name, value in wanted.items() if value is not None}
    if sum([bool(ids), bool(filters), everything]) != 1:
        raise WrongUsage(
            "It is not clear which dead letters are meant.",
            "Give their numbers, or --to, --reason, --since, --until, or --all.",
        )
    if ids:
        return {"ids": ids}
    return filters or {"all": True}


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        **item,
        "died": terminal.moment(item["died_at"]),
        "item": item["event"] or item["message"],
        "what": item["type"] or "message",
    }
