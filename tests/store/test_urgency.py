"""Which of a channel's lanes are claimed first: answers that are waited for, then others, then notices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from omnigate import ids
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.store.changes import ChangeContent, Changing, enqueue_changes
from omnigate.store.destinations import Name, register
from omnigate.store.lanes import Claim, claim
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.settling import Settlement, settle
from omnigate.store.threads import ChannelKey
from omnigate.store.urgency import AWAITED, DIALOGUE_MS, NOTICE, UNASKED

CHANNEL = ChannelKey("app", "http", 50)
LEASE_MS = 60_000


class Lanes:
    """A channel's lanes, what is written through them, and what a claim takes."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        (health,) = desk.run(register, Name("channel", "app"))
        self.number: int = health.destination_id

    def write(self, person: str, text: str = "hello", *, notice: bool = False) -> str:
        said = Message(
            id=ids.message_id(),
            direction="outbound",
            state="queued",
            created_at=datetime.fromtimestamp(self.desk.now / 1000, UTC),
            text=text,
        )
        outgoing = Outgoing(
            CHANNEL,
            self.number,
            said,
            [PartContent(text=text)],
            address=Address(f"app:{person}"),
            external_id=person,
            notices="known" if notice else None,
        )
        return str(self.desk.run(enqueue, outgoing)[0].id)

    def claim(self, lanes: int = 9, elders: int = 0) -> Any:
        (claimed,) = self.desk.run(claim, Claim(self.number, lanes, lanes, 1, LEASE_MS, elders))
        return claimed.leases

    def order(self) -> list[str]:
        """Return the texts in the order in which they are claimed, one by one."""
        texts = []
        while leases := self.claim(1):
            texts += [lease.items[0].job.part.text for lease in leases]
        return texts

    def send(self, lease: Any) -> None:
        """Have what was claimed arrive."""
        part = lease.items[0].job.part
        self.desk.run(settle_part, PartResult(part.message, part.index, "sent", part.id))
        done = Settlement(lease, lease.items[0], "delivered", last=True)
        assert self.desk.run(settle, done) == [True]

    def priority(self, person: str) -> int:
        (row,) = self.desk.rows(
            "SELECT priority FROM lane JOIN conversation ON conversation.id = lane.stream"
            " WHERE destination_id = :number AND external_id = :person",
            number=self.number,
            person=person,
        )
        return int(row.priority)


@pytest.fixture
def lanes(desk: Any) -> Lanes:
    return Lanes(desk)


def test_an_answer_that_is_waited_for_goes_before_what_was_written_earlier(
    lanes: Lanes, said: Any
) -> None:
    lanes.desk.put(said("1", "known"), said("2", "waits"))
    for lease in sent_to(lanes, "known"):
        lanes.send(lease)
    lanes.desk.now += DIALOGUE_MS + 1
    lanes.write("known", "notice", notice=True)
    lanes.desk.now += 1
    lanes.write("known-to-nobody", "first words")
    lanes.desk.now += 1
    lanes.write("waits", "answer")
    assert lanes.order() == ["answer", "first words", "notice"]


def sent_to(lanes: Lanes, person: str) -> Any:
    lanes.write(person)
    return lanes.claim()


def test_among_answers_the_one_that_was_written_first_goes_first(lanes: Lanes, said: Any) -> None:
    lanes.desk.put(*(said(name, name) for name in "abc"))
    for name in "cab":
        lanes.write(name, name)
        lanes.desk.now += 1
    assert lanes.order() == ["c", "a", "b"]


def test_what_a_machine_wrote_makes_nobody_wait(lanes: Lanes, said: Any) -> None:
    lanes.desk.put(said("1", "out-of-office", automatic=True), said("2", "waits"))
    lanes.write("out-of-office")
    lanes.write("waits")
    assert [lanes.priority(person) for person in ("out-of-office", "waits")] == [UNASKED, AWAITED]


def test_a_notice_to_somebody_who_wrote_last_is_a_notice(lanes: Lanes, said: Any) -> None:
    lanes.desk.put(said("thank you", "a"))
    lanes.write("a", notice=True)
    assert lanes.priority("a") == NOTICE


def test_an_answer_takes_the_notice_before_it_along_and_does_not_overtake_it(
    lanes: Lanes, said: Any
) -> None:
    lanes.desk.put(said("1", "a"), said("2", "b"))
    lanes.write("b", "notice to b", notice=True)
    lanes.write("a", "notice to a", notice=True)
    lanes.desk.now += 1
    lanes.write("a", "answer to a")
    texts = []
    while leases := lanes.claim(1):
        texts.append(leases[0].items[0].job.part.text)
        lanes.send(leases[0])
    assert texts == ["notice to a", "answer to a", "notice to b"]


def test_a_notice_behind_an_answer_does_not_hold_it_back(lanes: Lanes, said: Any) -> None:
    lanes.desk.put(said("1", "a"))
    lanes.write("a", "answer")
    lanes.desk.now += 2 * DIALOGUE_MS
    lanes.write("a", "notice", notice=True)
    assert lanes.priority("a") == AWAITED


def test_what_follows_an_answer_goes_as_one_for_a_while(lanes: Lanes, said: Any) -> None:
    lanes.desk.put(said("1", "a"))
    (lease,) = sent_to(lanes, "a")
    lanes.send(lease)
    lanes.desk.now += DIALOGUE_MS - 1
    (lease,) = sent_to(lanes, "a")
    lanes.send(lease)
    assert lanes.priority("a") == AWAITED, "nobody waits any more, but they talk"
    lanes.desk.now += DIALOGUE_MS + 1
    lanes.write("a")
    assert lanes.priority("a") == UNASKED


def test_a_change_to_a_message_is_as_urgent_as_a_message(lanes: Lanes, said: Any) -> None:
    lanes.desk.put(said("1", "a"))
    (lease,) = sent_to(lanes, "a")
    lanes.send(lease)
    message, stream = lease.items[0].message_id, lease.stream
    step = ChangeContent(external_id="x-1", text="hello!")
    change = Changing(message, stream, CHANNEL, lanes.number, "edit", [step])
    for quiet, expected in ((0, AWAITED), (DIALOGUE_MS + 1, UNASKED)):
        lanes.desk.now += quiet
        lanes.desk.run(enqueue_changes, change)
        assert lanes.priority("a") == expected
        for lease in lanes.claim():
            done = Settlement(lease, lease.items[0], "delivered", last=True)
            lanes.desk.run(settle, done)
    lanes.desk.put(said("2", "a"))
    lanes.desk.run(enqueue_changes, change)
    assert lanes.priority("a") == AWAITED


def test_a_share_goes_to_the_notice_that_waits_longest(lanes: Lanes, said: Any) -> None:
    lanes.desk.put(*(said(str(number), f"c-{number}") for number in range(8)))
    lanes.write("c-0", "notice", notice=True)
    lanes.desk.now += 1
    for number in range(1, 8):
        lanes.write(f"c-{number}", "answer")
    texts = [lease.items[0].job.part.text for lease in lanes.claim(3, elders=1)]
    assert sorted(texts) == ["answer", "answer", "notice"]
