"""``omnigate stats``: how quickly customers are answered, by channel."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from omnigate.cli import moments, tables, terminal
from omnigate.cli.options import AsJson, ConfigPath, OfChannel
from omnigate.cli.reach import store

_COLUMNS: Final = {
    "CHANNEL": "channel",
    "WAITING": "waiting",
    "OVERDUE": "overdue",
    "LONGEST": "longest",
    "BEGAN": "began",
    "ANSWERED": "answered",
    "CLOSED": "closed",
    "MISSED": "missed",
    "FIRST": "first",
    "ANY": "any",
    "CALLS": "calls",
}
"""Heading → key of a row. Those up to LONGEST are as of now, the others of the time that is asked about."""
_SPARE: Final = ("LONGEST", "CLOSED", "ANY")


def stats(
    channel: OfChannel = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar=moments.METAVAR,
            help=f"Waits that began then or later: {moments.HELP}; the last day without this.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar=moments.METAVAR, help="Waits that began before; now without this."),
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show how quickly customers are answered, by channel.

    WAITING, OVERDUE and LONGEST are as of now. Of the waits that BEGAN in that time: how many were
    ANSWERED, CLOSED without an answer, and longer than the channel's target (MISSED). FIRST is how long
    the first answer in a conversation took, ANY any answer: the median / what nine of ten waited at most.
    """
    query = {
        "channel": channel,
        "since": moments.moment("--since", since),
        "until": moments.moment("--until", until),
    }
    with store(config_path) as client:
        answer = client.get("/v1/stats", **query)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(
        [(end, terminal.moment(answer[key])) for end, key in (("from", "since"), ("to", "until"))]
    )
    terminal.say()
    rows = [_row(known) for known in answer["channels"]]
    tables.say_table(_COLUMNS, rows, "There are no channels.", spare=_SPARE)


def _row(known: dict[str, Any]) -> dict[str, Any]:
    longest = known["longest_seconds"]
    return {
        **known,
        "longest": "" if longest is None else terminal.duration(longest),
        "first": _times(known["first_response"]),
        "any": _times(known["response"]),
        "calls": ", ".join(f"{count} {state}" for state, count in known["calls"].items()),
    }


def _times(known: dict[str, Any] | None) -> str:
    if known is None:
        return ""
    return " / ".join(terminal.duration(known[key]) for key in ("median_seconds", "p90_seconds"))
