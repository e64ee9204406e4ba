"""``omnigate contact``: one customer over all channels."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnigate import ids
from omnigate.cli import terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.failure import Failed
from omnigate.cli.message import note_more
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.reach import store


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
    terminal.say_table(
        {"ID": "id", "NAME": "display_name", "ADDRESSES": "owned"},
        [_row(item) for item in answer["items"]],
        "There are no contacts.",
    )
    note_more(answer)


def show(
    contact: Annotated[
        str,
        typer.Argument(metavar="ctc_…|ADDRESS", help="Identifier, or an address: tel:+79161234567"),
    ],
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show a customer by identifier or address."""
    with store(config_path) as client:
        answer = _find(client, contact)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(
        [(key.replace("_", " "), answer[key]) for key in answer if key != "addresses"]
    )
    terminal.say_title("Addresses")
    terminal.say_table(
        {"ADDRESS": "address", "USERNAME": "username", "VERIFIED": "verified"},
        answer.get("addresses") or [],
        "None is known.",
    )


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
