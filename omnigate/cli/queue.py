"""``omnigate queue``: what is owed and has not gone out yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from omnigate.cli import portions, terminal
from omnigate.cli.dead import say_tries
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.message import note_more
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.portions import DryRun, Yes
from omnigate.cli.reach import running, store

To = Annotated[
    str | None, typer.Option("--to", metavar="NAME", help="Only for this backend or channel.")
]


def list_queue(
    to: To = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List the lanes that owe something, and why it waits.

    A lane is a conversation towards one destination; what it owes goes out in order.
    """
    with store(config_path) as client:
        answer = client.get("/admin/queue", to=to, limit=limit, cursor=cursor)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_table(
        {
            "TO": "destination",
            "STREAM": "stream",
            "PENDING": "pending",
            "OLDEST": "oldest",
            "ITEM": "head",
            "TRIES": "attempts",
            "NEXT TRY": "next_try",
            "LAST ERROR": "last_error",
        },
        [
            {
                **item,
                "oldest": terminal.age(item["oldest_at"]),
                "next_try": _until(item["next_try_at"]) if item["next_try_at"] else item["state"],
            }
            for item in answer["items"]
        ],
        "Nothing waits.",
    )
    note_more(answer)


def show(
    what: Annotated[
        str, typer.Argument(metavar="STREAM|ITEM", help="A lane, or the number of an item.")
    ],
    to: To = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show what a lane owes, or one item with its attempts."""
    with store(config_path) as client:
        if _is_number(what):
            answer = client.get(f"/admin/queue/items/{what}")
        else:
            answer = client.get(
                "/admin/queue/items", stream=what, to=to, limit=limit, cursor=cursor
            )
            if not answer["items"] and cursor is None:
                raise Failed(f"Nothing is owed in {what}.", "See what waits: omnigate queue list")
    if as_json:
        terminal.say_json(answer)
    elif _is_number(what):
        _say_item(answer)
    else:
        _say_items(answer)


def retry(
    stream: Annotated[
        str | None, typer.Argument(metavar="STREAM", help="Only this lane; see: queue list")
    ] = None,
    to: To = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Try now what waits for its next attempt.

    Of a destination that fails altogether, only one lane is tried; omnigate backend test lets it go on.
    """
    with running(config_path) as client:
        answer = client.post("/admin/queue/retry", {"to": to, "stream": stream})
    if as_json:
        terminal.say_json(answer)
    elif answer["lanes"] or stream is None:
        terminal.say(f"Tried now: {portions.amount(answer['lanes'], 'lane')}.")
    if stream is not None and not answer["lanes"]:
        raise Failed(f"Nothing waits in {stream}.", "See what waits: omnigate queue list")


def drop(
    items: Annotated[
        list[int] | None, typer.Argument(metavar="ITEM", min=0, help="Numbers from: queue show")
    ] = None,
    to: To = None,
    stream: Annotated[
        str | None, typer.Option(metavar="STREAM", help="Everything in this lane.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole queue.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Take items out of the queue for good.

    Messages fail as cancelled; the next event of a conversation names those that are missing.
    """
    filters: dict[str, Any] = {
        key: value for key, value in (("to", to), ("stream", stream)) if value is not None
    }
    if sum([bool(items), bool(filters), everything]) != 1:
        raise WrongUsage(
            "It is not clear what to drop.", "Give numbers of items, or --to, --stream, or --all."
        )
    selection: dict[str, Any] = {"ids": items} if items else filters or {"all": True}
    with store(config_path, routes=True) as client:
        total = portions.agreed(
            client,
            "/admin/queue/drop",
            selection,
            "Drop",
            "item",
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
            hint="omnigate queue list",
            always=True,
        )
        tally = portions.work_through(client, "/admin/queue/drop", selection, "Dropping", total)
    portions.report(tally, "Dropped", "item", as_json=as_json)


def _say_item(answer: dict[str, Any]) -> None:
    terminal.say_fields(
        [
            ("item", answer["id"]),
            ("to", f"{answer['direction']} {answer['destination']}"),
            ("stream", answer["stream"]),
            ("event", answer["event"]),
            ("type", answer["type"]),
            ("message", answer["message"]),
            ("conversation", answer["conversation"]),
            ("sequence", answer["sequence"]),
            ("replay", "yes" if answer["replay"] else None),
            ("queued", terminal.moment(answer["created_at"])),
            ("expires", terminal.moment(answer["expires_at"])),
            ("attempts", answer["attempts"]),
        ]
    )
    say_tries(answer["tries"])
    terminal.say_title("Content")
    if answer["content"] is None:
        terminal.note("It was erased.")
    else:
        terminal.say_json(answer["content"])


def _say_items(answer: dict[str, Any]) -> None:
    terminal.say_table(
        {
            "ITEM": "id",
            "TO": "destination",
            "QUEUED": "queued",
            "EVENT/MESSAGE": "item",
            "TYPE": "what",
            "TRIES": "attempts",
            "EXPIRES": "expires",
        },
        [
            {
                **item,
                "queued": terminal.moment(item["created_at"]),
                "item": item["event"] or item["message"],
                "what": item["type"] or "message",
                "expires": terminal.moment(item["expires_at"]),
            }
            for item in answer["items"]
        ],
        "Nothing waits.",
    )
    note_more(answer)


def _until(moment: str) -> str:
    """Return when a moment comes: ``in 3 min``; ``now`` for one that has passed."""
    seconds = (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
    return f"in {terminal.duration(seconds)}" if seconds >= 1 else "now"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
