"""Sending part by part: what a crash, a platform that repeats itself or a stop leaves behind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from omnigate import ids
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.store.destinations import Name, register
from omnigate.store.lanes import Claim, claim
from omnigate.store.leases import give_back, void_leases
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.settling import Settlement, settle
from omnigate.store.threads import ChannelKey

CHANNEL = ChannelKey("app", "http", 50)


def queue(desk: Any, destination: int, person: str, parts: int = 1) -> str:
    said = Message(
        id=ids.message_id(), direction="outbound", state="queued", created_at=datetime.now(UTC)
    )
    outgoing = Outgoing(
        channel=CHANNEL,
        destination_id=destination,
        said=said,
        parts=[PartContent(text=f"part {number}") for number in range(parts)],
        address=Address(f"app:{person}"),
        external_id=person,
    )
    desk.run(enqueue, outgoing)
    return said.id


@pytest.fixture
def app(desk: Any) -> int:
    (health,) = desk.run(register, Name("channel", "app"))
    return int(health.destination_id)


def take(desk: Any, destination: int) -> Any:
    (claimed,) = desk.run(claim, Claim(destination, 5, 5, 1, 60_000))
    return claimed.leases


def states(desk: Any, message: str) -> list[tuple[str, str | None]]:
    rows = desk.rows(
        "SELECT state, external_id FROM message_part WHERE message_id = :id ORDER BY number",
        id=message,
    )
    return [tuple(row) for row in rows]


def test_after_a_crash_no_more_is_sent_of_a_message_that_failed(desk: Any, app: int) -> None:
    message = queue(desk, app, "anna", parts=2)
    take(desk, app)
    desk.run(settle_part, PartResult(message, 0, "failed", error="blocked"))
    desk.run(void_leases, None)
    (lease,) = take(desk, app)
    assert lease.items[0].job is None
    assert lease.items[0].ended == "blocked"
    assert [state for state, _ in states(desk, message)] == ["failed", "queued"]


def test_what_was_claimed_but_not_tried_is_not_in_doubt(desk: Any, app: int) -> None:
    queue(desk, app, "anna")
    (lease,) = take(desk, app)
    desk.run(give_back, lease)
    (lease,) = take(desk, app)
    assert lease.items[0].job.doubts == 0
    desk.run(void_leases, None)
    (lease,) = take(desk, app)
    assert lease.items[0].job.doubts == 1, "a crash leaves it in doubt"


def test_whoever_lost_a_lease_takes_nothing_back_of_what_another_tried(desk: Any, app: int) -> None:
    message = queue(desk, app, "anna")
    (lost,) = take(desk, app)
    desk.run(void_leases, None)
    take(desk, app)
    desk.run(give_back, lost)
    assert states(desk, message) == [("sending", None)]
    desk.run(void_leases, None)
    (lease,) = take(desk, app)
    assert lease.items[0].job.doubts == 2, "each of the two may have sent it"
    desk.run(settle_part, PartResult(message, 0, "sent", "1"))
    desk.run(settle_part, PartResult(message, 0, "queued", error="answered 500"))
    assert states(desk, message) == [("sent", "1")], "what is sent is not sent again"


@pytest.mark.parametrize("end", ["queued", "failed", "unknown"])
def test_what_came_of_a_part_under_a_lost_lease_counts_for_nothing(
    desk: Any, app: int, end: Any
) -> None:
    """Whoever works on it now may be sending it at this moment."""
    message = queue(desk, app, "anna")
    (lost,) = take(desk, app)
    desk.run(void_leases, None)
    (held,) = take(desk, app)
    tried = replace(lost.items[0], tried=PartResult(message, 0, end, error="too late"))
    died = Settlement(lost, tried, "dead", last=True, reason="refused", error="too late")
    assert desk.run(settle, died) == [False]
    assert states(desk, message) == [("sending", None)]
    desk.run(settle_part, PartResult(message, 0, "sent", "1"))
    assert desk.run(settle, Settlement(held, held.items[0], "delivered", last=True)) == [True]
    assert states(desk, message) == [("sent", "1")]
    assert desk.rows("SELECT * FROM dead") == []


def test_an_id_that_a_platform_gives_twice_stays_with_the_part_that_had_it_first(
    desk: Any, app: int
) -> None:
    first, second, third = (queue(desk, app, person) for person in ("anna", "bert", "carl"))
    take(desk, app)
    desk.run(settle_part, PartResult(first, 0, "sent", "1"), PartResult(second, 0, "sent", "1"))
    desk.run(settle_part, PartResult(third, 0, "sent", "1"))
    desk.run(settle_part, PartResult(first, 0, "sent", "1"))
    assert states(desk, first) == [("sent", "1")]
    assert states(desk, second) == states(desk, third) == [("sent", None)]


def test_a_part_that_was_sent_after_all_bears_no_error_of_an_earlier_try(
    desk: Any, app: int
) -> None:
    message = queue(desk, app, "anna")
    take(desk, app)
    desk.run(settle_part, PartResult(message, 0, "queued", error="answered 500"))
    desk.run(void_leases, None)
    take(desk, app)
    desk.run(settle_part, PartResult(message, 0, "sent", "1"))
    (row,) = desk.rows(
        "SELECT body FROM event JOIN event_body USING (position) WHERE type = 'message.sent'"
    )
    (part,) = json.loads(row.body)["data"]["message"]["parts"]
    assert part == {"index": 0, "state": "sent", "external_id": "1", "error": None}
