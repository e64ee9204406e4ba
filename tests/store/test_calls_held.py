"""Calls of which nobody knows whether they were made: held, told, and resolved."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.model.call import Call
from omnigate.store.callends import (
    Cancellation,
    Expiry,
    Held,
    Resolution,
    cancel_calls,
    expire_calls,
    hold_calls,
    resolve_calls,
)
from omnigate.store.dials import DialOutcome, settle_dials
from tests.store.calls import HOUR, dial, now, request, tell, types


class TestHeld:
    def held(self, desk: Any) -> Call:
        request(desk)
        (call,) = dial(desk)
        desk.run(
            settle_dials, DialOutcome(call_id=call.id, attempt=1, came="unknown", error="lost")
        )
        return now(desk, call)

    def test_what_may_have_been_dialled_is_held_and_told(self, desk: Any) -> None:
        call = self.held(desk)
        assert (call.state, call.error) == ("unknown", "lost")
        assert types(desk) == ["call.requested", "call.unknown"]
        assert dial(desk) == []

    def test_a_late_word_of_the_platform_resolves_it(self, desk: Any) -> None:
        call = self.held(desk)
        tell(desk, call, "1", "customer_ringing")
        assert (now(desk, call).state, now(desk, call).error) == ("customer_ringing", None)

    @pytest.mark.parametrize(
        ("state", "event"), [("completed", "call.ended"), ("failed", "call.missed")]
    )
    def test_somebody_who_found_out_says_how_it_ended(
        self, desk: Any, state: Any, event: str
    ) -> None:
        call = self.held(desk)
        (resolved,) = desk.run(resolve_calls, Resolution(call.id, state, "asked the agent"))
        assert (resolved.is_done, resolved.call.state) == (True, state)
        assert types(desk)[-1] == event
        (again,) = desk.run(resolve_calls, Resolution(call.id, "again"))
        assert not again.is_done

    def test_it_can_be_tried_again_as_a_further_attempt_even_when_its_time_was_over(
        self, desk
    ) -> None:
        call = self.held(desk)
        desk.now += 2 * HOUR
        desk.run(resolve_calls, Resolution(call.id, "again"))
        assert desk.run(expire_calls, Expiry(10, ["phone"])) == [[]]
        assert [begun.attempt for begun in dial(desk)] == [2]


class TestHolding:
    @pytest.mark.parametrize("stage", [None, "agent_ringing", "bridged"])
    def test_what_is_under_way_can_be_held_at_whatever_stage_and_goes_on_when_it_is_told_of(
        self, desk: Any, stage: Any
    ) -> None:
        request(desk)
        (call,) = dial(desk)
        if stage is not None:
            tell(desk, call, "1", stage, seconds=1)
        (held,) = desk.run(hold_calls, Held(call.id, "nobody hears of it"))
        assert (held.state, held.error) == ("unknown", "nobody hears of it")
        assert desk.run(hold_calls, Held(call.id, "again")) == [None]
        assert types(desk)[-1] == "call.unknown"
        tell(desk, call, "2", "customer_answered", seconds=2)
        going_on = now(desk, call)
        assert going_on.state == ("bridged" if stage == "bridged" else "customer_answered")
        assert going_on.error is None

    def test_what_waits_or_has_ended_is_not_held(self, desk: Any) -> None:
        call = request(desk)
        assert desk.run(hold_calls, Held(call.id, "?"), Held("cal_" + 26 * "0", "?")) == [None] * 2
        desk.run(cancel_calls, Cancellation(call.id))
        assert desk.run(hold_calls, Held(call.id, "?")) == [None]
