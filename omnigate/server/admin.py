"""``/admin``: stopping, tokens, soundness and housekeeping of the store. On the operator's socket only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, Field

from omnigate.model.text import Model, Timestamp
from omnigate.server.known import require_channels
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied
from omnigate.store import tokens
from omnigate.store.record import milliseconds_of, time_text
from omnigate.store.soundness import find_problems
from omnigate.store.tokens import Grant, NewToken, Scope

Name = Annotated[str, Field(min_length=1, max_length=100)]


class TokenWanted(Model):
    """A token to make."""

    name: Name
    scopes: list[Scope] = Field(min_length=1)
    channels: list[Name] | None = Field(None, min_length=1, max_length=1000)
    expires_at: Timestamp | None = None


class TokenShown(BaseModel):
    """A token without its secret."""

    id: str
    name: str
    scopes: list[str]
    channels: list[str] | None
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class TokenMade(TokenShown):
    """A new token; its text is shown this once."""

    token: str


class Tokens(BaseModel):
    """All tokens, the newest first."""

    items: list[TokenShown]
    next: None = None


class Soundness(BaseModel):
    """What is wrong with the store."""

    ok: bool
    problems: list[str]


class RoundShown(BaseModel):
    """What the housekeeping has done in its last round."""

    running: bool
    started_at: str | None
    """Null: none has begun since the start."""
    removed: dict[str, int]
    """Rows by table."""
    error: str | None


class Stopping(BaseModel):
    """The daemon has heard."""

    stopping: bool = True


async def stop(call: Call) -> web.StreamResponse:
    """Ask the daemon to stop; answers before it does."""
    call.services.stop()
    return call.answer(Stopping(), 202)


async def make_token(call: Call) -> web.StreamResponse:
    """Make a token; only its hash is kept."""
    wanted: TokenWanted = call.body
    expires_at = None
    if wanted.expires_at is not None:
        if wanted.expires_at <= datetime.now(UTC):
            raise Denied(422, "expires_at is in the past.")
        expires_at = milliseconds_of(wanted.expires_at)
    await require_channels(call, wanted.channels or ())
    scopes = list(dict.fromkeys(wanted.scopes))
    new = NewToken(wanted.name, scopes, wanted.channels, expires_at)
    clear, grant = await call.services.store.writer.do(tokens.create, new)
    return call.answer(TokenMade(token=clear, **_fields(grant)), 201)


async def list_tokens(call: Call) -> web.StreamResponse:
    """Answer with all tokens, revoked ones too."""
    found = await call.services.store.read(tokens.list_tokens)
    return call.answer(Tokens(items=[TokenShown(**_fields(grant)) for grant in found]))


async def revoke_token(call: Call) -> web.StreamResponse:
    """End a token; calls with it fail within seconds."""
    if not await call.services.store.writer.do(tokens.revoke, call.id):
        raise Denied(404, "No such token is in force; see omnigate token list.")
    return web.Response(status=204)


async def check_store(call: Call) -> web.StreamResponse:
    """Check the file, its references and its counters; reads all of it."""
    problems = await call.services.store.read(find_problems)
    return call.answer(Soundness(ok=not problems, problems=problems))


async def begin_round(call: Call) -> web.StreamResponse:
    """Have what is too old forgotten now, and the file made smaller; answers before it is done."""
    call.services.housekeeper.ask()
    return call.answer(_round(call), 202)


async def show_round(call: Call) -> web.StreamResponse:
    """Answer with how far the housekeeping is."""
    return call.answer(_round(call))


def _round(call: Call) -> RoundShown:
    last = call.services.housekeeper.last
    if last is None:
        return RoundShown(running=False, started_at=None, removed={}, error=None)
    return RoundShown(
        running=last.ended_at is None,
        started_at=time_text(last.started_at),
        removed=dict(last.removed),
        error=last.error,
    )


def _fields(grant: Grant) -> dict[str, object]:
    moments = ("created_at", "expires_at", "last_used_at", "revoked_at")
    fields: dict[str, object] = {
        name: None if (moment := getattr(grant, name)) is None else time_text(moment)
        for name in moments
    }
    channels = None if grant.channels is None else sorted(grant.channels)
    return {
        "id": grant.id,
        "name": grant.name,
        "scopes": sorted(grant.scopes),
        "channels": channels,
        **fields,
    }


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/admin/stop",
        summary="Stop the daemon",
        run=stop,
        scope="admin",
        answers=Stopping,
        status=202,
    ),
    Operation(
        method="GET",
        path="/admin/tokens",
        summary="List the tokens",
        run=list_tokens,
        scope="admin",
        answers=Tokens,
    ),
    Operation(
        method="POST",
        path="/admin/tokens",
        summary="Make a token",
        run=make_token,
        scope="admin",
        body=TokenWanted,
        answers=TokenMade,
        status=201,
        errors=(404,),
    ),
    Operation(
        method="DELETE",
        path="/admin/tokens/{id}",
        summary="Revoke a token",
        run=revoke_token,
        scope="admin",
        status=204,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/admin/store/check",
        summary="Check the store",
        run=check_store,
        scope="admin",
        answers=Soundness,
    ),
    Operation(
        method="POST",
        path="/admin/store/prune",
        summary="Forget what is too old now",
        run=begin_round,
        scope="admin",
        answers=RoundShown,
        status=202,
    ),
    Operation(
        method="GET",
        path="/admin/store/prune",
        summary="Show how far the housekeeping is",
        run=show_round,
        scope="admin",
        answers=RoundShown,
    ),
)
