"""``omnigate webhook``: what a CRM developer needs at hand."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from omnigate import Unauthorized, signing
from omnigate.cli.failure import Failed, WrongUsage
from omnigate.cli.terminal import say, say_json
from omnigate.config.checking import did_you_mean
from omnigate.model.event import EventType
from omnigate.model.samples import sample as sample_of


def sample(
    event_type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="Type of event; all of them without it.")
    ] = None,
) -> None:
    """Print what a backend receives.

    A sample of one type of event, or of all in a JSON list.
    """
    if event_type is None:
        say_json([sample_of(item).model_dump(mode="json") for item in EventType])
        return
    try:
        envelope = sample_of(EventType(event_type))
    except ValueError:
        known = ", ".join(EventType)
        hint = did_you_mean(event_type, list(EventType)).capitalize()
        raise WrongUsage(f"There is no event {event_type!r}.", hint or f"Known: {known}") from None
    say_json(envelope.model_dump(mode="json"))


def verify(
    webhook_id: Annotated[str, typer.Option("--id", metavar="ID", help="The header webhook-id.")],
    timestamp: Annotated[
        str, typer.Option(metavar="SECONDS", help="The header webhook-timestamp.")
    ],
    signature: Annotated[str, typer.Option(metavar="v1,…", help="The header webhook-signature.")],
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="OMNIGATE_WEBHOOK_SECRET", metavar="whsec_…", help="The signing secret."
        ),
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file that holds the secret.")
    ] = None,
    tolerance_seconds: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, help="How old it may be; large for one kept since yesterday."
        ),
    ] = signing.TOLERANCE_SECONDS,
) -> None:
    """Tell whether a body is signed with the secret.

    The body comes on the standard input, the exact bytes as they came: omnigate webhook verify … < body.json
    """
    headers = {
        signing.ID_HEADER: webhook_id,
        signing.TIMESTAMP_HEADER: timestamp,
        signing.SIGNATURE_HEADER: signature,
    }
    body = sys.stdin.buffer.read()
    try:
        signer = signing.Signer([_secret(secret, secret_file)])
    except ValueError as error:
        raise WrongUsage(f"The secret cannot be used: {error}.") from None
    try:
        signer.verify(headers, body, time.time(), tolerance_seconds)
    except Unauthorized as error:
        raise Failed(f"The signature is not good: {error}.", _advice(body)) from None
    say("The signature is good.")


def _secret(secret: str | None, path: Path | None) -> str:
    if (secret is None) == (path is None):
        raise WrongUsage(
            "One secret is needed.", "Give --secret, --secret-file or $OMNIGATE_WEBHOOK_SECRET."
        )
    if path is None:
        return secret or ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read: {error}.") from None


def _advice(body: bytes) -> str:
    """Return what most often is the cause."""
    if not body:
        return "The standard input was empty: append < body.json"
    try:
        json.loads(body)
    except ValueError:
        return "The body is not JSON: was it changed, cut or decoded on the way?"
    return "Compare the secret, and take the raw body as it came, not JSON written anew."
