"""``/v1/stats``: how quickly customers are answered, by channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from omnigate.model.text import Model, Timestamp
from omnigate.server.known import require_channels
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied
from omnigate.store.record import milliseconds_of, time_text
from omnigate.store.responses import (
    Queue,
    Record,
    Span,
    Times,
    read_calls,
    read_queues,
    read_records,
    read_times,
)

USUAL: Final = timedelta(days=1)


class StatsQuery(Model):
    """Of what the figures are."""

    channel: str | None = Field(None, max_length=100, description="Only of this channel.")
    since: Timestamp | None = Field(
        None, description="Waits that began then or later; a day before the end if unset."
    )
    until: Timestamp | None = Field(None, description="Waits that began before; now if unset.")


class TimesShown(BaseModel):
    """How long customers waited until they were answered."""

    count: int
    median_seconds: float
    p90_seconds: float
    """Nine of ten waited no longer."""
    average_seconds: float


class ChannelStats(BaseModel):
    """One channel."""

    channel: str
    waiting: int
    """Customers who wait for an answer now, since whenever."""
    longest_seconds: float | None
    """How long the first of them has been waiting; null: nobody waits."""
    overdue: int
    """How many of them wait longer than the channel's target allowed."""
    began: int
    """Waits that began in the time asked about; those below are among them."""
    answered: int
    closed: int
    """Ended without an answer, when the conversation was closed."""
    missed: int
    """Became overdue, also if they were answered later."""
    first_response: TimesShown | None
    """Of first answers in a conversation; null: there were none."""
    response: TimesShown | None
    """Of all answers to customers who waited; null: there were none."""
    calls: dict[str, int]
    """Calls that were asked for in that time and have ended, by how."""


class Stats(BaseModel):
    """The figures of a stretch of time."""

    since: str
    until: str
    channels: list[ChannelStats]


class _Found(NamedTuple):
    """All that was read."""

    queues: dict[str, Queue]
    records: dict[str, Record]
    first: dict[str, Times]
    all: dict[str, Times]
    calls: dict[str, dict[str, int]]


async def stats(call: Call) -> web.StreamResponse:
    """Answer with how quickly customers are answered."""
    query: StatsQuery = call.query
    await require_channels(call, [query.channel])
    now = call.services.store.now()
    until = milliseconds_of(query.until) if query.until else now
    usual = until - int(USUAL.total_seconds() * 1000)
    since = milliseconds_of(query.since) if query.since else usual
    if since >= until:
        raise Denied(422, "since must be before until.", code="since")
    channels = call.caller.channels if query.channel is None else frozenset({query.channel})
    found = await call.services.store.read(_read, Span(since, until, channels))
    names = {
        name
        for name in (*call.services.channels(), *found.queues, *found.records, *found.calls)
        if channels is None or name in channels
    }
    shown = [_shown(name, found, now) for name in sorted(names)]
    return call.answer(Stats(since=time_text(since), until=time_text(until), channels=shown))


def _read(connection: Connection, span: Span) -> _Found:
    return _Found(
        read_queues(connection),
        read_records(connection, span),
        read_times(connection, span, first=True),
        read_times(connection, span, first=False),
        read_calls(connection, span),
    )


def _shown(name: str, found: _Found, now: int) -> ChannelStats:
    queue, record = found.queues.get(name, Queue()), found.records.get(name, Record())
    longest = queue.longest_since
    return ChannelStats(
        channel=name,
        waiting=queue.waiting,
        longest_seconds=None if longest is None else max(0, now - longest) / 1000,
        overdue=queue.overdue,
        began=record.began,
        answered=record.answered,
        closed=record.closed,
        missed=record.missed,
        first_response=_times(found.first.get(name)),
        response=_times(found.all.get(name)),
        calls=found.calls.get(name, {}),
    )


def _times(known: Times | None) -> TimesShown | None:
    if known is None:
        return None
    return TimesShown(
        count=known.answers,
        median_seconds=known.median / 1000,
        p90_seconds=known.ninetieth / 1000,
        average_seconds=round(known.average / 1000, 3),
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/stats",
        summary="Show how quickly customers are answered, by channel",
        run=stats,
        scope="messages:read",
        query=StatsQuery,
        answers=Stats,
        errors=(404, 422),
    ),
)
