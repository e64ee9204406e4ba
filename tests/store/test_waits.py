"""Who waits for an answer: from the first message of a person to the first answer of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from omnigate import ids
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.model.inbound import ButtonPressed, ConversationClosed, EchoMessage, Profile, Receipt
from omnigate.store.clock import SetBack, set_back
from omnigate.store.conversations import StatusChange, change_status
from omnigate.store.destinations import Name, register
from omnigate.store.erase import Removal, remove_person
from omnigate.store.ingest import Intake, ingest
from omnigate.store.lanes import Claim, claim
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.overdue import tell_overdue
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.prune import Ages, prune
from omnigate.store.threads import ChannelKey

CHANNEL = ChannelKey("app", "http", 50, 60_000)
BEGIN = 1_800_000_000_000
Say = Callable[..., Any]


def put(desk: Any, *items: Any, channel: ChannelKey = CHANNEL) -> None:
    desk.run(ingest, Intake(channel, items))


def later(desk: Any, said: Say, seconds: float, external_id: str, **more: Any) -> Any:
    """Move the clock and return what was said just then."""
    desk.now += int(seconds * 1000)
    item = said(external_id, **more)
    return item.model_copy(update={"occurred_at": at(desk.now)})


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def waits(desk: Any) -> list[tuple[Any, ...]]:
    """Return all waits: (seconds since the beginning, until, outcome, first, told of)."""
    rows = desk.rows("SELECT since, ended_at, outcome, first, overdue_at FROM wait ORDER BY id")
    return [
        (
            (row.since - BEGIN) / 1000,
            None if row.ended_at is None else (row.ended_at - BEGIN) / 1000,
            row.outcome,
            bool(row.first),
            row.overdue_at is not None,
        )
        for row in rows
    ]


def waiting(desk: Any) -> list[float]:
    rows = desk.rows("SELECT waiting_since FROM conversation WHERE waiting_since IS NOT NULL")
    return [(row.waiting_since - BEGIN) / 1000 for row in rows]


def answer(desk: Any, *, automatic: bool = False, parts: int = 1) -> str:
    """Queue an answer and have its parts begun; nothing is sent yet."""
    (app,) = desk.run(register, Name("channel", "app"))
    [conversation] = desk.rows("SELECT id, address FROM conversation")
    said = Message(
        id=ids.message_id(),
        direction="outbound",
        state="queued",
        created_at=at(desk.now),
        text="hello",
        automatic=automatic,
    )
    desk.run(
        enqueue,
        Outgoing(
            channel=CHANNEL,
            destination_id=app.destination_id,
            said=said,
            parts=[PartContent(text=f"part {number}") for number in range(parts)],
            conversation_id=conversation.id,
            address=Address(conversation.address),
        ),
    )
    desk.run(claim, Claim(app.destination_id, lanes=5, depth=1, lease_ms=60_000, retrying=5))
    return said.id


def test_a_customer_waits_from_the_first_message_that_nobody_answered(desk: Any, said: Say) -> None:
    put(desk, said("m1"))
    put(desk, later(desk, said, 10, "m2"), later(desk, said, 5, "m3"))
    assert waits(desk) == [(0, None, None, True, False)]
    assert waiting(desk) == [0]


def test_an_answer_ends_the_wait_when_all_of_it_was_sent_and_not_before(
    desk: Any, said: Say
) -> None:
    put(desk, said("m1"))
    desk.now += 20_000
    message = answer(desk, parts=2)
    assert waiting(desk) == [0], "it is only queued"
    desk.run(settle_part, PartResult(message, 0, "sent", "x-0"))
    assert waiting(desk) == [0], "half of it is sent"
    desk.run(settle_part, PartResult(message, 1, "sent", "x-1"))
    assert waits(desk) == [(0, 20, "answered", True, False)]
    assert waiting(desk) == []


def test_what_failed_and_what_a_machine_wrote_is_no_answer(desk: Any, said: Say) -> None:
    put(desk, said("m1"))
    desk.run(settle_part, PartResult(answer(desk, automatic=True), 0, "sent", "x-0"))
    desk.run(settle_part, PartResult(answer(desk), 0, "failed", error="blocked"))
    desk.run(settle_part, PartResult(answer(desk), 0, "unknown", error="no reply"))
    assert waiting(desk) == [0]
    assert waits(desk) == [(0, None, None, True, False)]


def test_a_machine_waits_for_no_answer(desk: Any, said: Say) -> None:
    put(desk, said("m1", automatic=True))
    assert waits(desk) == []
    put(desk, later(desk, said, 3, "m2"))
    assert waiting(desk) == [3]


def test_a_receipt_of_an_earlier_answer_ends_no_wait(desk: Any, said: Say) -> None:
    put(desk, said("m1"))
    desk.run(settle_part, PartResult(answer(desk), 0, "sent", "x-0"))
    put(desk, later(desk, said, 10, "m2"))
    put(desk, said("r1", item=Receipt, message_id="x-0", state="read"))
    assert waiting(desk) == [10]
    assert waits(desk) == [(0, 0, "answered", True, False), (10, None, None, False, False)]


def test_an_answer_that_is_known_only_by_its_receipt_ends_the_wait(desk: Any, said: Say) -> None:
    put(desk, said("m1"))
    message = answer(desk)
    receipt = later(
        desk, said, 7, "r1", item=Receipt, message_id="x-0", part=f"{message}.0", state="delivered"
    )
    put(desk, receipt)
    desk.run(settle_part, PartResult(message, 0, "sent", "x-0"))
    assert waits(desk) == [(0, 7, "answered", True, False)]


def test_an_answer_given_on_the_platform_ends_the_wait(desk: Any, said: Say) -> None:
    customer = Profile.model_validate({"address": "app:c-1"})
    put(desk, said("m1"))
    put(desk, later(desk, said, 4, "e1", item=EchoMessage, recipient=customer, text="there"))
    assert waits(desk) == [(0, 4, "answered", True, False)]


def test_one_batch_may_ask_answer_and_ask_again(desk: Any, said: Say) -> None:
    customer = Profile.model_validate({"address": "app:c-1"})
    first = said("m1")
    echo = later(desk, said, 5, "e1", item=EchoMessage, recipient=customer, text="there")
    put(desk, first, echo, later(desk, said, 5, "m2"))
    assert waits(desk) == [(0, 5, "answered", True, False), (10, None, None, False, False)]
    assert waiting(desk) == [10]


def test_a_pressed_button_wants_an_answer(desk: Any, said: Say) -> None:
    put(desk, said("b1", item=ButtonPressed, payload="call me"))
    assert waiting(desk) == [0]


@pytest.mark.parametrize("by", ["customer", "api"])
def test_closing_ends_the_wait_whoever_does_it(desk: Any, said: Say, by: str) -> None:
    put(desk, said("m1"))
    desk.now += 9000
    if by == "customer":
        closed = said("x1", item=ConversationClosed)
        put(desk, closed.model_copy(update={"occurred_at": at(desk.now)}))
    else:
        [row] = desk.rows("SELECT id FROM conversation")
        desk.run(change_status, StatusChange(row.id, "closed", "api"))
    assert waits(desk) == [(0, 9, "closed", True, False)]
    assert waiting(desk) == []
    put(desk, later(desk, said, 1, "m2"))
    assert waits(desk)[1] == (10, None, None, True, False), "still nobody has answered"


def test_erasing_the_customer_ends_the_wait(desk: Any, said: Say) -> None:
    put(desk, said("m1"))
    [row] = desk.rows("SELECT contact_id FROM conversation")
    desk.run(remove_person, Removal([row.contact_id]))
    assert [known[2] for known in waits(desk)] == ["erased"]
    assert waiting(desk) == []
    desk.now += 3_600_000
    assert desk.run(tell_overdue, 10) == [0]


def test_a_wrong_clock_makes_nobody_wait_for_years_or_from_tomorrow_on(
    desk: Any, said: Say
) -> None:
    future = said("m1", "c-1").model_copy(update={"occurred_at": at(BEGIN + 10**9)})
    past = said("m2", "c-2").model_copy(update={"occurred_at": at(0)})
    put(desk, future, past)
    assert waiting(desk) == [0, -24 * 3600]


def overdue(desk: Any) -> list[dict[str, Any]]:
    rows = desk.rows(
        "SELECT body FROM event JOIN event_body USING (position)"
        " WHERE type = 'conversation.overdue' ORDER BY position"
    )
    return [json.loads(row.body) for row in rows]


def test_a_wait_is_told_of_once_when_its_target_has_passed(desk: Any, said: Say) -> None:
    desk.add_backend("crm")
    put(desk, said("m1"))
    put(desk, later(desk, said, 59.9, "m2"))
    assert desk.run(tell_overdue, 10) == [0]
    desk.now += 100
    assert desk.run(tell_overdue, 10) == [1]
    assert desk.run(tell_overdue, 10) == [0]
    [event] = overdue(desk)
    [first] = desk.rows("SELECT message_id FROM event WHERE type = 'message.received' LIMIT 1")
    assert event["data"]["wait"] == {
        "since": "2027-01-15T08:00:00.000Z",
        "target_seconds": 60.0,
        "message": first.message_id,
        "first": True,
    }
    assert event["timestamp"] == "2027-01-15T08:01:00.000Z"
    assert event["sequence"] == 4, "it has its place in the conversation"
    desk.run(settle_part, PartResult(answer(desk), 0, "sent", "x-0"))
    put(desk, later(desk, said, 1, "m3"))
    desk.now += 60_000
    assert desk.run(tell_overdue, 10) == [1], "another wait, another time"
    assert overdue(desk)[1]["data"]["wait"]["first"] is False


def test_who_was_answered_or_has_no_target_is_never_overdue(desk: Any, said: Say) -> None:
    put(desk, said("m1"))
    desk.run(settle_part, PartResult(answer(desk), 0, "sent", "x-0"))
    put(desk, said("m2", "c-2"), channel=CHANNEL._replace(target_ms=None))
    desk.now += 10**9
    assert desk.run(tell_overdue, 10) == [0]


def test_a_new_target_holds_for_waits_that_begin_with_it(desk: Any, said: Say) -> None:
    put(desk, said("m1", "c-1"))
    slower = CHANNEL._replace(target_ms=600_000)
    put(desk, said("m2", "c-1"), said("m3", "c-2"), channel=slower)
    desk.now += 60_000
    assert desk.run(tell_overdue, 10) == [1]
    desk.now += 540_000
    assert desk.run(tell_overdue, 10) == [1]


def test_many_are_told_of_in_turns_the_longest_due_first(desk: Any, said: Say) -> None:
    for number in range(5):
        put(desk, later(desk, said, 1, f"m{number}", conversation=f"c-{number}"))
    desk.now += 60_000
    assert [desk.run(tell_overdue, 2)[0] for _ in range(4)] == [2, 2, 1, 0]
    told = [event["conversation"]["external_id"] for event in overdue(desk)]
    assert told == [f"c-{number}" for number in range(5)]


def test_a_clock_that_is_set_back_keeps_the_rest_of_a_wait(desk: Any, said: Say) -> None:
    put(desk, said("m1"))
    desk.now += 20_000
    desk.now -= 3_600_000
    desk.run(set_back, SetBack(3_600_000, 60_000))
    desk.now += 39_000
    assert desk.run(tell_overdue, 10) == [0]
    desk.now += 1000
    assert desk.run(tell_overdue, 10) == [1]


def test_who_waits_already_costs_no_statement_more(desk: Any, said: Say) -> None:
    seen: list[str] = []
    with desk.engine.connect() as connection:
        connection.connection.driver_connection.set_trace_callback(seen.append)
    put(desk, said("m1"))
    assert sum("INTO wait" in text for text in seen) == 1
    seen.clear()
    put(desk, *(later(desk, said, 1, f"n{number}") for number in range(20)))
    assert seen
    assert not [text for text in seen if "INTO wait" in text or "UPDATE wait" in text]


def test_waits_of_long_ago_are_forgotten_and_their_customers_wait_all_the_same(
    desk: Any, said: Say
) -> None:
    day = 86_400_000
    put(desk, said("m1"))
    desk.now += day
    put(desk, later(desk, said, 0, "m2", conversation="c-2"))
    desk.now += day
    ages = Ages(*(1000 * day for _ in Ages._fields))._replace(waits=day + 1)
    assert desk.run(prune, ages) == [{"wait": 1}]
    assert [known[0] for known in waits(desk)] == [86_400]
    assert waiting(desk) == [0, 86_400]
    customer = Profile.model_validate({"address": "app:c-1"})
    put(desk, later(desk, said, 0, "e1", item=EchoMessage, recipient=customer, text="sorry"))
    assert waiting(desk) == [86_400]
