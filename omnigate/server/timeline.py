"""``/v1/contacts/{id}/timeline``: one customer's story over all channels."""

from __future__ import annotations

from typing import Any, Final, Literal

from aiohttp import web
from pydantic import BaseModel, Field
from pydantic_core import to_json

from omnigate.model.event import EventChannel
from omnigate.model.text import Timestamp
from omnigate.server.contacts import seen_contact
from omnigate.server.operations import Call, Operation, json_answer
from omnigate.server.pages import MAX_PAGE_BYTES, PageQuery, seal, unseal
from omnigate.store.timeline import read_story


class TimelineQuery(PageQuery):
    """Which part of the story is meant."""

    order: Literal["newest", "oldest"] = Field("newest", description="Which end it begins at.")


class TimelineEntry(BaseModel):
    """One thing that was said, called or done."""

    type: str
    """``message``, ``call``, or the type of the event that tells it."""
    at: Timestamp
    """When it happened; a call when it was asked for."""
    id: str
    """Of the message, the call or the event."""
    channel: EventChannel | None
    conversation: str | None
    """Null for what is about the contact itself."""
    data: dict[str, Any]
    """Exactly one object under its noun, as in events; messages and calls as they are now."""


class TimelinePage(BaseModel):
    """A part of the story, from the end that was asked for."""

    items: list[TimelineEntry]
    next: str | None


async def timeline(call: Call) -> web.StreamResponse:
    """Answer with a page of all that was said, called and done, on the channels that the caller may see."""
    query: TimelineQuery = call.query
    contact = await seen_contact(call, call.id)
    place = unseal(query.cursor, str, str)
    order = place[0] if place else query.order
    page = await call.services.store.read(
        read_story,
        contact.id,
        channels=call.caller.channels,
        after=place[1] if place else None,
        newest_first=order == "newest",
        limit=query.limit,
        max_bytes=MAX_PAGE_BYTES,
    )
    following = None if page.following is None else seal(order, page.following)
    items = ",".join(entry.text for entry in page.entries)
    text = f'{{"items":[{items}],"next":{to_json(following).decode()}}}'
    return json_answer(call.services.media.present(text))


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/contacts/{id}/timeline",
        summary="Tell a contact's story over all channels: messages, calls, what else happened",
        run=timeline,
        scope="messages:read",
        query=TimelineQuery,
        answers=TimelinePage,
        errors=(404, 410),
    ),
)
