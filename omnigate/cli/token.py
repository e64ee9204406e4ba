"""``omnigate token``: what a CRM presents to the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from omnigate import rfc3339
from omnigate.cli import tables, terminal
from omnigate.cli.client import segment
from omnigate.cli.failure import Failed
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import store


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom it is for.")],
    scopes: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="What it may do, repeatable: messages:send, messages:read, contacts:write, "
            "calls, events:read, media, admin.",
        ),
    ],
    channels: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="NAME", help="Only these channels; repeatable."),
    ] = None,
    expires_days: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            min=0.001,
            max=36500,
            help="It ends after so many days; never without this.",
        ),
    ] = None,
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Make a token for the API, shown only this once.

    The store keeps its hash. A CRM sends it as: Authorization: Bearer <token>
    """
    body: dict[str, object] = {"name": name, "scopes": scopes}
    if channels:
        body["channels"] = channels
    if expires_days is not None:
        body["expires_at"] = rfc3339(datetime.now(UTC) + timedelta(days=expires_days))
    with store(config_path) as client:
        answer = client.post("/admin/tokens", body)
    if as_json:
        terminal.say_json(answer)
        return
    terminal.put(answer["token"])
    terminal.note("Keep it now: it is not shown again. Send it as: Authorization: Bearer <token>")


def list_tokens(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """List the tokens."""
    with store(config_path) as client:
        answer = client.get("/admin/tokens")
    if as_json:
        terminal.say_json(answer)
        return
    times = ("created_at", "last_used_at", "expires_at")
    rows = [
        {
            **item,
            **{key: terminal.moment(item[key]) for key in times},
            "state": _state(item),
            "channels": item["channels"] or "all",
        }
        for item in answer["items"]
    ]
    tables.say_table(
        {
            "ID": "id",
            "NAME": "name",
            "STATE": "state",
            "SCOPES": "scopes",
            "CHANNELS": "channels",
            "CREATED": "created_at",
            "LAST USED": "last_used_at",
            "EXPIRES": "expires_at",
        },
        rows,
        "There are no tokens. Make one: omnigate token create NAME --scope messages:send",
    )


def revoke(
    token: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="Identifier from the listing, or its name.")
    ],
    config_path: ConfigPath = None,
) -> None:
    """End a token; calls with it fail within seconds."""
    with store(config_path) as client:
        meant = _meant(client.get("/admin/tokens")["items"], token)
        client.delete(f"/admin/tokens/{segment(meant['id'])}")
    terminal.say(f"Revoked {meant['id']} ({terminal.clean(meant['name'])}).")


def _meant(tokens: Sequence[dict[str, Any]], given: str) -> dict[str, Any]:
    """Return the token in force that is called so; of one name, those that work go before expired ones."""
    named = [one for one in tokens if one["id"] == given] or [
        one for one in tokens if one["name"] == given
    ]
    shown = terminal.clean(given)
    if not named:
        raise Failed(f"No token is called {shown}.", "See: omnigate token list")
    left = [one for one in named if _state(one) != "revoked"]
    if not left:
        raise Failed(f"{shown} is revoked already.", "See: omnigate token list")
    meant = [one for one in left if _state(one) == "good"] or left
    if len(meant) > 1:
        known = [
            f"{one['id']}  made {terminal.moment(one['created_at'])},"
            f" last used {terminal.moment(one['last_used_at']) or 'never'}"
            for one in meant
        ]
        raise Failed(
            f"{len(meant)} tokens are called {shown}.",
            "\n".join(["Say which one by its identifier:", *known]),
        )
    return meant[0]


def _state(token: dict[str, Any]) -> str:
    if token["revoked_at"]:
        return "revoked"
    expires_at = token["expires_at"]
    if expires_at and datetime.fromisoformat(expires_at) <= datetime.now(UTC):
        return "expired"
    return "good"
