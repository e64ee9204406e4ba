"""``/v1/events``: the log for CRMs that cannot receive webhooks, by long poll or as a stream.

A cursor is a place in the log of all events, whatever types are asked for; the identifier of an event
is understood as one too. Nothing is acknowledged: who keeps its cursor misses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from aiohttp import web
from pydantic import Field
from sqlalchemy import Connection

from omnigate import ids
from omnigate.model.event import Envelope, Event, EventType
from omnigate.model.text import Model
from omnigate.server.auth import OPERATOR, Caller
from omnigate.server.envelopes import page_of, text_of, wanted_types
from omnigate.server.limited import envelope_for
from omnigate.server.operations import Call, Operation, json_answer
from omnigate.server.pages import MAX_LIMIT, MAX_PAGE_BYTES, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.shapes import EventPage
from omnigate.server.sse import Reader
from omnigate.server.unknown import missing
from omnigate.store import history
from omnigate.store.transaction import RecordedEvent

MAX_WAIT_SECONDS: Final = 60
CHECK_SECONDS: Final = 4.0
"""How often a stream looks whether its token is still good."""
STREAMS_PER_TOKEN: Final = 20
END: Final = "end"

_BATCH: Final = 100


class Position(NamedTuple):
    """What was read of the log."""

    events: Sequence[RecordedEvent]
    end: int
    """Up to where the log was looked at."""
    more: bool
    """Perhaps there is more before that end of the log that was seen."""


class EventQuery(Model):
    """Which events are meant."""

    types: str | None = Field(
        None, max_length=2000, description="Types, separated by commas; message.* is understood."
    )
    after: str | None = Field(
        None,
        max_length=300,
        description="A cursor, an event's id, or `end` for what happens from now on.",
    )


class PollQuery(EventQuery):
    """How long to wait, and for how much."""

    wait: int = Field(
        0, ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait when there is nothing yet."
    )
    limit: int = Field(100, ge=1, le=MAX_LIMIT, description="How many items at most.")


class StreamQuery(EventQuery):
    """What the stream is to carry."""

    ephemeral: bool = Field(False, description="Also typing, presence and page views.")


async def poll(call: Call) -> web.StreamResponse:
    """Answer with what comes after the cursor, waiting for it if there is nothing yet."""
    query: PollQuery = call.query
    types = wanted_types(query.types, operator=call.caller is OPERATOR)
    position = await _place(call, query.after, default=0)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + query.wait
    while True:
        found = await call.services.store.read(_read, position, query.limit, types, call.caller)
        position = found.end
        left_seconds = ends_at - loop.time()
        if found.events or left_seconds <= 0:
            break
        if not await call.services.stream.wait_beyond(position, left_seconds):
            break
    media = call.services.media
    return json_answer(page_of(media, found.events, seal(position), call.caller))


async def show(call: Call) -> web.StreamResponse:
    """Answer with one event as it was recorded."""
    found = None
    if ids.is_id(call.id, "evt"):
        found = await call.services.store.read(history.event_called, call.id)
    if found is None or not call.caller.sees(found.channel):
        raise missing("event", call.id)
    return json_answer(text_of(call.services.media, found, call.caller))


async def stream(call: Call) -> web.StreamResponse:
    """Send events as they come, as server-sent events, until somebody ends it.

    Each carries its cursor as ``id``, so a browser or client resumes by itself (Last-Event-ID); fleeting
    events carry none. Source: HTML Living Standard, section 9.2.
    """
    query: StreamQuery = call.query
    types = wanted_types(query.types, operator=call.caller is OPERATOR)
    after = call.request.headers.get("Last-Event-ID", "").strip() or query.after or END
    position = await _place(call, after, default=0)
    news = call.services.stream
    with _one_more(call), news.subscribe_ephemeral() as fleeting:
        reader = await Reader.begin(call.request)
        while not news.closed:
            position = await _send_new(call, reader, position, types)
            while query.ephemeral and not fleeting.empty():
                await _send_fleeting(call, reader, fleeting.get_nowait(), types)
            # Nothing may be awaited between the emptying and the waiting, or news could pass unseen.
            if not await news.wait_beyond(position, CHECK_SECONDS, or_ephemeral=query.ephemeral):
                await reader.beat()
            if not await call.is_still_allowed():
                break
        return reader.response


async def _send_new(
    call: Call, reader: Reader, position: int, types: frozenset[EventType] | None
) -> int:
    """Send what stands beyond the position; return up to where the log was read."""
    while True:
        found = await call.services.store.read(_read, position, _BATCH, types, call.caller)
        for event in found.events:
            data = text_of(call.services.media, event, call.caller)
            await reader.write(f"id: {seal(event.position)}\nevent: {event.type}\ndata: {data}\n\n")
        position = found.end
        if not found.more:
            return position


async def _send_fleeting(
    call: Call, reader: Reader, event: Event, types: frozenset[EventType] | None
) -> None:
    channel = event.envelope.channel
    if types is not None and event.type not in types:
        return
    if call.caller.sees(channel.name if channel else None):
        data = envelope_for(call.caller, event.body.decode())
        await reader.write(f"event: {event.type}\ndata: {data}\n\n")


async def _place(call: Call, after: str | None, *, default: int) -> int:
    """Return the position in the log that a cursor, an event's id or ``end`` stands for."""
    if after is None:
        return default
    if after == END:
        return await call.services.store.read(history.log_end)
    if ids.is_id(after, "evt"):
        found = await call.services.store.read(history.position_of, after)
        if found is None:
            raise Denied(
                400,
                f"There is no event {after} (any more); begin without after, or with a later one.",
            )
        return found
    try:
        place = unseal(after, int)
    except Denied:
        raise Denied(
            400,
            "after is none of: the id of an event (evt_…), next of an answer before, end.",
        ) from None
    return place[0] if place else default


def _read(
    connection: Connection,
    position: int,
    limit: int,
    types: frozenset[EventType] | None,
    caller: Caller,
) -> Position:
    # Looked at first: what comes meanwhile is beyond it.
    end = max(position, history.log_end(connection))
    found, more = history.read_log(
        connection,
        after=position,
        limit=limit,
        max_bytes=MAX_PAGE_BYTES,
        types=types,
        channels=caller.channels,
    )
    return Position(found, found[-1].position if more else end, more)


@contextmanager
def _one_more(call: Call) -> Iterator[None]:
    """Count a stream of the caller's; raises 429 when there are too many."""
    if call.streams[call.caller.id] >= STREAMS_PER_TOKEN:
        raise Denied(
            429,
            f"A token may have {STREAMS_PER_TOKEN} streams open; close one first.",
            headers={"Retry-After": "5"},
        )
    call.streams[call.caller.id] += 1
    try:
        yield
    finally:
        call.streams[call.caller.id] -= 1
        if not call.streams[call.caller.id]:
            del call.streams[call.caller.id]


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/events",
        summary="Read the log of events after a cursor, waiting for more if need be",
        run=poll,
        scope="events:read",
        query=PollQuery,
        answers=EventPage,
    ),
    Operation(
        method="GET",
        path="/v1/events/stream",
        summary="Follow the log of events as server-sent events",
        run=stream,
        scope="events:read",
        query=StreamQuery,
        answer_type="text/event-stream",
        errors=(429,),
        headers=(("Last-Event-ID", "Resumes after this one: the last `id` that was received."),),
    ),
    Operation(
        method="GET",
        path="/v1/events/{id}",
        summary="Show an event as it was recorded",
        run=show,
        scope="events:read",
        answers=Envelope,
        errors=(404,),
    ),
)
