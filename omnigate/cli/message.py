"""``omnigate message``: send one, list them, show one."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer

from omnigate.cli import terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.failure import WrongUsage
from omnigate.cli.identifiers import identifier
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.reach import running, store

_WORKING: Final = ("up", "degraded", "starting")

Message = Annotated[str, typer.Argument(metavar="msg_…", help="Identifier, see: message list")]


def send(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say; - reads the input.")],
    conversation: Annotated[
        str | None, typer.Option(metavar="cnv_…", help="Answer in this conversation.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Write through this channel, with --address.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="tel:+…", help="Whom to write to, with --channel.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Repeating the command with it sends nothing twice."),
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Send a message to a customer.

    Into a conversation (--conversation), or to an address (--channel and --address).
    """
    if conversation and not (channel or address):
        to = {"conversation": identifier(conversation, "cnv", "--conversation")}
    elif channel and address and not conversation:
        to = {"channel": channel, "address": address}
    else:
        raise WrongUsage(
            "It is not clear whom to write to.",
            "Give --conversation cnv_…, or --channel NAME together with --address tel:+…",
        )
    body = {"to": to, "text": sys.stdin.read() if text == "-" else text}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    with running(config_path) as client:
        answer = client.post("/v1/messages", body, headers)
        held = _held(client, channel or _channel_of(client, answer["conversation"]))
    if as_json:
        terminal.say_json(answer)
    else:
        terminal.say(f"Queued {answer['id']}. Follow it: omnigate message show {answer['id']}")
    if held:
        terminal.note(held)


def _channel_of(client: Client, conversation: str) -> str:
    return str(client.get(f"/v1/conversations/{segment(conversation)}")["channel"]["name"])


def _held(client: Client, name: str) -> str:
    """Return why a message will not go out by a channel at once, and what to do; empty if it will."""
    known = client.get(f"/admin/channels/{segment(name)}")
    if known["state"] == "paused":
        return f"{name} is paused, so it waits: omnigate channel resume {name}"
    if known["state"] == "draining":
        return (
            f"{name} is being drained: it still goes out, but no answer comes in until:"
            f" omnigate channel resume {name}"
        )
    if known["state"] in _WORKING:
        return ""
    said = f" ({terminal.clean(known['message'])})" if known["message"] else ""
    return f"{name} is {known['state']}{said}: it waits and is tried again. See: omnigate doctor"


def list_messages(
    conversation: Annotated[
        str | None, typer.Option(metavar="cnv_…", help="Only of this conversation.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this channel.")
    ] = None,
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
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_table(COLUMNS, [row(item) for item in answer["items"]], "There are no messages.")
    note_more(answer)


def show(
    message: Message,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show one message: state, parts, losses."""
    path = f"/v1/messages/{segment(identifier(message, 'msg'))}"
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
            ("from", (answer.get("sender") or {}).get("address")),
            ("author", (answer.get("author") or {}).get("name")),
            ("subject", answer.get("subject")),
            ("text", answer.get("text")),
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
        columns = {
            "PART": "index",
            "STATE": "state",
            "EXTERNAL ID": "external_id",
            "ERROR": "error",
        }
        terminal.say_table(columns, answer["parts"], "", whole=True)


def cancel(
    message: Message,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a message that is not sent yet.

    What was sent of it stays sent.
    """
    path = f"/v1/messages/{segment(identifier(message, 'msg'))}/cancel"
    with store(config_path, routes=True) as client:
        answer = client.post(path)
    if as_json:
        terminal.say_json(answer)
    else:
        terminal.say(f"Cancelled {answer['id']}; it is {answer['state']}: {answer['error']}.")


COLUMNS = {
    "ID": "id",
    "CREATED": "created",
    "DIRECTION": "direction",
    "STATE": "state",
    "TEXT": "text",
}


def row(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as one line of a table."""
    text = message.get("text") or ", ".join(
        f"[{item.get('kind', 'file')}]" for item in message.get("attachments") or []
    )
    return {**message, "created": terminal.moment(message.get("created_at")), "text": text}


def note_more(answer: dict[str, Any]) -> None:
    """Say how to go on when a listing has more."""
    if answer.get("next"):
        terminal.note(f"There is more: --cursor {answer['next']}")
