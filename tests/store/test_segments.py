"""A part that was sent in several pieces: each has receipts, and the part is as far as all of them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from omnigate import ids
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.model.inbound import Receipt
from omnigate.store import segments
from omnigate.store.conversationreads import conversations_of_messages
from omnigate.store.destinations import Name, register
from omnigate.store.messages import read_messages
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.ranks import RANK
from omnigate.store.threads import ChannelKey

WHEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
CHANNEL = ChannelKey("app", "http", 50)
PIECES = ("s-1", "s-2", "s-3")


class Texts:
    """A message in one part, sent in pieces."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        (health,) = desk.run(register, Name("channel", "app"))
        self.destination_id = health.destination_id

    def queue(self) -> str:
        said = Message(
            id=ids.message_id(), direction="outbound", state="queued", created_at=WHEN, text="long"
        )
        outgoing = Outgoing(
            channel=CHANNEL,
            destination_id=self.destination_id,
            said=said,
            parts=[PartContent(text="long")],
            address=Address("tel:+79161234567"),
            external_id="79161234567",
        )
        (accepted,) = self.desk.run(enqueue, outgoing)
        return str(accepted.id)

    def settle(self, message: str, state: str, pieces: tuple[str, ...] = ()) -> None:
        first = pieces[0] if pieces else None
        self.desk.run(settle_part, PartResult(message, 0, state, first, segments=pieces))  # type: ignore[arg-type]  # one of the four

    def receipt(
        self, named: str, state: str, part: str | None = None, error: str | None = None
    ) -> None:
        self.desk.put(
            Receipt(
                external_id=f"{state}:{named}",
                conversation="elsewhere",
                occurred_at=WHEN,
                message_id=named,
                part=part,
                state=state,
                error=error,
                any_conversation=True,
            )
        )

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
def texts(desk: Any) -> Texts:
    return Texts(desk)


def test_a_part_is_delivered_when_all_of_its_pieces_are(texts: Texts) -> None:
    message = texts.queue()
    texts.settle(message, "sent", PIECES)
    for piece in PIECES[:-1]:
        texts.receipt(piece, "delivered")
        assert texts.state(message) == "sent"
    texts.receipt(PIECES[-1], "delivered")
    assert texts.state(message) == "delivered"
    assert texts.events(message) == ["sent", "delivered"]


def test_a_part_is_failed_when_one_of_its_pieces_is(texts: Texts) -> None:
    message = texts.queue()
    texts.settle(message, "sent", PIECES)
    texts.receipt("s-1", "delivered")
    texts.receipt("s-2", "failed")
    assert texts.state(message) == "failed"
    texts.receipt("s-3", "delivered")
    assert texts.state(message) == "failed"


@pytest.mark.parametrize("is_early", [False, True])
def test_a_piece_that_failed_is_named(texts: Texts, *, is_early: bool) -> None:
    message = texts.queue()
    if is_early:
        texts.receipt("s-2", "failed", error="UNDELIV error 11")
    texts.settle(message, "sent", PIECES)
    if not is_early:
        texts.receipt("s-2", "failed", error="UNDELIV error 11")
    assert texts.error(message) == f"segment s-2, one of {len(PIECES)}: UNDELIV error 11"


def test_a_text_of_one_piece_needs_no_name_of_it(texts: Texts) -> None:
    message = texts.queue()
    texts.settle(message, "sent", ("s-1",))
    texts.receipt("s-1", "failed", error="UNDELIV error 11")
    assert texts.error(message) == "UNDELIV error 11"


def test_a_piece_that_arrived_after_all_makes_up_for_its_failure(texts: Texts) -> None:
    message = texts.queue()
    texts.settle(message, "sent", PIECES)
    for piece, state in (("s-1", "failed"), ("s-2", "delivered"), ("s-3", "delivered")):
        texts.receipt(piece, state)
    assert texts.state(message) == "failed"
    texts.receipt("s-1", "delivered")
    assert texts.state(message) == "delivered"


def test_ids_that_serve_again_mean_the_latest_message(texts: Texts) -> None:
    """Operators count their ids, and begin anew."""
    before, after = texts.queue(), texts.queue()
    for message in (before, after):
        texts.settle(message, "sent", PIECES)
    texts.settle(after, "sent", PIECES)
    for piece in PIECES:
        texts.receipt(piece, "delivered")
    assert texts.state(after) == "delivered"
    assert texts.state(before) == "sent"


@pytest.mark.parametrize("early", range(len(PIECES) + 1))
def test_receipts_of_pieces_come_before_or_after_the_answer_to_the_send(
    texts: Texts, early: int
) -> None:
    for order in itertools.permutations(PIECES):
        message = texts.queue()
        mine = tuple(f"{message}/{piece}" for piece in PIECES)
        for piece in order[:early]:
            texts.receipt(f"{message}/{piece}", "delivered")
        texts.settle(message, "sent", mine)
        for piece in order[early:]:
            texts.receipt(f"{message}/{piece}", "delivered")
        assert texts.state(message) == "delivered"
        assert [RANK[one] for one in texts.events(message)] == [RANK["sent"], RANK["delivered"]]


def test_a_store_that_took_one_piece_for_all_would_be_found_out(
    texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "message_state", lambda states: max(states, key=RANK.__getitem__))
    message = texts.queue()
    texts.settle(message, "sent", PIECES)
    texts.receipt("s-1", "delivered")
    assert texts.state(message) == "delivered"


def test_a_receipt_that_names_the_part_itself_tells_of_a_send_whose_answer_was_lost(
    texts: Texts,
) -> None:
    message = texts.queue()
    texts.settle(message, "unknown")
    texts.receipt("nobody knows this id", "delivered", part=f"{message}.0")
    assert texts.state(message) == "delivered"


def test_what_one_of_several_pieces_came_to_is_not_taken_for_the_whole_part(texts: Texts) -> None:
    message = texts.queue()
    texts.settle(message, "sent", PIECES)
    texts.receipt("an id that nobody knows", "delivered", part=f"{message}.0")
    assert texts.state(message) == "sent"
    texts.receipt("s-1", "delivered", part=f"{message}.0")
    assert texts.state(message) == "sent"


@pytest.mark.parametrize("part", ["msg_x.0", "msg_x.99", "no number", ".0", "x.²"])
def test_a_receipt_that_names_a_part_that_is_not_there_changes_nothing(
    texts: Texts, part: str
) -> None:
    message = texts.queue()
    texts.settle(message, "unknown")
    texts.receipt("unknown", "delivered", part=part.replace("msg_x", f"{message[:-1]}!"))
    assert texts.state(message) == "unknown"


def test_a_part_of_another_channel_is_not_told_about(texts: Texts) -> None:
    message = texts.queue()
    texts.settle(message, "unknown")
    texts.desk.rows("UPDATE message_part SET channel = 'other' RETURNING number")
    texts.receipt("unknown", "delivered", part=f"{message}.0")
    assert texts.state(message) == "unknown"


def test_conversations_are_found_by_the_pieces_of_what_was_sent(texts: Texts) -> None:
    message = texts.queue()
    texts.settle(message, "sent", PIECES)
    with texts.desk.engine.begin() as connection:
        found = conversations_of_messages(connection, "app", ["s-1", "s-3", "s-9"])
    assert {called: known.external_id for called, known in found.items()} == {
        "s-1": "79161234567",
        "s-3": "79161234567",
    }
