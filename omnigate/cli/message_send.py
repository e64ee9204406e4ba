"""``omnigate message send``: who gets it, what it becomes, and whether it goes out at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from omnigate.cli import tables, terminal
from omnigate.cli.client import Client, segment
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.identifiers import identifier
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import running

_BLOCKED: Final = "recipient_blocked"
_WORKING: Final = ("up", "degraded", "starting")

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What to say; - reads the input.")]
Conversation = Annotated[
    str | None, typer.Option(metavar="cnv_…", help="Answer in this conversation.")
]
Channel = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Write through this channel, with --address or --contact."),
]
Address = Annotated[
    str | None, typer.Option(metavar="tel:+…", help="Whom to write to, with --channel.")
]
Contact = Annotated[
    str | None,
    typer.Option(metavar="ctc_…", help="Write where they are best reached, with --channel."),
]
Purpose = Annotated[
    str | None,
    typer.Option(
        metavar="answer|notice", help="notice: nobody has asked for it, so consents matter."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Repeating the command with it sends nothing twice."),
]
Subject = Annotated[
    str | None, typer.Option(metavar="WORDS", help="Subject of a mail; elsewhere the first line.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Send it even to who asked not to be written to.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what it would become and cost.")]


def send(
    text: Text,
    conversation: Conversation = None,
    channel: Channel = None,
    address: Address = None,
    contact: Contact = None,
    purpose: Purpose = None,
    idempotency_key: IdempotencyKey = None,
    subject: Subject = None,
    force: Force = False,
    dry_run: DryRun = False,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Send a message to a customer.

    Into a conversation (--conversation), to an address (--channel and --address), or to a contact where the
    channel reaches it (--channel and --contact).
    """
    body: dict[str, Any] = {
        "to": _recipient(conversation, channel, address, contact),
        "text": sys.stdin.read() if text == "-" else text,
        "subject": subject,
        "purpose": purpose,
        "force": force or None,
    }
    given = {key: value for key, value in body.items() if value is not None}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    with running(config_path) as client, _naming_the_option():
        if dry_run:
            _tell_beforehand(client.post("/v1/messages?dry_run=true", given), as_json=as_json)
            return
        answer = client.post("/v1/messages", given, headers)
        held = _held(client, channel or _channel_of(client, answer["conversation"]))
    if as_json:
        terminal.say_json(answer)
    else:
        terminal.say(f"Queued {answer['id']}. Follow it: omnigate message show {answer['id']}")
    if held:
        terminal.note(held)


@contextmanager
def _naming_the_option() -> Iterator[None]:
    """Say what lets a message through as it is written here, not as in the API."""
    try:
        yield
    except Failed as error:
        if error.code != _BLOCKED:
            raise
        raise Failed(
            "The customer has asked not to be written to here.",
            "Send it all the same: --force",
            code=error.code,
        ) from None


def _recipient(
    conversation: str | None, channel: str | None, address: str | None, contact: str | None
) -> dict[str, str]:
    """Return whom a message is for; raises `WrongUsage` unless exactly one is named."""
    if conversation and not (channel or address or contact):
        return {"conversation": identifier(conversation, "cnv", "--conversation")}
    if channel and not conversation and bool(address) != bool(contact):
        if contact:
            return {"channel": channel, "contact": identifier(contact, "ctc", "--contact")}
        return {"channel": channel, "address": address or ""}
    raise WrongUsage(
        "It is not clear whom to write to.",
        "Give --conversation cnv_…, or --channel NAME together with --address tel:+… or"
        " --contact ctc_…",
    )


def _tell_beforehand(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what a message would become; nothing was sent."""
    if as_json:
        terminal.say_json(found)
        return
    columns = {"PART": "number", "TEXT": "text", "FILES": "attachments"}
    if found["segments"] is not None:
        columns |= {
            "SEGMENTS": "segments",
            "ENCODING": "encoding",
            "LENGTH": "length",
            "ROOM": "room",
            "COST": "price",
        }
    lines = [
        {**part, "number": number, "price": _price(part)}
        for number, part in enumerate(found["parts"], start=1)
    ]
    tables.say_table(columns, lines, "It would be nothing.")
    for loss in found["degraded"]:
        terminal.note(loss)
    if found["segments"] is not None:
        price = f", {_price(found)}" if found["cost"] is not None else ""
        terminal.note(
            f"{terminal.amount(found['segments'], 'segment')} in all{price}. Nothing was sent."
        )
    else:
        terminal.note("Nothing was sent.")


def _price(counted: dict[str, Any]) -> str | None:
    cost = counted.get("cost")
    return f"{cost} {counted.get('currency') or ''}".rstrip() if cost is not None else None


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
