"""What comes in one batch and is about the same thing: each item finds what those before it have left."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.model.address import Address
from omnigate.model.attachment import AttachmentRef
from omnigate.model.call import CallUpdate, CallWanted
from omnigate.model.inbound import (
    ButtonPressed,
    ContactUpdated,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Profile,
    Receipt,
)
from omnigate.store.attachments import add_uploaded
from omnigate.store.callrequests import Asked, request_calls
from omnigate.store.destinations import Name, register
from omnigate.store.dials import Claim, begin_dials
from omnigate.store.fade import fade_messages
from omnigate.store.ingest import Intake, ingest
from omnigate.store.partresult import PartResult
from omnigate.store.parts import settle_part
from omnigate.store.threads import ChannelKey
from tests.store.conftest import CHANNEL, at
from tests.store.test_parts import queue, states

BOT = ChannelKey("bot", "telegram", 10)
PHONE = ChannelKey("phone", "call", 30)
NUMBER = "+79161234561"


@pytest.fixture
def app(desk: Any) -> int:
    (health,) = desk.run(register, Name("channel", "app"))
    return int(health.destination_id)


@pytest.fixture
def sent(desk: Any, app: int) -> str:
    """A message that a customer has got, and that the platform calls ``out-1``."""
    message = queue(desk, app, "anna")
    desk.run(settle_part, PartResult(message, 0, "sent", "out-1"))
    return message


def events(desk: Any, *types: str) -> list[Any]:
    rows = desk.rows("SELECT body FROM event_body ORDER BY position")
    return [known for row in rows if (known := json.loads(row.body))["type"] in types]


def state_of(desk: Any, message: str) -> Any:
    (row,) = desk.rows("SELECT state, content FROM message WHERE id = :id", id=message)
    return row.state, json.loads(row.content)["text"]


class TestOurOwnMessages:
    """Somebody changes on the platform what went out through here."""

    @pytest.mark.parametrize(
        ("items", "state"),
        [
            (["deleted"], "deleted"),
            (["deleted", "read"], "deleted"),
            (["read", "deleted"], "deleted"),
        ],
    )
    @pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
    def test_one_that_is_taken_back_stays_so_whatever_receipts_say(
        self, desk: Any, said: Any, sent: str, items: list[str], state: str, at_once: bool
    ) -> None:
        known = {
            "deleted": said("x-1", "anna", item=MessageDeleted, message_id="out-1"),
            "read": said("x-2", "anna", item=Receipt, message_id="out-1", state="read"),
        }
        self._put(desk, [known[name] for name in items], at_once)
        assert state_of(desk, sent) == (state, None)
        assert states(desk, sent) == [("read" if "read" in items else "sent", "out-1")]
        told = [one["type"] for one in events(desk, "message.deleted", "message.read")]
        assert told == [f"message.{name}" for name in items if items[0] == "read" or name != "read"]

    @pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
    def test_a_receipt_tells_what_it_says_since_it_was_changed(
        self, desk: Any, said: Any, sent: str, at_once: bool
    ) -> None:
        changed = said("x-1", "anna", item=MessageEdited, message_id="out-1", text="by hand")
        read = said("x-2", "anna", item=Receipt, message_id="out-1", state="read")
        self._put(desk, [changed, read], at_once)
        assert state_of(desk, sent) == ("read", "by hand")
        edited, seen = events(desk, "message.edited", "message.read")
        assert edited["data"]["message"]["text"] == seen["data"]["message"]["text"] == "by hand"
        assert [part["state"] for part in edited["data"]["message"]["parts"]] == ["sent"]

    def test_what_one_says_that_is_not_kept_any_more_is_not_kept_anew(
        self, desk: Any, said: Any, sent: str
    ) -> None:
        desk.run(fade_messages, [sent])
        changed = said("x-1", "anna", item=MessageEdited, message_id="out-1", text="by hand")
        taken_back = said("x-2", "anna", item=MessageDeleted, message_id="out-1")
        assert [answer.event_id is None for answer in desk.put(changed, taken_back)] == [
            True,
            False,
        ]
        assert state_of(desk, sent) == ("deleted", None)

    def test_a_part_that_is_changed_does_not_stand_for_the_whole(
        self, desk: Any, said: Any, app: int
    ) -> None:
        message = queue(desk, app, "anna", parts=2)
        for part, name in enumerate(("out-1", "out-2")):
            desk.run(settle_part, PartResult(message, part, "sent", name))
        changed = said("x-1", "anna", item=MessageEdited, message_id="out-2", text="by hand")
        assert desk.put(changed)[0].event_id is None
        assert state_of(desk, message) == ("sent", None)

    def _put(self, desk: Any, items: list[Any], at_once: bool) -> None:
        for some in [items] if at_once else [[item] for item in items]:
            desk.put(*some)

    def test_one_that_fails_in_part_is_told_with_the_names_of_what_was_sent(
        self, desk: Any, said: Any, app: int
    ) -> None:
        message = queue(desk, app, "anna", parts=2)
        failed = said("x-1", "anna", item=Receipt, message_id="out-1", state="failed")
        desk.put(failed)
        desk.run(settle_part, PartResult(message, 0, "sent", "out-1"))
        (told,) = events(desk, "message.failed")
        assert told["data"]["message"]["external_ids"] == ["out-1"]


def test_what_a_customer_calls_like_our_own_message_is_not_taken_for_it(
    desk: Any, said: Any, sent: str
) -> None:
    desk.put(
        said("x-1", "anna", message_id="out-1"),
        said("x-2", "anna", item=ButtonPressed, message_id="out-1", payload="yes"),
    )
    (pressed,) = events(desk, "button.pressed")
    assert pressed["data"]["button"]["message"] == sent


def test_a_lane_is_of_the_priority_of_the_channel_that_says_something_last(
    desk: Any, said: Any
) -> None:
    desk.add_backend("crm")
    person = Profile(address=Address("app:1"))
    for name in ("app", "bot"):
        channel = CHANNEL if name == "app" else BOT
        desk.run(ingest, Intake(channel, [said(f"{name}-1", name, sender=person)]))
    news = [
        Intake(
            channel,
            [
                said(
                    f"{channel.name}-2",
                    channel.name,
                    item=ContactUpdated,
                    sender=person.model_copy(update={"display_name": channel.name}),
                )
            ],
        )
        for channel in (CHANNEL, BOT)
    ]
    desk.run(ingest, *news)
    (row,) = desk.rows("SELECT priority FROM lane WHERE stream LIKE 'ctc%'")
    assert row.priority == BOT.priority


def test_a_file_that_another_channel_names_is_left_for_its_own(desk: Any, said: Any) -> None:
    file = {"id": "att_1", "channel": "app", "kind": "file", "mime": "text/plain"}
    desk.run(add_uploaded, file)
    named = {"attachments": [AttachmentRef(id="att_1")]}
    desk.run(
        ingest,
        Intake(BOT, [said("x-1", "somebody", **named)]),
        Intake(CHANNEL, [said("x-2", "anna", **named)]),
    )
    first, second = (one["data"]["message"] for one in events(desk, "message.received"))
    assert first["attachments"] == []
    assert [known["id"] for known in second["attachments"]] == ["att_1"]


def test_a_receipt_that_came_early_is_about_the_first_that_bears_its_name(
    desk: Any, said: Any, app: int
) -> None:
    first, second = queue(desk, app, "anna"), queue(desk, app, "bert")
    early = {"message_id": "s-1", "state": "delivered", "any_conversation": True}
    desk.put(said("x-1", "anna", item=Receipt, **early))
    desk.run(
        settle_part,
        PartResult(first, 0, "sent", segments=["s-1"]),
        PartResult(second, 0, "sent", segments=["s-1"]),
    )
    assert [states(desk, one) for one in (first, second)] == [
        [("delivered", None)],
        [("sent", None)],
    ]
    (row,) = desk.rows("SELECT message_id, state FROM segment")
    assert tuple(row) == (second, "sent")


class TestCalls:
    @pytest.fixture
    def call(self, desk: Any, said: Any) -> str:
        """Anna has asked to be called, in a chat in which she said something."""
        desk.put(said("hello", "anna"), said("never mind", "anna"))
        (row,) = desk.rows("SELECT id FROM conversation")
        wanted = CallWanted(number=NUMBER, from_conversation=row.id)
        until = at(desk.now + 3_600_000)
        (call,) = desk.run(request_calls, Asked(PHONE, wanted, Address(f"tel:{NUMBER}"), until))
        return str(call.id)

    def test_two_claims_at_once_begin_no_call_twice(self, desk: Any, call: str) -> None:
        begun, again = desk.run(begin_dials, Claim("phone", 5), Claim("phone", 5))
        assert ([one.id for one in begun], again) == ([call], [])
        (row,) = desk.rows("SELECT attempt FROM call")
        assert row.attempt == 1

    def test_one_that_proves_who_it_is_tells_what_was_said_and_taken_back_just_before(
        self, desk: Any, said: Any, call: str
    ) -> None:
        desk.run(begin_dials, Claim("phone", 1))
        talked = said(
            "x-1", NUMBER, item=CallUpdate, call=call, attempt=1, state="completed", talk_seconds=60
        )
        desk.run(
            ingest,
            Intake(CHANNEL, [said("x-2", "anna", item=MessageDeleted, message_id="never mind")]),
            Intake(CHANNEL, [said("and one more", "anna", item=InboundMessage)]),
            Intake(PHONE, [talked]),
        )
        (ended,) = events(desk, "call.ended")
        told = ended["conversation"]["context"]["handover"]["messages"]
        assert [one["text"] for one in told] == ["hello", "and one more"]
