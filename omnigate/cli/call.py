"""``omnigate call``: list calls, show one, say what becomes or became of it."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from omnigate.cli import tables, terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.identifiers import identifier
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit, OfChannel
from omnigate.cli.outcome import outcome
from omnigate.cli.paging import say_page
from omnigate.cli.reach import running, store

Identifier = Annotated[str, typer.Argument(metavar="cal_…", help="Identifier, see: call list")]

_COLUMNS: Final = {
    "ID": "id",
    "CHANNEL": "channel",
    "CUSTOMER": "customer",
    "STATE": "state",
    "ASKED": "asked",
    "NEXT": "next",
    "TALKED": "talked",
}
_SPARE: Final = ("CHANNEL", "TALKED")
_ENDING: Final = ("up", "degraded", "draining", "paused")
"""States of a channel in which it ends calls that go on."""
_LEGS: Final = {
    "PHONE": "leg",
    "RANG": "rang",
    "ANSWERED": "answered",
    "ENDED": "ended",
    "CAUSE": "cause",
    "PLATFORM": "provider_id",
}


def list_calls(
    channel: OfChannel = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only in this state: queued, unknown …")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List calls, the latest first."""
    with store(config_path) as client:
        answer = client.get("/v1/calls", channel=channel, state=state, limit=limit, cursor=cursor)
    say_page(answer, _COLUMNS, _row, "There are no calls.", spare=_SPARE, as_json=as_json)


def show(call: Identifier, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Show one call: its state, both phones, the recording."""
    path = _path(call)
    with store(config_path) as client:
        answer = client.get(path)
    if as_json:
        terminal.say_json(answer)
        return
    row, recording = _row(answer), answer["recording"]
    terminal.say_fields(
        [
            ("id", answer["id"]),
            ("channel", answer["channel"]),
            ("customer", answer["customer"]),
            ("agent", answer["agent"]),
            ("state", answer["state"]),
            ("taken back", _taken_back(answer)),
            ("asked for", terminal.moment(answer["requested_at"])),
            ("by", answer["source"]),
            ("in", answer["from_conversation"]),
            ("note", answer["note"]),
            ("attempt", answer["attempt"] or None),
            ("next attempt", row["next"]),
            ("given up", terminal.until(answer["expires_at"]) if row["next"] else None),
            ("ended", terminal.moment(answer["ended_at"])),
            ("cause", _cause(answer)),
            ("error", answer["error"]),
            ("rang for", _seconds(answer["ring_seconds"])),
            ("talked for", _seconds(answer["talk_seconds"])),
            ("recording", f"{recording['state']}, {recording['url']}" if recording else None),
            ("conversation", answer["conversation"]),
            ("client ref", answer["client_ref"]),
        ]
    )
    if answer["legs"]:
        terminal.say_title("Phones")
        legs = [_leg(leg) for leg in answer["legs"]]
        tables.say_table(_LEGS, legs, "", spare=("PLATFORM",))
    if answer["state"] == "unknown":
        terminal.note(
            "It may have been dialled. Find out, then:"
            f" omnigate call resolve {call} --completed, --failed or --again"
        )


def cancel(call: Identifier, config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Take a call back, at whatever stage it is."""
    path = _path(call)
    with running(config_path) as client:
        answer = client.delete(path)
        is_ending = answer["cancel_asked"] and answer["ended_at"] is None
        ending = _ending(client, answer["channel"]) if is_ending else ""
    if as_json:
        terminal.say_json(answer)
    elif answer["cancel_asked"]:
        terminal.say(f"{call} is {answer['state']}{f'; {ending}' if ending else '.'}")
    else:
        terminal.say(f"Cancelled {call}: nobody is called.")


def resolve(
    call: Identifier,
    completed: Annotated[bool, typer.Option("--completed", help="They have talked.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="They have not talked.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Nobody was called: try once more.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Why it failed, for the CRM.")
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Tell what became of a call that was held as unknown."""
    state = outcome("call", {"completed": completed, "failed": failed, "again": again})
    path = f"{_path(call)}/resolve"
    with running(config_path) as client:
        answer = client.post(path, {"state": state, "error": reason})
    if as_json:
        terminal.say_json(answer)
    else:
        terminal.say(f"{call} is {answer['state']}.")


def _taken_back(call: dict[str, Any]) -> str | None:
    if not call["cancel_asked"]:
        return None
    return "it is being ended" if call["ended_at"] is None else "yes"


def _ending(client: Client, channel: str) -> str:
    """Return when a call that was taken back is ended: a channel that does not work ends none."""
    known = next(
        (one for one in client.get("/admin/channels")["items"] if one["name"] == channel), None
    )
    if known is None:
        return f"{channel} is not at work any more, so nobody can end it. See: omnigate call resolve -h"
    if known["state"] in _ENDING:
        return "it is being ended."
    why = terminal.clean(known["message"])
    return (
        f"it is ended once {channel} is up: it is {known['state']}{f' ({why})' if why else ''}."
        " See: omnigate doctor"
    )


def _path(call: str) -> str:
    return f"/v1/calls/{segment(identifier(call, 'cal'))}"


def _row(item: dict[str, Any]) -> dict[str, Any]:
    waits = item["state"] in ("requested", "queued")
    return {
        "asked": terminal.age(item["requested_at"]),
        "next": (terminal.until(item["callback_at"]) or "now") if waits else "",
        "talked": _seconds(item["talk_seconds"]),
    }


def _leg(leg: dict[str, Any]) -> dict[str, Any]:
    return {
        **leg,
        "rang": terminal.moment(leg["ringing_at"]),
        "answered": terminal.moment(leg["answered_at"]),
        "ended": terminal.moment(leg["ended_at"]),
        "cause": _cause(leg),
    }


def _cause(item: dict[str, Any]) -> str:
    number, text = item["cause"], item["cause_text"]
    return " ".join(str(part) for part in (number, text) if part is not None)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else terminal.duration(seconds)
