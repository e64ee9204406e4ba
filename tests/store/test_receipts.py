"""Receipts and results of sends: one end, whatever the order in which the news comes."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations, permutations
from typing import Any, NamedTuple

import pytest

from omnigate import ids
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.model.inbound import Receipt
from omnigate.store.destinations import Name, register
from omnigate.store.idempotency import IdempotencyKey, KeyReused
from omnigate.store.messages import read_messages
from omnigate.store.outbound import Accepted, Outgoing, PartContent, enqueue
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.ranks import RANK, message_state, rises
from omnigate.store.threads import ChannelKey

WHEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
CHANNEL = ChannelKey("app", "http", 50)
STATES = ("sent", "delivered", "read", "failed")
ORDERS = [
    order
    for size in range(5)
    for some in combinations(STATES, size)
    for order in permutations(some)
]


class Outbox(NamedTuple):
    """The way out of one channel."""

    desk: Any
    destination_id: int

    def queue(
        self, parts: int = 1, key: IdempotencyKey | None = None, text: str = "hello"
    ) -> Accepted:
        said = Message(
            id=ids.message_id(),
            direction="outbound",
            state="queued",
            created_at=WHEN,
            text=text,
        )
        outgoing = Outgoing(
            channel=CHANNEL,
            destination_id=self.destination_id,
            said=said,
            parts=[PartContent(text=f"{text} {number}") for number in range(parts)],
            address=Address("app:anna"),
            external_id="anna",
            key=key,
        )
        (accepted,) = self.desk.run(enqueue, outgoing)
        return Accepted(*accepted)

    def receipt(self, external_id: str, state: str) -> None:
        self.desk.put(
            Receipt(
                external_id=f"receipt:{state}:{external_id}",
                conversation="anna",
                occurred_at=WHEN,
                message_id=external_id,
                state=state,
            )
        )

    def settle(
        self,
        message: str,
        part: int,
        state: str,
        external_id: str | None = None,
        error: str | None = None,
    ) -> Any:
        result = PartResult(message, part, state, external_id, error)  # type: ignore[arg-type]  # one of the four
        (following,) = self.desk.run(settle_part, result)
        return following

    def state(self, message: str) -> str:
        with self.desk.engine.begin() as connection:
            return str(read_messages(connection, [message])[message].state)

    def error(self, message: str) -> str | None:
        with self.desk.engine.begin() as connection:
            return read_messages(connection, [message])[message].error

    def events(self, message: str) -> list[str]:
        rows = self.desk.rows(
            "SELECT type FROM event WHERE message_id = :id ORDER BY position", id=message
        )
        return [row.type.removeprefix("message.") for row in rows]


@pytest.fixture
def outbox(desk: Any) -> Outbox:
    (health,) = desk.run(register, Name("channel", "app"))
    return Outbox(desk, health.destination_id)


def test_receipts_end_in_one_state_in_whatever_order_they_come_before_and_after_the_send(
    outbox: Outbox,
) -> None:
    ends: dict[frozenset[str], set[str]] = {}
    for order in ORDERS:
        for early in range(len(order) + 1):
            message = outbox.queue().id
            theirs = f"p-{message}"
            for state in order[:early]:
                outbox.receipt(theirs, state)
            outbox.settle(message, 0, "sent", theirs)
            for state in order[early:]:
                outbox.receipt(theirs, state)
            ends.setdefault(frozenset(order), set()).add(outbox.state(message))
            told = outbox.events(message)
            assert told[0] == "sent"
            assert [RANK[state] for state in told] == sorted({RANK[state] for state in told}), order
    for states, found in ends.items():
        assert found == {max({"sent", *states}, key=RANK.__getitem__)}


def test_a_state_that_only_proof_may_leave_is_left_by_proof_alone() -> None:
    assert rises("unknown", "sent"), "a late answer proves that it was taken"
    assert rises("unknown", "failed")
    assert rises("failed", "delivered"), "it did arrive"
    assert not rises("failed", "sent")
    assert not rises("failed", "unknown")
    assert not rises("read", "failed")
    for state in RANK:
        assert not rises(state, state)


def test_a_message_is_as_far_as_its_last_part_and_fails_with_any() -> None:
    assert message_state(["read", "sent", "delivered"]) == "sent"
    assert message_state(["sent", "queued"]) == "queued"
    assert message_state(["sent", "unknown", "failed"]) == "failed"
    assert message_state(["sent", "unknown"]) == "unknown"


def test_parts_go_out_one_by_one_and_the_message_is_sent_with_the_last(outbox: Outbox) -> None:
    message = outbox.queue(parts=3).id
    second = outbox.settle(message, 0, "sent", "p-0")
    assert (second.part.index, second.part.parts, second.part.text) == (1, 3, "hello 1")
    assert outbox.events(message) == []
    third = outbox.settle(message, 1, "sent", "p-1")
    assert third.part.id == f"{message}.2"
    assert outbox.settle(message, 2, "sent", "p-2") is None
    assert outbox.events(message) == ["sent"]
    for number in range(3):
        outbox.receipt(f"p-{number}", "read")
    assert outbox.state(message) == "read"
    assert outbox.events(message) == ["sent", "read"]


@pytest.mark.parametrize("end", ["failed", "unknown"])
def test_what_follows_of_other_parts_is_no_news_of_a_message_that_has_ended(
    outbox: Outbox, end: str
) -> None:
    message = outbox.queue(parts=2).id
    outbox.settle(message, 0, "sent", "p-0")
    outbox.settle(message, 1, end, error="number is barred")
    outbox.receipt("p-0", "delivered")
    assert outbox.events(message) == [end]
    assert outbox.error(message) == "number is barred"


def test_a_message_that_is_only_unknown_by_now_says_what_that_part_did_of_it(
    outbox: Outbox,
) -> None:
    message = outbox.queue(parts=2).id
    outbox.settle(message, 0, "sent", "p-0")
    outbox.receipt("p-0", "failed")
    outbox.settle(message, 1, "unknown", error="no answer")
    assert (outbox.state(message), outbox.events(message)) == ("failed", ["failed"])
    outbox.receipt("p-0", "delivered")
    assert (outbox.state(message), outbox.error(message)) == ("unknown", "no answer")
    assert outbox.events(message) == ["failed", "unknown"]


def test_a_part_that_was_surely_not_sent_is_queued_again_without_an_event(outbox: Outbox) -> None:
    message = outbox.queue().id
    outbox.settle(message, 0, "queued")
    assert outbox.events(message) == []
    assert outbox.state(message) in ("queued", "sending")


def test_an_idempotency_key_gives_one_answer_and_refuses_another_body(outbox: Outbox) -> None:
    key = IdempotencyKey("token", "k-1", "body-1")
    first = outbox.queue(key=key)
    assert outbox.queue(key=key) == first
    assert outbox.queue(key=IdempotencyKey("other token", "k-1", "body-2")) != first
    with pytest.raises(KeyReused):
        outbox.queue(key=IdempotencyKey("token", "k-1", "body-2"))
    assert outbox.desk.rows("SELECT count(*) FROM message")[0][0] == 2
