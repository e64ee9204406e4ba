"""What a call comes to does not depend on the order in which it is told, nor on how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnigate.model.call import ENDED, WAITING, Call, CallUpdate
from omnigate.store import callfacts
from omnigate.store.callfacts import Given
from omnigate.store.callstates import advance, begin_attempt, concerns

BEGIN = datetime(2026, 11, 22, 10, tzinfo=UTC)

Step = dict[str, Any]


def s(seconds: float, state: str | None, **more: Any) -> Step:
    """Return a step so long after the call was dialled."""
    return {"at": seconds, "state": state, **more}


AGENT = (s(1, "agent_ringing", provider_ids={"leg_a": "a"}), s(3, "agent_answered"))
CUSTOMER = (s(4, "customer_ringing", provider_ids={"leg_b": "b"}), s(9, "customer_answered"))
TALK = s(10, "bridged")

SEQUENCES: dict[str, tuple[Step, ...]] = {
    "answered": (
        *AGENT,
        *CUSTOMER,
        TALK,
        s(70, None, leg="customer", cause=16, cause_text="Normal Clearing"),
        s(71, None, leg="agent", cause=16, cause_text="Normal Clearing"),
        s(71, "completed", cause=16, cause_text="Normal Clearing"),
    ),
    "customer first": (
        s(1, "customer_ringing"),
        s(6, "customer_answered"),
        s(7, "agent_ringing"),
        s(9, "agent_answered"),
        s(9, "bridged"),
        s(30, "completed", leg="agent", cause=16),
    ),
    "seconds of the platform's own": (
        *AGENT,
        *CUSTOMER,
        TALK,
        s(70, "completed", leg="agent", cause=16, ring_seconds=4.5, talk_seconds=58.0),
    ),
    "agent busy": (AGENT[0], s(2, "agent_busy", cause=17, sip_code=486)),
    "agent does not answer": (AGENT[0], s(26, "agent_no_answer", cause=19)),
    "customer busy, tried again": (
        *AGENT,
        CUSTOMER[0],
        s(5, "customer_busy", cause=17, cause_text="User busy", retry_at=300),
    ),
    "customer rejects": (*AGENT, CUSTOMER[0], s(7, "customer_rejected", cause=21)),
    "customer is not reached": (*AGENT, s(5, "failed", cause=3, error="no route")),
    "hung up while it rings": (*AGENT, CUSTOMER[0], s(8, "cancelled", cause=32)),
    "the switchboard restarts": (*AGENT, *CUSTOMER, TALK, s(40, "failed", error="it restarted")),
    "all at once": tuple(
        s(1, state)
        for state in ("agent_ringing", "agent_answered", "customer_ringing", "bridged", "completed")
    ),
    "only that they talk": (s(5, "bridged"), s(40, "completed", talk_seconds=34.0)),
}


def dialled() -> Call:
    call = Call(
        id="cal_00000000000000000000000000",
        state="requested",
        customer="+79161234567",
        requested_at=BEGIN,
        expires_at=BEGIN + timedelta(hours=1),
    )
    return begin_attempt(call)


def updates(steps: tuple[Step, ...]) -> list[CallUpdate]:
    """Return the steps as the platform tells them."""
    made = []
    for number, step in enumerate(steps):
        more = {key: value for key, value in step.items() if key not in ("at", "retry_at")}
        retry_at = BEGIN + timedelta(seconds=step["retry_at"]) if "retry_at" in step else None
        made.append(
            CallUpdate(
                external_id=str(number),
                conversation="+79161234567",
                occurred_at=BEGIN + timedelta(seconds=step["at"]),
                call="cal_00000000000000000000000000",
                attempt=1,
                retry_at=retry_at,
                **more,
            )
        )
    return made


def told(steps: list[CallUpdate]) -> tuple[Call, list[str]]:
    """Return what a call comes to, and the events that are told."""
    call, known, events = dialled(), Given(), []
    for step in steps:
        assert concerns(call, step)
        change = advance(call, known, step)
        call, known = change.call, change.given
        events += [each.type.value for each in change.told]
    return call, events


@pytest.mark.parametrize("name", SEQUENCES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_and_any_repetition_comes_to_the_same(name: str, data: st.DataObject) -> None:
    in_order = updates(SEQUENCES[name])
    expected, _ = told(in_order)
    repeated = data.draw(st.lists(st.sampled_from(in_order), max_size=4))
    shuffled = data.draw(st.permutations([*in_order, *repeated]))
    call, events = told(shuffled)
    assert call == expected
    assert sum(event in ("call.ended", "call.missed", "call.queued") for event in events) == 1
    assert len([event for event in events if event == "call.ringing"]) <= 2


@pytest.mark.parametrize("name", SEQUENCES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_call_that_is_over_stays_so(name: str, data: st.DataObject) -> None:
    """Whatever comes after the end, from any other story."""
    call, events = told(updates(SEQUENCES[name]))
    other = data.draw(st.sampled_from(sorted(SEQUENCES)))
    for step in updates(SEQUENCES[other]):
        change = advance(call, Given(), step)
        assert change.call.state == call.state
        assert change.told == []
        call = change.call
    assert call.state in ENDED | WAITING
    assert events


@pytest.mark.parametrize(
    ("name", "ring", "talk"),
    [
        ("answered", 5.0, 60.0),
        ("customer first", 5.0, 21.0),
        ("seconds of the platform's own", 4.5, 58.0),
        ("agent busy", None, None),
        ("the switchboard restarts", 5.0, 30.0),
        ("only that they talk", None, 34.0),
    ],
)
def test_seconds_are_the_platforms_or_follow_from_the_steps(
    name: str, ring: float | None, talk: float | None
) -> None:
    call, _ = told(updates(SEQUENCES[name]))
    assert (call.ring_seconds, call.talk_seconds) == (ring, talk)


def test_steps_are_told_once_in_order_and_what_was_overtaken_is_not_told() -> None:
    in_order = updates(SEQUENCES["answered"])
    assert told(in_order)[1] == [
        *("call.ringing", "call.answered", "call.ringing", "call.answered"),
        "call.ended",
    ]
    overtaken = [in_order[1], in_order[0], *in_order[2:]]
    assert told(overtaken)[1] == [
        *("call.answered", "call.ringing", "call.answered"),
        "call.ended",
    ]
    assert told(updates(SEQUENCES["only that they talk"]))[1] == ["call.answered", "call.ended"]


def test_an_earlier_attempt_has_no_say() -> None:
    second = begin_attempt(dialled())
    for step in updates(SEQUENCES["answered"]):
        assert not concerns(second, step)


def test_a_step_of_an_attempt_that_was_said_not_to_have_begun_begins_it() -> None:
    """The platform said that it did not dial, and rings all the same: no second one beside it."""
    waiting = dialled().model_copy(update={"state": "queued", "attempt": 0})
    (step, *_) = updates(SEQUENCES["answered"])
    assert concerns(waiting, step)
    change = advance(waiting, Given(), step)
    assert (change.call.state, change.call.attempt, change.due_at) == ("agent_ringing", 1, None)


def test_legs_stand_in_the_order_in_which_they_were_rung() -> None:
    call, _ = told(list(reversed(updates(SEQUENCES["customer first"]))))
    assert [leg.leg for leg in call.legs] == ["customer", "agent"]


def test_a_rule_that_goes_by_the_order_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking the time that was told last, instead of the earliest, depends on who repeats what."""
    monkeypatch.setattr(callfacts, "_earlier", lambda one, other: other)
    late = SEQUENCES["answered"][0]
    steps = updates((*SEQUENCES["answered"], {**late, "at": 2}))
    assert told(steps)[0] != told(steps[::-1])[0]
    monkeypatch.undo()
    assert told(steps)[0] == told(steps[::-1])[0]
