"""``omnigate conversation``: the threads with customers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnigate.cli import terminal
from omnigate.cli.client import segment
from omnigate.cli.identifiers import identifier
from omnigate.cli.message import COLUMNS, note_more, row
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit
from omnigate.cli.reach import running, store

Identifier = Annotated[
    str, typer.Argument(metavar="cnv_…", help="Identifier, see: conversation list")
]


def list_conversations(
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this channel.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="open|closed", help="Only with this status.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List conversations, the latest first."""
    with store(config_path) as client:
        answer = client.get(
            "/v1/conversations", channel=channel, status=status, limit=limit, cursor=cursor
        )
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_table(
        {
            "ID": "id",
            "CHANNEL": "channel",
            "STATUS": "status",
            "CONTACT": "contact",
            "SUBJECT": "subject",
            "LAST": "last",
        },
        [_row(item) for item in answer["items"]],
        "There are no conversations.",
    )
    note_more(answer)


def show(
    conversation: Identifier,
    limit: Limit = 50,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show one conversation and its messages."""
    path = f"/v1/conversations/{segment(identifier(conversation, 'cnv'))}"
    with store(config_path) as client:
        answer = client.get(path)
        messages = client.get(f"{path}/messages", limit=limit)
    if as_json:
        terminal.say_json({**answer, "messages": messages["items"]})
        return
    flat = _row(answer)
    context = answer.get("context") or {}
    terminal.say_fields(
        [
            ("id", flat.get("id")),
            ("channel", flat["channel"]),
            ("external id", flat.get("external_id")),
            ("address", flat.get("address")),
            ("handed to", flat.get("owner")),
            ("status", flat.get("status")),
            ("contact", flat["contact"]),
            ("contact id", answer["contact"]["id"]),
            ("subject", flat.get("subject")),
            ("page", context.get("page")),
            ("last", flat["last"]),
        ]
    )
    terminal.say_title("Messages")
    terminal.say_table(COLUMNS, [row(item) for item in messages["items"]], "There are none yet.")
    note_more(messages)


def close(
    conversation: Identifier, config_path: ConfigPath = None, as_json: AsJson = False
) -> None:
    """Close a conversation.

    The customer's next message opens it again.
    """
    path = f"/v1/conversations/{segment(identifier(conversation, 'cnv'))}/close"
    # Backends hear of it by their routes, which only the daemon knows.
    with running(config_path) as client:
        answer = client.post(path, {})
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say(f"Closed {conversation}.")


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        **item,
        "channel": item["channel"]["name"],
        "contact": item["contact"]["display_name"] or item["contact"]["id"],
        "last": terminal.moment(item["updated_at"]),
    }
