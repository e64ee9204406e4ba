"""``omnigate contact``: one customer over all channels."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnigate import ids
from omnigate.cli import tables, terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.paging import note_more
from omnigate.cli.reach import store
from omnigate.cli.story import COLUMNS, line

Contact = Annotated[
    str,
    typer.Argument(metavar="ctc_…|ADDRESS", help="Identifier, or an address: tel:+79161234567"),
]


def list_contacts(
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List customers, the latest first."""
    with store(config_path) as client:
        answer = client.get("/v1/contacts", limit=limit, cursor=cursor)
    if as_json:
        terminal.say_json(answer)
        return
    tables.say_table(
        {"ID": "id", "NAME": "display_name", "ADDRESSES": "owned"},
        [_row(item) for item in answer["items"]],
        "There are no contacts.",
    )
    note_more(answer)


def show(
    contact: Contact,
    limit: Limit = 20,
    cursor: Cursor = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="The beginning of the story, not its end.")
    ] = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show a customer and their story over all channels.

    Of the story the latest entries are shown, the newest last; --from-start and --cursor show others.
    """
    with store(config_path) as client:
        answer = _find(client, contact)
        path = f"/v1/contacts/{segment(answer['id'])}/timeline"
        order = "oldest" if from_start else None
        story = client.get(path, limit=limit, cursor=cursor, order=order)
    if as_json:
        terminal.say_json({**answer, "timeline": story})
        return
    terminal.say_fields(
        [(key.replace("_", " "), answer[key]) for key in answer if key != "addresses"]
    )
    terminal.say_title("Addresses")
    tables.say_table(
        {
            "ADDRESS": "address",
            "USERNAME": "username",
            "VERIFIED": "verified",
            "NOTICES": "consent",
        },
        answer.get("addresses") or [],
        "None is known.",
    )
    terminal.say_title("Timeline")
    entries = sorted(story["items"], key=_place)
    tables.say_table(
        COLUMNS, [line(entry) for entry in entries], "Nothing was said yet.", whole=True
    )
    if story["next"]:
        which = "later" if from_start else "earlier"
        terminal.note(f"There is more, {which}: --cursor {story['next']}")


def consent(
    contact: Contact,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="One of theirs: tel:+79161…")],
    granted: Annotated[
        bool, typer.Option("--granted", help="They agree to notices there.")
    ] = False,
    refused: Annotated[bool, typer.Option("--refused", help="They do not.")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Take back what was said before.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Where that is from: a form, a call.")
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a customer agrees to notices at an address.

    That is asked about for messages of purpose notice; see the channel's notices.
    """
    given = {"granted": granted, "refused": refused, "unknown": unknown}
    states = [name for name, is_so in given.items() if is_so]
    if len(states) != 1:
        raise WrongUsage(
            "It is not clear what the customer wants.",
            "Give one of --granted, --refused and --unknown.",
        )
    # Backends hear of it by their routes.
    with store(config_path, routes=True) as client:
        known = _find(client, contact)
        body = {"address": address, "state": states[0], "source": source}
        answer = client.call("PUT", f"/v1/contacts/{segment(known['id'])}/consents", body=body)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say(f"Notices to {terminal.clean(address)}: {states[0]}.")


def _place(entry: dict[str, Any]) -> str:
    """Return where an entry stands: identifiers are ordered by time, whatever they name."""
    return str(entry["id"]).partition("_")[2]


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "owned": ", ".join(known["address"] for known in item["addresses"])}


def _find(client: Client, contact: str) -> dict[str, Any]:
    answer: dict[str, Any]
    if ids.is_id(contact, "ctc"):
        answer = client.get(f"/v1/contacts/{segment(contact)}")
        return answer
    answer = client.get("/v1/contacts", address=contact)
    if "items" not in answer:
        return answer
    if not answer["items"]:
        raise Failed(f"Nobody is known under {contact}.", "Addresses are scheme:path: tel:+7…")
    found: dict[str, Any] = answer["items"][0]
    return found
