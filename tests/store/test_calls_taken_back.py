"""Calls that are taken back: ended at once, or marked until their end is told."""

from __future__ import annotations

from typing import Any

from omnigate.store.callends import Cancellation, cancel_calls
from omnigate.store.callreads import look_ahead
from omnigate.store.dials import DialOutcome, settle_dials
from tests.store.calls import dial, now, request, tell, types
from tests.store.conftest import BEGIN, at


class TestTakingBack:
    def test_what_waits_ends_at_once_and_is_never_dialled(self, desk: Any) -> None:
        call = request(desk)
        (done,) = desk.run(cancel_calls, Cancellation(call.id))
        assert (done.outcome, done.call.state) == ("cancelled", "cancelled")
        assert types(desk) == ["call.requested", "call.ended"]
        assert dial(desk) == []

    def test_what_is_under_way_is_marked_until_its_end_is_told(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        tell(desk, call, "1", "customer_ringing")
        (done,) = desk.run(cancel_calls, Cancellation(call.id))
        assert (done.outcome, done.call.state) == ("asked", "customer_ringing")
        with desk.engine.begin() as connection:
            (known,) = look_ahead(connection, desk.now).under_way
        assert (known.call.id, known.is_cancelled) == (call.id, True)
        tell(desk, call, "2", "cancelled")
        assert now(desk, call).state == "cancelled"
        (again,) = desk.run(cancel_calls, Cancellation(call.id))
        assert again.outcome == "ended"

    def test_a_call_that_was_taken_back_is_not_tried_again_whatever_its_channel_says(
        self, desk
    ) -> None:
        request(desk)
        (call,) = dial(desk)
        desk.run(cancel_calls, Cancellation(call.id))
        tell(desk, call, "1", "agent_no_answer", retry_at=at(BEGIN + 1000))
        assert now(desk, call).state == "cancelled"

    def test_one_that_was_not_begun_after_all_is_taken_back(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        desk.run(cancel_calls, Cancellation(call.id))
        desk.run(settle_dials, DialOutcome(call_id=call.id, attempt=1, came="not_begun"))
        assert now(desk, call).state == "cancelled"

    def test_only_where_it_was_asked_for_can_it_be_taken_back_by_who_asked(
        self, desk: Any, said: Any
    ) -> None:
        desk.put(said("m-1"), said("m-2", "c-2"))
        chat, other = (
            row.id for row in desk.rows("SELECT id FROM conversation ORDER BY external_id")
        )
        call = request(desk, from_conversation=chat)
        (stranger,) = desk.run(cancel_calls, Cancellation(call.id, other))
        assert stranger.call is None
        (owner,) = desk.run(cancel_calls, Cancellation(call.id, chat))
        assert owner.outcome == "cancelled"
