"""How quickly customers are answered: who waits now, and what became of the waits of some time.

What is counted of a time are the waits that began in it, whenever they ended: a wait is in one time only.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    bindparam,
    case,
    cast,
    func,
    select,
)

from omnigate.store.schema import call, wait


class Queue(NamedTuple):
    """The customers of a channel who wait for an answer now."""

    waiting: int = 0
    longest_since: int | None = None
    """Since when the first of them waits, in milliseconds since 1970."""
    overdue: int = 0
    """How many of them wait longer than their target allowed."""


class Times(NamedTuple):
    """How long some waits took that ended with an answer, in milliseconds."""

    answers: int
    """How many they were."""
    median: int
    ninetieth: int
    """Nine of ten took no longer."""
    average: float


class Record(NamedTuple):
    """What became of the waits of one channel that began in some time."""

    began: int = 0
    answered: int = 0
    closed: int = 0
    missed: int = 0
    """Became overdue, whatever became of them then."""


class Span(NamedTuple):
    """A stretch of time, in milliseconds since 1970, the end not included."""

    since: int
    until: int
    channels: Collection[str] | None = None
    """Only these."""


def read_queues(connection: Connection) -> dict[str, Queue]:
    """Return who waits now, by channel; takes about a microsecond for each who does."""
    return {
        row.channel: Queue(row.waiting, row.longest_since, row.overdue)
        for row in connection.execute(_QUEUES)
    }


def read_records(connection: Connection, span: Span) -> dict[str, Record]:
    """Return what became of waits, by channel; channels without any are left out."""
    query = _of(span, _RECORDS, wait.c.channel)
    rows = connection.execute(query, {"since": span.since, "until": span.until})
    return {row.channel: Record(*row[1:]) for row in rows}


def read_times(connection: Connection, span: Span, *, first: bool) -> dict[str, Times]:
    """Return how long answers took, by channel; with ``first`` only the first in their conversation."""
    ranked = _ANSWERED.where(wait.c.first.is_(True)) if first else _ANSWERED
    query = _times(_of(span, ranked, wait.c.channel))
    rows = connection.execute(query, {"since": span.since, "until": span.until})
    return {row.channel: Times(*row[1:]) for row in rows}


def read_calls(connection: Connection, span: Span) -> dict[str, dict[str, int]]:
    """Return how many calls that were asked for in some time ended how, by channel and state."""
    found: dict[str, dict[str, int]] = {}
    query = _of(span, _CALLS, call.c.channel)
    for row in connection.execute(query, {"since": span.since, "until": span.until}):
        found.setdefault(row.channel, {})[row.state] = row.ended
    return found


def _of(span: Span, query: Select[Any], channel: ColumnElement[str]) -> Select[Any]:
    return query if span.channels is None else query.where(channel.in_(sorted(span.channels)))


def _times(ranked: Select[Any]) -> Select[Any]:
    """Return the query for times by the nearest rank: each is one that a customer really waited."""
    known = ranked.subquery()

    def at_rank(rank: ColumnElement[int]) -> ColumnElement[int]:
        return func.max(case((known.c.rank == rank, known.c.took)))

    return select(
        known.c.channel,
        func.count().label("answers"),
        at_rank((known.c.total + 1) // 2),
        at_rank((known.c.total * 9 + 9) // 10),
        func.avg(cast(known.c.took, Float)),
    ).group_by(known.c.channel)


_TOOK: Final = wait.c.ended_at - wait.c.since
_BEGAN: Final = (wait.c.since >= bindparam("since"), wait.c.since < bindparam("until"))
_QUEUES: Final = (
    select(
        wait.c.channel,
        func.count().label("waiting"),
        func.min(wait.c.since).label("longest_since"),
        func.count(wait.c.overdue_at).label("overdue"),
    )
    .where(wait.c.ended_at.is_(None))
    .group_by(wait.c.channel)
)
_RECORDS: Final = (
    select(
        wait.c.channel,
        func.count(),
        func.count(case((wait.c.outcome == "answered", 1))),
        func.count(case((wait.c.outcome == "closed", 1))),
        func.count(wait.c.overdue_at),
    )
    .where(*_BEGAN)
    .group_by(wait.c.channel)
)
_ANSWERED: Final = select(
    wait.c.channel,
    _TOOK.label("took"),
    func.row_number().over(partition_by=wait.c.channel, order_by=_TOOK).label("rank"),
    func.count().over(partition_by=wait.c.channel).label("total"),
).where(*_BEGAN, wait.c.outcome == "answered")
_CALLS: Final = (
    select(call.c.channel, call.c.state, func.count().label("ended"))
    .where(
        call.c.created_at >= bindparam("since"),
        call.c.created_at < bindparam("until"),
        call.c.ended_at.is_not(None),
    )
    .group_by(call.c.channel, call.c.state)
)
