"""``omnigate queue``: what is owed and has not gone out yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from omnigate import ids as identifiers
from omnigate.cli import kept, portions, terminal
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.paging import say_page
from omnigate.cli.portions import DryRun, Manner, To, Yes
from omnigate.cli.reach import running, store

Conversation = Annotated[
    str | None,
    typer.Option("--conversation", metavar="cnv_…", help="Only of this conversation."),
]
_LOOK: Final = "omnigate queue list"
_DROP: Final = portions.dropping("/admin/queue/drop", "item", _LOOK)


def list_queue(
    to: To = None,
    conversation: Conversation = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List what is owed to whom, and why it waits.

    A row is what one destination is owed of one conversation; that goes out in order. What is replayed of
    it stands in a row of its own: REPLAY is the number of a window of history, or yes for dead letters.
    """
    with store(config_path) as client:
        answer = client.get(
            "/admin/queue",
            to=to,
            conversation=_identifier(conversation),
            limit=limit,
            cursor=cursor,
        )
    columns = {
        "TO": "destination",
        "CONVERSATION": "whose",
        "REPLAY": "replayed",
        "PENDING": "pending",
        "OLDEST": "oldest",
        "ITEM": "head",
        "TRIES": "attempts",
        "NEXT TRY": "next_try",
        "LAST ERROR": "last_error",
    }
    if not any(item["replay"] for item in answer["items"]):
        del columns["REPLAY"]
    spare = ("OLDEST", "LAST ERROR")
    say_page(answer, columns, _entry, "Nothing waits.", spare=spare, as_json=as_json)
    if not as_json:
        _note_remedies(answer["items"])


def show(
    what: Annotated[
        str,
        typer.Argument(metavar="cnv_…|ITEM", help="A conversation, or the number of an item."),
    ],
    to: To = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show what is owed of a conversation, or one item with its attempts."""
    if what.isascii() and what.isdigit():
        with store(config_path) as client:
            answer = client.get(f"/admin/queue/items/{what}")
        if as_json:
            terminal.say_json(answer)
            return
        replay = "yes" if answer["replay"] else None
        kept.say_item(answer, "item", replay=replay, expires=terminal.moment(answer["expires_at"]))
        return
    whose = _identifier(what)
    with store(config_path) as client:
        answer = client.get(
            "/admin/queue/items", conversation=whose, to=to, limit=limit, cursor=cursor
        )
    if not answer["items"] and cursor is None:
        raise Failed(f"Nothing is owed of {what}.", f"See what waits: {_LOOK}")
    columns = {
        "ITEM": "id",
        "TO": "destination",
        "QUEUED": "queued",
        "EVENT/MESSAGE": "item",
        "TYPE": "what",
        "TRIES": "attempts",
        "EXPIRES": "expires",
        "REPLAY": "replayed",
    }
    spare = ("QUEUED", "EXPIRES")
    say_page(answer, columns, _item, "Nothing waits.", spare=spare, as_json=as_json)


def retry(
    conversation: Conversation = None,
    to: To = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Try now what waits for its next attempt.

    Says what waits all the same, since its destination fails, is paused or is not there, and what to do.
    """
    wanted = {"to": to, "conversation": _identifier(conversation)}
    with running(config_path) as client:
        answer = client.post("/admin/queue/retry", wanted)
    if conversation is not None and not answer["conversations"] and not answer["held"]:
        raise Failed(f"Nothing of {conversation} waits.", f"See what waits: {_LOOK}")
    if as_json:
        terminal.say_json(answer)
    else:
        _say_hurried(answer)


def drop(
    items: Annotated[
        list[int] | None,
        typer.Argument(metavar="ITEM", min=0, help="Numbers from: omnigate queue show"),
    ] = None,
    to: To = None,
    conversation: Conversation = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole queue.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Take items out of the queue for good.

    Messages fail as cancelled; the next event of a conversation names those that are missing.
    """
    filters = {"to": to, "conversation": _identifier(conversation)}
    how = "numbers of items, or --to, --conversation, or --all"
    wanted = portions.selection(items, filters, everything=everything, how=how)
    with store(config_path, routes=True) as client:
        portions.carry_out(client, _DROP, wanted, Manner(dry_run, yes, as_json))


def _identifier(given: str | None) -> str | None:
    """Return the identifier of a conversation, or contact; raises `WrongUsage` for anything else."""
    if given is None or identifiers.is_id(given, "cnv") or identifiers.is_id(given, "ctc"):
        return given
    raise WrongUsage(
        f"{terminal.clean(given)} is no identifier of a conversation.",
        "They begin with cnv_: see omnigate queue list, omnigate conversation list.",
    )


def _entry(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "whose": item["conversation"] or item["contact"] or "(gateway's own events)",
        "replayed": (item["replay_id"] or "yes") if item["replay"] else "",
        "oldest": terminal.age(item["oldest_at"]),
        "next_try": _next_try(item),
    }


def _next_try(item: dict[str, Any]) -> str:
    """Return when it is tried next: ``in 3 min``, ``now``, ``open until 14:03:10Z``, ``paused``."""
    if item["state"] == "under way":
        return "under way"
    held, at = item["held"], item["next_try_at"]
    if held is None:
        return terminal.until(at) or "now"
    why = _HELD[held["why"]]
    if held["until"] is None:
        return why
    why += f" until {_clock(held['until'])}"
    return why if at == held["until"] else f"{terminal.until(at)}; {why}"


def _note_remedies(items: list[dict[str, Any]]) -> None:
    """Say once for each destination that is held back what to do."""
    held = {item["destination"]: item["held"] for item in items if item["held"]}
    for name, known in held.items():
        if known["remedy"]:
            terminal.note(f"{name} {terminal.clean(known['says'])}")
            terminal.note(f"  {terminal.clean(known['remedy'])}")


def _say_hurried(answer: dict[str, Any]) -> None:
    count = answer["conversations"]
    if count or not answer["held"]:
        terminal.say(f"Due now: {terminal.amount(count, 'conversation')}.")
    for known in answer["held"]:
        until = f" until {_clock(known['until'])}" if known["until"] else ""
        number = known["conversations"]
        waiting = (
            f"{terminal.amount(number, 'conversation')} {'waits' if number == 1 else 'wait'} for it"
        )
        terminal.say(
            f"Nothing goes out to {known['destination']}{until}:"
            f" it {terminal.clean(known['says'])}; {waiting}."
        )
        if known["remedy"]:
            terminal.say(f"  {terminal.clean(known['remedy'])}")


def _item(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "queued": terminal.moment(item["created_at"]),
        "expires": terminal.moment(item["expires_at"]),
        "replayed": "yes" if item["replay"] else "",
        **kept.named(item),
    }


def _clock(moment: str) -> str:
    """Return the time of day of a moment; with its date if that is not today's."""
    at = datetime.fromisoformat(moment).astimezone(UTC)
    today = at.date() == datetime.now(UTC).date()
    return at.strftime("%H:%M:%SZ" if today else "%Y-%m-%d %H:%M:%SZ")


_HELD: Final = {
    "paused": "paused",
    "open": "open",
    "asked_to_wait": "asked to wait",
    "disabled": "disabled",
    "broken": "broken",
    "not_configured": "not in the configuration",
    "not_running": "when the daemon runs",
}
