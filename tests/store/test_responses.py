"""Figures of how quickly customers are answered are those of a plain count by hand."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest
from sqlalchemy import insert

from omnigate.store.responses import (
    Queue,
    Span,
    read_queues,
    read_records,
    read_times,
)
from omnigate.store.schema import wait

BEGIN = 1_800_000_000_000
HOUR = 3_600_000


def fill(desk: Any, *rows: dict[str, Any]) -> None:
    usual = {
        "conversation_id": "cnv_1",
        "channel": "app",
        "message_id": None,
        "target_ms": 60_000,
        "due_at": None,
        "first": True,
        "overdue_at": None,
        "ended_at": None,
        "outcome": None,
    }
    with desk.engine.begin() as connection:
        connection.execute(insert(wait), [{**usual, **row} for row in rows])


def answered(since: int, took: int, **more: Any) -> dict[str, Any]:
    return {"since": since, "ended_at": since + took, "outcome": "answered", **more}


def test_who_waits_now_is_counted_whenever_it_began(desk: Any) -> None:
    fill(
        desk,
        {"since": BEGIN - 100 * HOUR, "overdue_at": BEGIN},
        {"since": BEGIN},
        {"since": BEGIN, "channel": "mail"},
        answered(BEGIN, 5),
    )
    with desk.engine.connect() as connection:
        assert read_queues(connection) == {
            "app": Queue(2, BEGIN - 100 * HOUR, 1),
            "mail": Queue(1, BEGIN, 0),
        }


def test_what_is_counted_of_a_time_are_the_waits_that_began_in_it(desk: Any) -> None:
    fill(
        desk,
        answered(BEGIN - 1, 10),
        answered(BEGIN, 10 * HOUR, overdue_at=BEGIN + 60_000),
        answered(BEGIN + HOUR - 1, 10, first=False),
        {"since": BEGIN, "ended_at": BEGIN + 9, "outcome": "closed"},
        {"since": BEGIN, "overdue_at": BEGIN + 60_000},
        answered(BEGIN + HOUR, 10),
        answered(BEGIN, 10, channel="mail"),
    )
    span = Span(BEGIN, BEGIN + HOUR, {"app"})
    with desk.engine.connect() as connection:
        assert read_records(connection, span) == {"app": (4, 2, 1, 2)}
        assert read_times(connection, span, first=True)["app"].answers == 1
        assert read_times(connection, span, first=False)["app"].answers == 2
        everything = read_records(connection, span._replace(channels=None))
        assert everything["mail"] == (1, 1, 0, 0)
        assert read_times(connection, span._replace(channels=()), first=False) == {}


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 100, 137])
def test_median_and_ninetieth_percentile_are_times_that_somebody_waited(
    desk: Any, count: int
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    took = [chance.randrange(50) * 1000 for _ in range(count)]
    fill(desk, *(answered(BEGIN + number, one) for number, one in enumerate(took)))
    with desk.engine.connect() as connection:
        known = read_times(connection, Span(BEGIN, BEGIN + HOUR), first=True)["app"]
    took.sort()
    assert known.answers == count
    assert known.median == statistics.median_low(took)
    assert sum(one <= known.ninetieth for one in took) >= 0.9 * count
    assert sum(one < known.ninetieth for one in took) < 0.9 * count
    assert known.average == pytest.approx(statistics.fmean(took))
