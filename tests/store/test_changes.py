"""Changes to messages: in order, once, and told to the CRM only when the platform has taken them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from omnigate import ids
from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.model.inbound import EchoMessage, Profile, Receipt
from omnigate.model.outbound import OutboundChange
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.cancelling import Cancellation, cancel_messages
from omnigate.store.changes import ChangeContent, Changing, enqueue_changes, read_changeable
from omnigate.store.destinations import Name, register
from omnigate.store.erase import Removal, remove_person
from omnigate.store.fade import fade_messages
from omnigate.store.idempotency import IdempotencyKey, KeyReused
from omnigate.store.lanes import Claim, claim
from omnigate.store.messages import read_messages
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.requeue import DeadReplay, replay_dead
from omnigate.store.settling import Settlement, settle
from omnigate.store.threads import ChannelKey

CHANNEL = ChannelKey("app", "http", 50)


class Way:
    """The way out of one channel, a message sent on it, and what is claimed next."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        (health,) = desk.run(register, Name("channel", "app"))
        self.destination_id = int(health.destination_id)

    def queued(self, parts: int = 1) -> str:
        said = Message(
            id=ids.message_id(),
            direction="outbound",
            state="queued",
            created_at=datetime.now(UTC),
            text="before",
        )
        outgoing = Outgoing(
            channel=CHANNEL,
            destination_id=self.destination_id,
            said=said,
            parts=[PartContent(text=f"part {number}") for number in range(parts)],
            address=Address("app:anna"),
            external_id="c-1",
        )
        self.desk.run(enqueue, outgoing)
        return said.id

    def sent(self, parts: int = 1) -> str:
        message = self.queued(parts)
        lease, item = self.take()
        for number in range(parts):
            self.desk.run(
                settle_part, PartResult(message, number, "sent", f"{message[-4:]}-{number}")
            )
        self.end(lease, item)
        return message

    def change(self, message: str, action: Any, *steps: ChangeContent, key: Any = None) -> Any:
        found = self.read(read_changeable, message)
        wanted = Changing(
            message, found.conversation_id, CHANNEL, self.destination_id, action, steps, key
        )
        return self.desk.run(enqueue_changes, wanted)[0]

    def read(self, query: Any, *given: Any) -> Any:
        with self.desk.engine.begin() as connection:
            return query(connection, *given)

    def take(self) -> Any:
        (claimed,) = self.desk.run(claim, Claim(self.destination_id, 5, 5, 1, 60_000))
        (lease,) = claimed.leases
        return lease, lease.items[0]

    def end(self, lease: Any, item: Any, outcome: Any = "delivered") -> None:
        self.desk.run(
            settle, Settlement(lease, item, outcome, last=True, reason="refused", error="")
        )

    def settle(self, part: Any, state: Any, error: str | None = None) -> Any:
        result = PartResult(part.message, part.index, state, None, error, part.action)
        return self.desk.run(settle_part, result)[0]

    def message(self, message: str) -> Message:
        found: dict[str, Message] = self.read(read_messages, [message])
        return found[message]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        rows = self.desk.rows(
            "SELECT type, body FROM event JOIN event_body USING (position) ORDER BY position"
        )
        return [(row.type, json.loads(row.body)["data"]) for row in rows]


@pytest.fixture
def way(desk: Any) -> Way:
    return Way(desk)


def edited(text: str, place: str = "x-0") -> ChangeContent:
    return ChangeContent(place, text=text, becomes={"text": text, "buttons": []})


def taken_back(place: str = "x-0") -> ChangeContent:
    said: dict[str, Any] = {"state": "deleted", "text": None, "attachments": [], "buttons": []}
    return ChangeContent(place, becomes=said)


def test_an_edit_waits_in_the_lane_of_its_conversation_and_names_the_platforms_message(
    way: Way,
) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after", "77"))
    _, item = way.take()
    change = item.job.part
    assert isinstance(change, OutboundChange)
    assert (change.action, change.text, change.external_id) == ("edit", "after", "77")
    assert (change.conversation, change.address, change.id) == ("c-1", "app:anna", f"{message}.1")


def test_what_a_message_says_changes_once_the_platform_has_taken_it(way: Way) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after"))
    lease, item = way.take()
    assert way.message(message).text == "before"
    assert way.settle(item.job.part, "sent") is None
    way.end(lease, item)
    said = way.message(message)
    assert (said.text, said.state, len(said.parts)) == ("after", "sent", 1)
    kind, data = way.events()[-1]
    assert (kind, data["message"]["text"]) == ("message.edited", "after")


def test_a_change_that_fails_leaves_the_message_as_it_is_and_tells_the_crm(way: Way) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after"))
    _, item = way.take()
    way.settle(item.job.part, "failed", "too old")
    assert (way.message(message).text, way.message(message).state) == ("before", "sent")
    kind, data = way.events()[-1]
    assert kind == "message.change_failed"
    assert data["change"] == {
        "message": message,
        "action": "edit",
        "state": "failed",
        "error": "too old",
    }


def test_with_a_failed_step_fails_the_rest_of_its_request_and_no_other(way: Way) -> None:
    message = way.sent(parts=2)
    way.change(message, "edit", ChangeContent("1", text="a"), edited("ab", "2"))
    way.change(message, "edit", edited("later", "1"))
    lease, item = way.take()
    way.settle(item.job.part, "failed", "too old")
    way.end(lease, item, "dead")
    states = [
        row.state
        for row in way.desk.rows(
            "SELECT state FROM message_part WHERE action = 'edit' ORDER BY number"
        )
    ]
    assert states == ["failed", "failed", "queued"]
    _, item = way.take()
    assert item.job.part.text == "later"


def test_a_deleted_message_says_nothing_and_stays_deleted_when_it_is_read(way: Way) -> None:
    message = way.sent()
    way.change(
        message,
        "delete",
        ChangeContent("1", becomes={"state": "deleted", "text": None, "attachments": []}),
    )
    _, item = way.take()
    way.settle(item.job.part, "sent")
    assert (way.message(message).state, way.message(message).text) == ("deleted", None)
    assert way.events()[-1][0] == "message.deleted"
    read = Receipt(
        external_id="r-1",
        conversation="c-1",
        occurred_at=datetime.now(UTC),
        message_id=f"{message[-4:]}-0",
        state="read",
    )
    way.desk.put(read)
    assert way.desk.rows("SELECT state FROM message_part WHERE number = 0")[0].state == "read"
    assert way.message(message).state == "deleted"


def test_the_company_reacts_to_what_a_customer_said(way: Way, said: Any) -> None:
    (recorded,) = way.desk.put(said("17"))
    way.change(recorded.message_id, "react", ChangeContent("17", emoji=["👍"]))
    _, item = way.take()
    assert (item.job.part.action, item.job.part.emoji, item.job.part.index) == ("react", ["👍"], 0)
    way.settle(item.job.part, "sent")
    kind, data = way.events()[-1]
    assert kind == "reaction.changed"
    assert (data["reaction"]["by"], data["reaction"]["message"]) == ("company", recorded.message_id)
    assert way.message(recorded.message_id).state == "received"


def test_a_message_that_was_written_on_the_platform_can_be_edited_too(way: Way) -> None:
    echo = EchoMessage(
        external_id="e-1",
        conversation="c-1",
        occurred_at=datetime.now(UTC),
        recipient=Profile(address=Address("app:anna")),
        text="before",
        message_id="55",
    )
    (recorded,) = way.desk.put(echo)
    found = way.read(read_changeable, recorded.message_id)
    assert (found.external_id, list(found.sent_as)) == ("55", [])
    way.change(recorded.message_id, "edit", edited("after", "55"))
    _, item = way.take()
    way.settle(item.job.part, "sent")
    assert way.message(recorded.message_id).text == "after"


def test_the_same_key_changes_nothing_twice(way: Way) -> None:
    message = way.sent()
    key = IdempotencyKey("crm", "k-1", "digest")
    first = way.change(message, "edit", edited("after"), key=key)
    again = way.change(message, "edit", edited("after"), key=key)
    assert first == again
    assert len(way.desk.rows("SELECT 1 FROM outbox")) == 1
    with pytest.raises(KeyReused):
        way.change(message, "edit", edited("other"), key=key._replace(fingerprint="other"))


def test_a_dead_change_replayed_is_made_and_leaves_the_state_of_its_message_alone(way: Way) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after"))
    lease, item = way.take()
    way.settle(item.job.part, "failed", "not now")
    way.end(lease, item, "dead")
    (answer,) = way.desk.run(replay_dead, DeadReplay([item.id], {way.destination_id}))
    assert answer.done == [item.id]
    assert way.message(message).state == "sent"
    _, item = way.take()
    assert item.job.part.action == "edit"
    way.settle(item.job.part, "sent")
    assert way.message(message).text == "after"


def test_sends_count_without_changes(way: Way) -> None:
    message = way.sent(parts=2)
    way.change(message, "edit", edited("after"))
    rows = way.desk.rows("SELECT number, action FROM message_part ORDER BY number")
    assert [tuple(row) for row in rows] == [(0, "send"), (1, "send"), (2, "edit")]
    assert isinstance(way.take()[1].job.part, OutboundChange)


def test_what_was_asked_for_later_waits_for_its_turn(way: Way) -> None:
    """Between an edit and a deletion of the same message the customer got another one."""
    message = way.sent()
    way.change(message, "edit", edited("after"))
    later = way.queued()
    way.change(message, "delete", taken_back())
    lease, item = way.take()
    assert way.settle(item.job.part, "sent") is None
    way.end(lease, item)
    lease, item = way.take()
    assert item.message_id == later
    way.desk.run(settle_part, PartResult(later, 0, "sent", "9"))
    way.end(lease, item)
    assert way.take()[1].job.part.action == "delete"


@pytest.mark.parametrize("first", [True, False])
def test_the_change_that_was_cancelled_is_not_made_and_the_other_is(way: Way, first: bool) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after"))
    way.change(message, "delete", taken_back())
    numbers = [row.id for row in way.desk.rows("SELECT id FROM outbox ORDER BY id")]
    way.desk.run(abandon, Abandonment([numbers[0 if first else 1]], "cancelled"))
    kind, data = way.events()[-1]
    assert kind == "message.change_failed"
    assert data["change"]["action"] == ("edit" if first else "delete")
    _, item = way.take()
    assert item.job.part.action == ("delete" if first else "edit")


def test_of_all_changes_that_are_cancelled_none_is_made_later(way: Way) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after"))
    way.change(message, "delete", taken_back())
    assert way.desk.run(cancel_messages, Cancellation(message)) == ["cancelled"]
    assert [kind for kind, _ in way.events()[-2:]] == ["message.change_failed"] * 2
    way.change(message, "edit", edited("now"))
    assert way.take()[1].job.part.text == "now"


def test_a_message_that_failed_on_its_way_can_be_changed_all_the_same(way: Way) -> None:
    message = way.sent()
    way.change(message, "delete", taken_back())
    way.desk.put(
        Receipt(
            external_id="r-1",
            conversation="c-1",
            occurred_at=datetime.now(UTC),
            message_id=f"{message[-4:]}-0",
            state="failed",
        )
    )
    assert way.message(message).state == "failed"
    _, item = way.take()
    assert not item.ended
    way.settle(item.job.part, "failed", "gone")
    assert way.events()[-1][0] == "message.change_failed"


def test_a_dead_change_replayed_brings_back_no_other(way: Way) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after"))
    lease, item = way.take()
    way.settle(item.job.part, "failed", "not now")
    way.end(lease, item, "dead")
    way.change(message, "delete", taken_back())
    assert way.desk.run(cancel_messages, Cancellation(message)) == ["cancelled"]
    (answer,) = way.desk.run(replay_dead, DeadReplay([item.id], {way.destination_id}))
    assert answer.done == [item.id]
    _, item = way.take()
    assert item.job.part.action == "edit"
    assert way.settle(item.job.part, "sent") is None
    states = way.desk.rows("SELECT state FROM message_part ORDER BY number")
    assert [row.state for row in states] == ["sent", "sent", "failed"]


def test_a_change_offered_again_and_a_new_one_at_the_same_time_are_both_made_once(way: Way) -> None:
    message = way.sent()
    way.change(message, "edit", edited("first"))
    lease, item = way.take()
    way.settle(item.job.part, "failed", "not now")
    way.end(lease, item, "dead")
    way.change(message, "edit", edited("second"))
    way.desk.run(replay_dead, DeadReplay([item.id], {way.destination_id}))
    (claimed,) = way.desk.run(claim, Claim(way.destination_id, 5, 5, 1, 60_000))
    texts = [lease.items[0].job.part.text for lease in claimed.leases]
    assert sorted(texts) == ["first", "second"]


def test_a_dead_change_is_not_replayed_once_its_text_is_gone(way: Way) -> None:
    message = way.sent()
    way.change(message, "edit", edited("after"))
    lease, item = way.take()
    way.settle(item.job.part, "failed", "not now")
    way.end(lease, item, "dead")
    way.desk.run(fade_messages, [message])
    (answer,) = way.desk.run(replay_dead, DeadReplay([item.id], {way.destination_id}))
    assert answer.refused == {item.id: "what it said is not kept any more"}


def test_a_change_asked_for_while_old_texts_go_is_made(way: Way) -> None:
    """What is owed keeps its text; this was not owed yet when that was looked at."""
    message = way.sent()
    way.change(message, "edit", edited("after"))
    way.desk.run(fade_messages, [message])
    assert way.take()[1].job.part.text == "after"


def test_a_message_whose_text_is_gone_is_known_as_such(way: Way) -> None:
    message = way.sent()
    assert not way.read(read_changeable, message).is_faded
    way.desk.run(fade_messages, [message])
    assert way.read(read_changeable, message).is_faded


def test_who_is_erased_while_a_change_is_asked_for_gets_none(way: Way) -> None:
    message = way.sent()
    (row,) = way.desk.rows("SELECT contact_id FROM conversation")
    found = way.read(read_changeable, message)
    way.desk.run(remove_person, Removal([row.contact_id]))
    steps = [edited("after")]
    wanted = Changing(message, found.conversation_id, CHANNEL, way.destination_id, "edit", steps)
    with pytest.raises(Refused, match="erased"):
        way.desk.run(enqueue_changes, wanted)
