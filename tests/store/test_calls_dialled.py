"""Calls that are begun: once, in order, and what the platform's answer makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.store.dials import DialOutcome, settle_dials
from tests.store.calls import dial, now, request, tell, types
from tests.store.conftest import BEGIN, at


class TestDialling:
    def test_what_is_due_is_begun_once_in_order_and_never_more_than_asked_for(
        self, desk: Any
    ) -> None:
        calls = [request(desk, number=f"+7916123450{n}") for n in range(3)]
        begun = dial(desk, 2)
        assert [call.id for call in begun] == [call.id for call in calls[:2]]
        assert [(call.state, call.attempt) for call in begun] == [("dialling", 1)] * 2
        assert [call.id for call in dial(desk, 5)] == [calls[2].id]
        assert dial(desk, 5) == []

    def test_what_the_platform_took_keeps_its_names_for_it(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        ids = {"leg_a": "ch-1"}
        desk.run(
            settle_dials, DialOutcome(call_id=call.id, attempt=1, came="taken", provider_ids=ids)
        )
        assert (now(desk, call).state, now(desk, call).provider_ids) == ("dialling", ids)

    def test_what_was_surely_not_begun_is_tried_again_as_the_same_attempt(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        outcome = DialOutcome(
            call_id=call.id, attempt=1, came="not_begun", due_at=BEGIN + 5_000, error="no line"
        )
        (waiting,) = desk.run(settle_dials, outcome)
        assert (waiting.state, waiting.attempt, waiting.error) == ("queued", 0, "no line")
        assert dial(desk) == []
        desk.now += 5_000
        assert [begun.attempt for begun in dial(desk)] == [1]
        assert types(desk) == ["call.requested"]

    @pytest.mark.parametrize(
        ("code", "state"),
        [
            ("bad_number", "failed"),
            ("not_allowed", "blocked"),
            ("own_number", "blocked"),
            ("no_agent", "blocked"),
        ],
    )
    def test_what_is_refused_ends(self, desk: Any, code: str, state: str) -> None:
        request(desk)
        (call,) = dial(desk)
        desk.run(
            settle_dials,
            DialOutcome(call_id=call.id, attempt=1, came="refused", code=code, error="no"),
        )
        assert (now(desk, call).state, now(desk, call).error) == (state, "no")
        assert types(desk) == ["call.requested", "call.missed"]

    def test_what_was_heard_meanwhile_counts_for_more_than_a_lost_answer(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        tell(desk, call, "1", "agent_ringing")
        for came in ("unknown", "not_begun", "refused"):
            desk.run(settle_dials, DialOutcome(call_id=call.id, attempt=1, came=came, error="lost"))
        assert now(desk, call).state == "agent_ringing"

    def test_an_answer_to_an_attempt_before_changes_nothing(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        tell(desk, call, "1", "agent_busy", retry_at=at(BEGIN + 1))
        desk.now += 1
        dial(desk)
        desk.run(settle_dials, DialOutcome(call_id=call.id, attempt=1, came="unknown", error="x"))
        assert (now(desk, call).state, now(desk, call).attempt) == ("dialling", 2)
