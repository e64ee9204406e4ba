"""``omnigate call request``: have a customer called, now or later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from omnigate.cli import moments, terminal
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.identifiers import identifier
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import running

_AT_ONCE_SECONDS: Final = 60.0
"""A call that is to be tried so soon after it was wanted is not put off: clocks differ."""
_NO_CONSENT: Final = "no_consent"

Number = Annotated[str | None, typer.Argument(metavar="NUMBER", help="The customer's number.")]
Channel = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The channel that calls; not needed if there is one."),
]
Conversation = Annotated[
    str | None,
    typer.Option(
        metavar="cnv_…", help="Where the customer asked for it; whoever it is with is called."
    ),
]
Contact = Annotated[
    str | None, typer.Option(metavar="ctc_…", help="Call this contact at its number.")
]
Agent = Annotated[str | None, typer.Option(metavar="NAME", help="Who is rung for the company.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME|DELAY", help=f"Not before {moments.LATER}.")
]
Note = Annotated[
    str | None, typer.Option(metavar="WORDS", help="What the agent should know beforehand.")
]
Consent = Annotated[
    bool, typer.Option("--consent", help="The customer has agreed to the channel's consent text.")
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Repeating the command with it calls nobody twice."),
]


def request(
    number: Number = None,
    channel: Channel = None,
    conversation: Conversation = None,
    contact: Contact = None,
    agent: Agent = None,
    at: At = None,
    note: Note = None,
    consent: Consent = False,
    idempotency_key: IdempotencyKey = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Have a customer called.

    The agent's phone rings first, then the customer's, unless the channel is configured otherwise.
    """
    body: dict[str, Any] = {
        **_whom(number, conversation, contact),
        "channel": channel,
        "agent": agent,
        "callback_at": moments.later("--at", at),
        "note": note,
        "consent": consent or None,
    }
    given = {key: value for key, value in body.items() if value is not None}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    with running(config_path) as client, _naming_the_option():
        answer = client.post("/v1/calls", given, headers)
    if as_json:
        terminal.say_json(answer)
        return
    when = terminal.until(answer["callback_at"]) or "now"
    why = ", as it is closed until then" if _is_put_off(given, answer) else ""
    terminal.say(
        f"{answer['channel']} calls {answer['customer']} {when}{why}."
        f" Follow it: omnigate call show {answer['id']}"
    )


def _is_put_off(given: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Tell whether a call waits for working hours: for longer than whoever asked for it wants."""
    if answer["callback_at"] is None or answer["attempt"]:
        return False
    wanted = datetime.fromisoformat(given.get("callback_at") or answer["requested_at"])
    put_off = datetime.fromisoformat(answer["callback_at"]) - wanted
    return put_off.total_seconds() > _AT_ONCE_SECONDS


@contextmanager
def _naming_the_option() -> Iterator[None]:
    """Say what lets a call through as it is written here, not as in the API."""
    try:
        yield
    except Failed as error:
        if error.code != _NO_CONSENT:
            raise
        raise Failed(
            "Nobody is called before they have agreed to the channel's consent text.",
            "If the customer has: --consent",
            code=error.code,
        ) from None


def _whom(
    number: str | None, conversation: str | None, contact: str | None
) -> dict[str, str | None]:
    """Return whom to call; raises `WrongUsage` for nobody, and for a number beside a contact."""
    if not (number or conversation or contact) or (number and contact):
        raise WrongUsage(
            "It is not clear whom to call.",
            "Give a number, or --contact ctc_…, or --conversation cnv_…",
        )
    return {
        "number": number,
        "conversation": conversation and identifier(conversation, "cnv", "--conversation"),
        "contact": contact and identifier(contact, "ctc", "--contact"),
    }
