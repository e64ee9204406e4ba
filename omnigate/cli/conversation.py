"""``omnigate conversation``: the threads with customers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from omnigate.cli import tables, terminal
from omnigate.cli.client import segment
from omnigate.cli.identifiers import identifier
from omnigate.cli.message import COLUMNS, SPARE, row
from omnigate.cli.options import AsJson, ConfigPath, Cursor, Limit, OfChannel
from omnigate.cli.paging import note_more
from omnigate.cli.reach import running, store
from omnigate.qr import qr_lines

Identifier = Annotated[
    str, typer.Argument(metavar="cnv_…", help="Identifier, see: conversation list")
]


def list_conversations(
    channel: OfChannel = None,
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
    tables.say_table(
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
            ("carried on from", (context.get("handover") or {}).get("conversation")),
            ("waiting since", terminal.age(answer.get("waiting_since"))),
            ("last", flat["last"]),
        ]
    )
    terminal.say_title("Messages")
    lines = [row(item) for item in messages["items"]]
    tables.say_table(COLUMNS, lines, "There are none yet.", spare=SPARE)
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


def reopen(
    conversation: Identifier, config_path: ConfigPath = None, as_json: AsJson = False
) -> None:
    """Open a conversation again that was closed.

    Nobody is written to.
    """
    path = f"/v1/conversations/{segment(identifier(conversation, 'cnv'))}"
    # Backends hear of it by their routes, which only the daemon knows.
    with running(config_path) as client:
        before = client.get(path)["status"]
        answer = client.post(f"{path}/reopen", {})
    if as_json:
        terminal.say_json(answer)
    elif before == "open":
        terminal.say(f"{conversation} is open already: nothing has changed.")
    else:
        terminal.say(f"Opened {conversation} again.")


def handover(
    conversation: Identifier,
    channel: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only to this channel; may be given more than once."),
    ] = None,
    hours: Annotated[
        float, typer.Option(metavar="N", min=0.1, max=720, help="How long the link is good.")
    ] = 24,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Make a one-time link to carry on in another channel with.

    Whoever opens it is taken for the customer: show it to nobody else.
    """
    body = {
        "conversation": identifier(conversation, "cnv"),
        "channels": channel or None,
        "lifetime_seconds": hours * 3600,
    }
    # Links are made by channels at work.
    with running(config_path) as client:
        answer = client.post("/v1/handovers", body)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(
        [
            ("id", answer["id"]),
            ("good until", terminal.moment(answer["expires_at"])),
            # Where there is no link the token itself is what can be handed over.
            ("token", None if answer["links"] else answer["token"]),
        ]
    )
    for link in answer["links"]:
        terminal.say_title(link["channel"])
        terminal.put(terminal.clean(link["url"]))
        if terminal.is_screen() and (lines := qr_lines(link["url"])) is not None:
            terminal.say_picture(lines)


def transfer(
    conversation: Identifier,
    backend: Annotated[str, typer.Argument(metavar="BACKEND", help="Who gets it from now on.")],
    note: Annotated[
        str | None, typer.Option(metavar="WORDS", help="What the new owner should know.")
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Hand a conversation to another backend.

    It is told what was said last and gets everything after that; the former owner gets no more, unless
    it observes.
    """
    path = f"/v1/conversations/{segment(identifier(conversation, 'cnv'))}"
    with running(config_path) as client:
        before = client.get(path)["owner"]
        answer = client.post(f"{path}/transfer", {"backend": backend, "note": note})
    if as_json:
        terminal.say_json(answer)
    elif before == backend:
        terminal.say(f"{conversation} is {backend}'s already: nothing has changed.")
    else:
        terminal.say(f"Handed {conversation} to {backend}.")


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        **item,
        "channel": item["channel"]["name"],
        "contact": _called(item),
        "last": terminal.moment(item["updated_at"]),
    }


def _called(item: dict[str, Any]) -> str:
    """Return what an operator knows a customer by: a name, a number or mail address, else our identifier."""
    who = item["contact"]
    scheme, _, path = (item["address"] or "").partition(":")
    written = path if scheme in ("tel", "mailto") else None
    return str(who["display_name"] or written or who["phone"] or who["email"] or who["id"])
