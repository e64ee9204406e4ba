"""``omnigate contact merge``, ``unmerge``, ``merges`` and ``conflicts``: who is the same customer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnigate.cli import terminal
from omnigate.cli.client import segment
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.paging import say_page
from omnigate.cli.people import Contact, contact_id
from omnigate.cli.reach import running, store

Note = Annotated[
    str | None, typer.Option(metavar="WHY", help="Backends are told: nothing personal, please.")
]


def merge(
    contact: Contact,
    other: Annotated[
        str, typer.Argument(metavar="ctc_…|ADDRESS", help="Who becomes part of the first one.")
    ],
    note: Note = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also when each has a proven address of which a person has one."
        ),
    ] = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Make two customers one, because you know that they are.

    Conflicts between the two are resolved by it. It can be undone: omnigate contact unmerge.
    """
    # Backends hear of it by their routes, which only the daemon knows.
    with running(config_path) as client:
        left = contact_id(client, contact)
        body = {"contact": contact_id(client, other), "note": note, "force": force}
        answer = client.post(f"/v1/contacts/{segment(left)}/merge", body)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say(f"{other} is part of {answer['id']} now.")


def unmerge(
    contact: Contact,
    number: Annotated[
        int, typer.Argument(metavar="MERGE", min=1, help="Number from: contact merges")
    ],
    note: Note = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Undo a merge.

    Who became part of this customer is by itself again, with the addresses that it brought and their
    conversations. No proof makes the two one
    again; omnigate contact merge does.
    """
    with running(config_path) as client:
        path = f"/v1/contacts/{segment(contact_id(client, contact))}/unmerge"
        answer = client.post(path, {"merge": number, "note": note})
    if as_json:
        terminal.say_json(answer)
        return
    owned = ", ".join(known["address"] for known in answer["addresses"])
    terminal.say(f"{answer['id']} is by itself again, with {owned or 'no address'}.")


def merges(
    contact: Contact,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List what a customer was merged from, undone merges too."""
    with store(config_path) as client:
        path = f"/v1/contacts/{segment(contact_id(client, contact))}/merges"
        answer = client.get(path, limit=limit, cursor=cursor)
    columns = {
        "MERGE": "merge",
        "MERGED": "when",
        "PART OF": "contact",
        "WAS": "merged",
        "BROUGHT": "brought",
        "WHY": "why",
        "UNDONE": "undone",
    }
    say_page(answer, columns, _merge_row, "Nobody was merged.", as_json=as_json)


def conflicts(
    resolve: Annotated[
        int | None,
        typer.Option(metavar="ID", min=1, help="Mark this one as seen to; nothing else changes."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List proofs that contradict each other, the latest first.

    They say that two customers are one, and others say that they are not: nothing was merged. If they
    are one: omnigate contact merge. If not, mark the conflict as resolved.
    """
    if resolve is not None:
        with running(config_path) as client:
            answer = client.post(f"/v1/contacts/conflicts/{resolve}/resolve")
        if as_json:
            terminal.say_json(answer)
            return
        terminal.say(f"Conflict {resolve} is resolved.")
        return
    with store(config_path) as client:
        answer = client.get(
            "/v1/contacts/conflicts",
            resolved="true" if everything else None,
            limit=limit,
            cursor=cursor,
        )
    columns = {
        "CONFLICT": "conflict",
        "LAST": "last",
        "CONTACTS": "who",
        "ADDRESS": "address",
        "WHY": "reason",
        "SEEN": "seen",
        "RESOLVED": "resolved",
    }
    say_page(answer, columns, _conflict_row, "No proofs contradict each other.", as_json=as_json)


def _merge_row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "when": terminal.moment(item["merged_at"]),
        "brought": ", ".join(item["addresses"]),
        "why": item["reason"],
        "undone": terminal.moment(item["undone_at"]),
    }


def _conflict_row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "last": terminal.moment(item["last_at"]),
        "who": ", ".join(_called(contact) for contact in item["contacts"]),
        "seen": terminal.amount(item["count"], "time"),
        "resolved": terminal.moment(item["resolved_at"]),
    }


def _called(contact: dict[str, Any]) -> str:
    name = contact["display_name"]
    return f"{contact['id']} ({name})" if name else str(contact["id"])
