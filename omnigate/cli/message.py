"""``omnigate message``: list them, show one, say what becomes or became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from omnigate.cli import tables, terminal
from omnigate.cli.client import segment
from omnigate.cli.identifiers import identifier
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit, OfChannel
from omnigate.cli.outcome import outcome
from omnigate.cli.paging import say_page
from omnigate.cli.reach import store

Message = Annotated[str, typer.Argument(metavar="msg_…", help="Identifier, see: message list")]

COLUMNS: Final = {
    "ID": "id",
    "CREATED": "created",
    "DIRECTION": "direction",
    "STATE": "state",
    "TEXT": "text",
}
SPARE: Final = ("DIRECTION",)
"""Not needed on a narrow screen: only what comes in is received."""
_PARTS: Final = {
    "PART": "index",
    "STATE": "state",
    "EXTERNAL ID": "external_id",
    "ERROR": "error",
}


def list_messages(
    conversation: Annotated[
        str | None, typer.Option(metavar="cnv_…", help="Only of this conversation.")
    ] = None,
    channel: OfChannel = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only in this state: failed, queued …")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List messages, the latest first."""
    if conversation is not None:
        identifier(conversation, "cnv", "--conversation")
    with store(config_path) as client:
        answer = client.get(
            "/v1/messages",
            conversation=conversation,
            channel=channel,
            state=state,
            limit=limit,
            cursor=cursor,
        )
    empty = "There are no messages."
    say_page(answer, COLUMNS, row, empty, spare=SPARE, as_json=as_json)


def show(
    message: Message,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show one message: state, parts, losses."""
    path = _path(message)
    with store(config_path) as client:
        answer = client.get(path)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(
        [
            ("id", answer.get("id")),
            ("direction", answer.get("direction")),
            ("state", answer.get("state")),
            ("created", terminal.moment(answer.get("created_at"))),
            ("channel", f"{answer['channel']['name']} ({answer['channel']['kind']})"),
            ("conversation", answer["conversation"]),
            ("from", (answer.get("sender") or {}).get("address")),
            ("to", answer["address"] if answer["direction"] == "outbound" else None),
            ("author", (answer.get("author") or {}).get("name")),
            ("subject", answer.get("subject")),
            ("text", answer.get("text")),
            ("location", _point(answer.get("location"))),
            ("contact card", _card(answer.get("shared_contact"))),
            ("reply to", answer.get("reply_to")),
            ("attachments", [item.get("name") or item["id"] for item in answer["attachments"]]),
            ("external ids", answer.get("external_ids")),
            ("client ref", answer.get("client_ref")),
            ("degraded", answer.get("degraded")),
            ("error", answer.get("error")),
        ]
    )
    if answer.get("parts"):
        terminal.say_title("Parts")
        tables.say_table(_PARTS, answer["parts"], "", whole=True)


def cancel(
    message: Message,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a message that is not sent yet.

    What was sent of it stays sent.
    """
    path = f"{_path(message)}/cancel"
    with store(config_path, routes=True) as client:
        answer = client.post(path)
    if as_json:
        terminal.say_json(answer)
    else:
        terminal.say(f"Cancelled {answer['id']}; it is {answer['state']}: {answer['error']}.")


def resolve(
    message: Message,
    sent: Annotated[bool, typer.Option("--sent", help="The platform took it.")] = False,
    delivered: Annotated[bool, typer.Option("--delivered", help="The customer has it.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="It never went out.")] = False,
    reason: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Why it failed, for the CRM.")
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Tell what became of a message whose state is unknown.

    To have it sent again instead, replay its dead letter: omnigate dead list --reason unknown
    """
    state = outcome("message", {"sent": sent, "delivered": delivered, "failed": failed})
    path = f"{_path(message)}/resolve"
    with store(config_path, routes=True) as client:
        answer = client.post(path, {"state": state, "error": reason})
    if as_json:
        terminal.say_json(answer)
        return
    if not answer["rest_waits"]:
        terminal.say(f"{answer['id']} is {answer['state']} now; the CRM is told.")
        return
    terminal.say(f"{answer['id']} is {answer['state']} now; the CRM is told once the rest is, too.")
    terminal.note(
        "Further parts of it were never begun. Send them: omnigate dead list, then dead replay; or let"
        " it fail: dead drop."
    )


def row(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as one line of a table."""
    return {
        **message,
        "created": terminal.moment(message.get("created_at")),
        "text": message.get("text") or ", ".join(_instead_of_text(message)),
    }


def _instead_of_text(message: dict[str, Any]) -> Iterator[str]:
    """Say in a word each what a message without a text has."""
    for item in message.get("attachments") or []:
        yield f"[{item.get('kind', 'file')}]"
    if message.get("location"):
        yield "[location]"
    if card := message.get("shared_contact"):
        yield card_word(card)


def _point(location: Mapping[str, Any] | None) -> list[Any]:
    """Return a point on the earth: degrees, then what it is called."""
    keys = ("latitude", "longitude", "title", "address")
    return [location[key] for key in keys if location[key] is not None] if location else []


def _card(card: Mapping[str, Any] | None) -> list[Any]:
    """Return whose card it is, with all addresses on it."""
    keys = ("display_name", "phone", "email", "address")
    return [card[key] for key in keys if card[key] is not None] if card else []


def card_word(card: Mapping[str, Any]) -> str:
    """Return a contact card that came with a message in a word."""
    return f"[contact {card['phone'] or card['email'] or ''}".rstrip() + "]"


def _path(message: str) -> str:
    return f"/v1/messages/{segment(identifier(message, 'msg'))}"
