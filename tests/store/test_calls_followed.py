"""What a platform tells of a call: each step once, the end once, and the recording."""

from __future__ import annotations

from typing import Any

from omnigate.model.address import Address
from omnigate.model.attachment import AttachmentRef
from omnigate.model.call import CallUpdate
from omnigate.model.inbound import InboundMessage, Profile
from omnigate.store.callreads import count_calls, list_calls, open_calls
from omnigate.store.ingest import Intake, ingest
from tests.store.calls import HOUR, NUMBER, PHONE, answered, dial, events, now, request, tell, types
from tests.store.conftest import BEGIN, CHANNEL, at


class TestFollowing:
    def test_each_step_is_told_once_and_the_end_once(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        answered(desk, call)
        answered(desk, call)
        assert events(desk) == [
            ("call.requested", None),
            ("call.ringing", "agent"),
            ("call.answered", "agent"),
            ("call.ringing", "customer"),
            ("call.answered", "customer"),
            ("call.ended", "customer"),
        ]
        ended = now(desk, call)
        assert (ended.state, ended.ring_seconds, ended.talk_seconds) == ("completed", 5.0, 60.0)
        assert [leg.leg for leg in ended.legs] == ["agent", "customer"]

    def test_an_attempt_that_is_over_waits_for_the_next(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        tell(desk, call, "1", "customer_busy", cause=17, retry_at=at(BEGIN + 5_000))
        waiting = now(desk, call)
        assert (waiting.state, waiting.callback_at, waiting.cause) == (
            "queued",
            at(BEGIN + 5_000),
            17,
        )
        assert types(desk)[-1] == "call.queued"
        desk.now += 5_000
        (again,) = dial(desk)
        assert (again.attempt, again.legs, again.cause) == (2, [], None)

    def test_a_retry_that_would_come_too_late_is_the_end(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        tell(desk, call, "1", "customer_busy", retry_at=at(BEGIN + HOUR))
        assert now(desk, call).state == "customer_busy"
        assert types(desk)[-1] == "call.missed"

    def test_another_channel_cannot_speak_of_a_call(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        update = CallUpdate(
            external_id="1",
            conversation=NUMBER,
            occurred_at=at(BEGIN),
            call=call.id,
            attempt=1,
            state="completed",
        )
        desk.put(update)
        assert now(desk, call).state == "dialling"

    def test_a_recording_is_a_file_of_the_call(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        answered(desk, call)
        reference = AttachmentRef(kind="audio", mime="audio/wav", ref={"name": "r-1"})
        tell(desk, call, "7", recording=reference)
        tell(desk, call, "8", recording=reference)
        recording = now(desk, call).recording
        assert recording is not None
        (row,) = desk.rows("SELECT id, message_id, channel FROM attachment")
        assert tuple(row) == (recording.id, call.id, "phone")
        assert types(desk)[-2:] == ["call.ended", "call.recorded"]

    def test_calls_are_found_by_state_and_counted(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        second = request(desk)
        with desk.engine.begin() as connection:
            assert [known.id for known in open_calls(connection, "phone")] == [call.id, second.id]
            assert count_calls(connection) == {"phone": (1, 1, 0)}
            found = list_calls(connection, channels=["phone"], states=["dialling"])
            assert [known.call.id for known in found] == [call.id]
            assert list_calls(connection, channels=["other"]) == []


def test_a_message_beside_a_call_is_not_disturbed(desk: Any) -> None:
    """One hand-over may bring both."""
    request(desk)
    (call,) = dial(desk)
    update = CallUpdate(
        external_id="u",
        conversation=NUMBER,
        occurred_at=at(BEGIN),
        call=call.id,
        attempt=1,
        state="bridged",
    )
    message = InboundMessage(
        external_id="m",
        conversation=NUMBER,
        occurred_at=at(BEGIN),
        sender=Profile(address=Address(f"tel:{NUMBER}")),
        text="hello",
    )
    desk.run(ingest, Intake(PHONE, [update, message]), Intake(CHANNEL, []))
    assert types(desk, "")[-2:] == ["call.answered", "message.received"]
