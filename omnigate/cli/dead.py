"""``omnigate dead``: what was given up, to look at, offer again or drop."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from omnigate.cli import kept, moments, portions, terminal
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.paging import say_page
from omnigate.cli.portions import Deed, DryRun, Manner, To, Yes
from omnigate.cli.reach import running, store

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
_LOOK: Final = "omnigate dead list"
_REPLAY: Final = Deed(
    path="/admin/dead/replay",
    noun="dead letter",
    verb="replay",
    doing="Replaying",
    would="replayed",
    done="Queued again:",
    look=_LOOK,
)
_DROP: Final = portions.dropping("/admin/dead/drop", "dead letter", _LOOK)


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
    columns = {
        "ID": "id",
        "DIED": "died",
        "TO": "destination",
        "ITEM": "item",
        "TYPE": "what",
        "TRIES": "attempts",
        "REASON": "reason",
        "ERROR": "error",
    }
    spare, empty = ("TYPE", "TRIES"), "There are no dead letters."
    say_page(answer, columns, _row, empty, spare=spare, as_json=as_json)


def show(
    number: Annotated[
        int, typer.Argument(metavar="ID", min=0, help="Number from: omnigate dead list")
    ],
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show a dead letter: content, reason, every attempt."""
    with store(config_path) as client:
        answer = client.get(f"/admin/dead/{number}")
    if as_json:
        terminal.say_json(answer)
        return
    died = terminal.moment(answer["died_at"])
    kept.say_item(answer, "dead letter", died=died, reason=answer["reason"], error=answer["error"])


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
    wanted = _selection(ids, _filter(to, reason, since, until), everything=everything)
    with running(config_path) as client:
        portions.carry_out(client, _REPLAY, wanted, Manner(dry_run, yes, as_json))


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
    """Give dead letters up for good, by number or by filter."""
    wanted = _selection(ids, _filter(to, reason, since, until), everything=everything)
    with store(config_path) as client:
        portions.carry_out(client, _DROP, wanted, Manner(dry_run, yes, as_json))


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
    ids: list[int] | None, filters: dict[str, Any], *, everything: bool
) -> dict[str, Any]:
    how = "numbers of dead letters, or --to, --reason, --since, --until, or --all"
    return portions.selection(ids, filters, everything=everything, how=how)


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {"died": terminal.moment(item["died_at"]), **kept.named(item)}
