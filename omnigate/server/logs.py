"""``/admin/channels/{name}/log``: what the log said about one channel of late, and what it says now."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, Field
from pydantic_core import from_json

from omnigate.logs import Line, recent
from omnigate.model.text import Model
from omnigate.server.operations import Call, Operation
from omnigate.server.sse import Reader
from omnigate.server.unknown import nobody, not_enabled
from omnigate.store.record import time_text

MOST_LINES: Final = 1000
LOOK_SECONDS: Final = 0.25
"""How often a stream looks for new lines: threads log too, and must not wait for readers."""


class LogQuery(Model):
    """How much is wanted."""

    limit: int = Field(100, ge=0, le=MOST_LINES, description="How many lines at most, the latest.")


class LogLine(BaseModel):
    """One line, secrets masked as in the log itself."""

    number: int
    at: str
    level: str
    event: str
    fields: dict[str, Any]
    """Everything else that it says."""


class LogLines(BaseModel):
    """Lines in the order in which they were written."""

    items: list[LogLine]
    next: None = None


async def show(call: Call) -> web.StreamResponse:
    """Answer with the last lines about a channel."""
    query: LogQuery = call.query
    return call.answer(LogLines(items=[_shown(line) for line in _last(call, query.limit)]))


async def follow(call: Call) -> web.StreamResponse:
    """Send the last lines about a channel and then every new one, until somebody ends it."""
    query: LogQuery = call.query
    name = call.request.match_info["name"]
    lines = _last(call, query.limit)
    seen = max((line.number for line in recent.of(name)), default=0)
    reader = await Reader.begin(call.request)
    while True:
        for line in lines:
            seen = line.number
            await reader.write(f"id: {line.number}\ndata: {_shown(line).model_dump_json()}\n\n")
        if call.services.stream.closed:
            return reader.response
        await asyncio.sleep(LOOK_SECONDS)
        await reader.beat()
        lines = recent.of(name, seen)


def _last(call: Call, limit: int) -> list[Line]:
    """Return the last lines about a channel; raises 404 for one that nobody has heard of."""
    name = call.request.match_info["name"]
    lines = recent.of(name)
    if not lines and name not in call.services.channels():
        if name in call.services.resting():
            raise not_enabled(name)
        raise nobody("channel", name, call.services.channels())
    return lines[-limit:] if limit else []


def _shown(line: Line) -> LogLine:
    return LogLine(
        number=line.number,
        at=time_text(line.at),
        level=line.level,
        event=line.event,
        fields=from_json(line.fields),
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/channels/{name}/log",
        summary="Show the last lines of the log about a channel",
        run=show,
        scope="admin",
        query=LogQuery,
        answers=LogLines,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/admin/channels/{name}/log/stream",
        summary="Follow the log about a channel as server-sent events",
        run=follow,
        scope="admin",
        query=LogQuery,
        answer_type="text/event-stream",
        errors=(404,),
    ),
)
