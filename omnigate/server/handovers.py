"""``/v1/handovers``: one-time tokens with which a customer carries on in another channel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from omnigate.flow.handing import (
    LIFETIME_SECONDS,
    LONGEST_LIFETIME_SECONDS,
    SHORTEST_LIFETIME_SECONDS,
)
from omnigate.hosting import Handover, HandoverWay
from omnigate.model.text import Model, ShortText
from omnigate.qr import qr_svg
from omnigate.server.auth import Caller
from omnigate.server.known import require_channels, require_living_conversation
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied
from omnigate.server.unknown import missing
from omnigate.store.handovers import State, StoredHandover, read_handover
from omnigate.store.record import time_text

MOST_CHANNELS: Final = 50


class HandoverAsked(Model):
    """Whose conversation is carried on, and where."""

    conversation: ShortText
    """The one that the customer is in."""
    channels: list[ShortText] | None = Field(None, min_length=1, max_length=MOST_CHANNELS)
    """Where the token is good, once for all of them; by default wherever there is a link for it. Channels
    that only call people take none."""
    lifetime_seconds: float = Field(
        LIFETIME_SECONDS, ge=SHORTEST_LIFETIME_SECONDS, le=LONGEST_LIFETIME_SECONDS
    )
    """How long."""


class HandoverLink(BaseModel):
    """One place where the customer can carry on."""

    channel: str
    kind: str
    url: str
    """Brings the customer there, and the token with them."""
    qr: str | None
    """The same as an image (SVG), to be taken up with a phone; null for a link too long for one."""


class HandoverMade(BaseModel):
    """A token that was made; it is told this once."""

    id: str
    token: str
    """For channels without a link: hand it back as a message's ``handover``."""
    expires_at: str
    links: list[HandoverLink]
    """In the order of the configuration."""


class HandoverShown(BaseModel):
    """What became of a token."""

    id: str
    state: State
    conversation: str
    """The one that it was made in."""
    channels: list[str]
    """Where it is good."""
    created_at: str
    expires_at: str
    used_at: str | None
    used_in: str | None
    """The conversation that it was used in; null too where the caller may not see that."""


async def make(call: Call) -> web.StreamResponse:
    """Make a token, with links and images of them."""
    asked: HandoverAsked = call.body
    source = await require_living_conversation(call, asked.conversation)
    await require_channels(call, asked.channels or ())
    if asked.channels and source.channel in asked.channels:
        raise Denied(
            422,
            f"The conversation is on {source.channel!r} already; name other channels.",
            code="same_channel",
        )
    made = await call.services.handovers.make(
        source.id,
        channels=asked.channels,
        seen=call.caller.channels,
        lifetime_seconds=asked.lifetime_seconds,
    )
    if made is None:
        raise _nowhere(asked.channels)
    return call.answer(await asyncio.to_thread(_made, made), 201)


async def show(call: Call) -> web.StreamResponse:
    """Answer with what became of a token."""
    found = await call.services.store.read(_read, call.id, call.services.store.now(), call.caller)
    if found is None:
        raise missing("handover", call.id)
    return call.answer(found)


def _nowhere(channels: Sequence[str] | None) -> Denied:
    if channels:
        detail = (
            f"There is nowhere to carry on: {', '.join(channels)} cannot take up a customer who "
            "brings a token, or is not at work; leave channels out for all that have links."
        )
    else:
        detail = (
            "There is nowhere to carry on: no channel at work, other than the conversation's own, "
            "has links for it; see omnigate channel list."
        )
    return Denied(422, detail, code="nowhere")


def _made(made: Handover) -> HandoverMade:
    return HandoverMade(
        id=made.id,
        token=made.token,
        expires_at=time_text(int(made.expires_at.timestamp() * 1000)),
        links=_links(made.ways),
    )


def _links(ways: Sequence[HandoverWay]) -> list[HandoverLink]:
    return [
        HandoverLink(channel=way.channel, kind=way.kind, url=way.url, qr=qr_svg(way.url))
        for way in ways
    ]


def _read(
    connection: Connection, handover_id: str, now: int, caller: Caller
) -> HandoverShown | None:
    found = read_handover(connection, handover_id, now)
    if found is None or not caller.sees(found.channel):
        return None
    return _shown(found, caller)


def _shown(found: StoredHandover, caller: Caller) -> HandoverShown:
    return HandoverShown(
        id=found.id,
        state=found.state,
        conversation=found.conversation_id,
        channels=[name for name in found.channels if caller.sees(name)],
        created_at=time_text(found.created_at),
        expires_at=time_text(found.expires_at),
        used_at=time_text(found.used_at) if found.used_at is not None else None,
        used_in=found.used_in if caller.sees(found.used_on) else None,
    )


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/handovers",
        summary="Make a one-time link with which a customer carries on in another channel",
        run=make,
        scope="messages:send",
        body=HandoverAsked,
        answers=HandoverMade,
        status=201,
        errors=(404, 410),
    ),
    Operation(
        method="GET",
        path="/v1/handovers/{id}",
        summary="Show whether a handover was used, and where",
        run=show,
        scope="messages:read",
        answers=HandoverShown,
        errors=(404,),
    ),
)
