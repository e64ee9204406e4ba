"""Calls by ARI through a real Asterisk: every way they go, and restarts in the middle of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import omnigate
from tests.asterisk.desks import (
    THROUGH_DIAL_PLAN,
    TRUNK,
    ari_desk,
    ended,
    is_idle,
    keep,
    named,
)
from tests.asterisk.switch import Asterisk
from tests.asterisk.tap import Tap
from tests.plugins.call.desks import until

pytestmark = pytest.mark.anyio
ENDPOINTS = pytest.mark.parametrize("endpoint", [TRUNK, THROUGH_DIAL_PLAN])


@pytest.fixture
async def tap(asterisk: Asterisk) -> AsyncIterator[Tap]:
    async with Tap(asterisk.url).running() as tap:
        yield tap


def legs(call: omnigate.Call) -> dict[str, omnigate.model.call.CallLeg]:
    return {leg.leg: leg for leg in call.legs}


async def test_the_switch_is_there_and_has_the_agents_phone(asterisk, tap):
    async with ari_desk(tap) as at:
        health = await at.channel.check()
        assert health.state == "up"
        assert asterisk.version in health.message


@ENDPOINTS
@pytest.mark.parametrize("order", ["agent_first", "customer_first"])
@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_the_two_talk_until_one_hangs_up(asterisk, tap, phone, order, who, endpoint):
    other = "customer" if who == "agent" else "agent"
    phones = {who: phone(who, "hangs_up"), other: phone(other, "answers")}
    async with ari_desk(tap, order=order, endpoint=endpoint) as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "completed"
        assert call.cause == 16
        assert (call.talk_seconds or 0) > 0.5
        assert (call.ring_seconds or 0) > 0.1
        first, second = order.removesuffix("_first"), {"agent", "customer"}
        assert [leg.leg for leg in call.legs] == [first, *(second - {first})]
        for leg in call.legs:
            assert all((leg.ringing_at, leg.answered_at, leg.ended_at))
            assert leg.cause == 16
        await until(lambda: phones[other].heard_bye == 1)
        assert (phones[who].rung, phones[other].rung) == (1, 1)
        keep(named(f"{who}_hangs_up_{order}", endpoint), asterisk, tap, call)


@ENDPOINTS
@pytest.mark.parametrize(
    ("does", "status", "state"),
    [
        ("refuses", "486 Busy Here", "customer_busy"),
        ("refuses", "603 Decline", "customer_rejected"),
        ("rings", "", "customer_no_answer"),
        (None, "", "failed"),
        ("refuses", "404 Not Found", "failed"),
        ("refuses", "503 Service Unavailable", "failed"),
    ],
)
async def test_a_customer_who_is_not_reached(asterisk, tap, phone, does, status, state, endpoint):
    agent = phone("agent", "answers")
    if does is not None:
        phone("customer", does, status=status)
    async with ari_desk(tap, endpoint=endpoint) as at:
        call = await ended(at, asterisk, await at.dial())
        what = f"customer_{status[:3] if status else does or 'unreachable'}"
        keep(named(what, endpoint), asterisk, tap, call)
        assert call.state == state, call
        assert bool(call.error) == (state == "failed")
        assert call.leg == "customer" or legs(call)["customer"].ended_at
        assert agent.rung == 1


async def test_a_dial_plan_that_does_not_end_with_the_cause_keeps_it(asterisk, tap, phone):
    """The sabotage twin: without its last line, a customer who declines was not reached."""
    phone("agent", "answers")
    phone("customer", "refuses", status="603 Decline")
    async with ari_desk(tap, endpoint="Local/{digits}@omnigate-out-bare") as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "failed", call
        keep("customer_603_by_bare_dial_plan", asterisk, tap, call)


@pytest.mark.parametrize(
    ("does", "status", "state"),
    [
        ("refuses", "486 Busy Here", "agent_busy"),
        ("refuses", "603 Decline", "agent_busy"),
        ("rings", "", "agent_no_answer"),
        (None, "", "failed"),
    ],
)
async def test_an_agent_who_is_not_reached_costs_the_customer_no_ringing(
    asterisk, tap, phone, does, status, state
):
    customer = phone("customer", "answers")
    if does is not None:
        phone("agent", does, status=status)
    async with ari_desk(tap) as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == state, call
        assert customer.rung == 0
        keep(f"agent_{status[:3] if status else does or 'unreachable'}", asterisk, tap, call)


@ENDPOINTS
@pytest.mark.parametrize(
    ("stage", "agent", "customer"),
    [
        ("agent_ringing", "rings", "answers"),
        ("customer_ringing", "answers", "rings"),
        ("bridged", "answers", "answers"),
    ],
)
async def test_a_call_is_taken_back(asterisk, tap, phone, stage, agent, customer, endpoint):
    phone("agent", agent)
    phone("customer", customer)
    async with ari_desk(tap, ring_seconds=60, endpoint=endpoint) as at:
        call_id = await at.dial()
        await at.channel.hang_up(await at.until(call_id, stage))
        call = await ended(at, asterisk, call_id)
        assert call.state == ("completed" if stage == "bridged" else "cancelled")
        keep(named(f"cancelled_{stage}", endpoint), asterisk, tap, call)


async def test_an_endpoint_that_is_not_there_is_said(asterisk, tap, phone):
    phone("agent", "answers")
    async with ari_desk(tap, endpoint="PJSIP/{number}@nowhere") as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "failed"
        assert "customer_endpoint" in (call.error or "")
        keep("customer_no_endpoint", asterisk, tap, call)


async def test_a_number_that_the_dial_plan_lets_not_through_is_not_rung(asterisk, tap, phone):
    phone("agent", "answers")
    customer = phone("customer", "answers")
    endpoint = "Local/{digits}@nowhere"
    async with ari_desk(tap, endpoint=endpoint) as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "failed"
        assert customer.rung == 0
        keep("customer_no_extension", asterisk, tap, call)


async def test_a_recording_is_made_and_fetched(asterisk, tap, phone):
    phone("agent", "answers")
    phone("customer", "hangs_up", talk_ms=2_500)
    async with ari_desk(tap, record=True, consent={"*": "It is recorded."}) as at:
        seen: list[omnigate.AttachmentRef] = []
        put = at.host.put

        async def noting(*items: omnigate.Inbound, **more: Any) -> Any:
            updates = [each for each in items if isinstance(each, omnigate.CallUpdate)]
            seen.extend(each.recording for each in updates if each.recording is not None)
            return await put(*items, **more)

        at.host.put = noting  # type: ignore[method-assign]
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "completed"
        await until(lambda: bool(seen))
        fetched = b"".join([chunk async for chunk in at.channel.fetch(seen[0])])
        assert fetched.startswith(b"RIFF")
        assert len(fetched) > 8_000, "half a second of what was said"
        assert (seen[0].duration_seconds or 0) >= 1
        keep("recorded", asterisk, tap, call)


# ---- restarts and lost connections


@ENDPOINTS
@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_a_lost_connection_costs_no_call(asterisk, tap, phone, stage, endpoint):
    agent = phone("agent", "answers", ring_ms=3_000 if stage == "agent_ringing" else 0)
    customer = phone(
        "customer", "hangs_up", ring_ms=3_000 if stage == "customer_ringing" else 0, talk_ms=4_000
    )
    async with ari_desk(tap, endpoint=endpoint) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        await tap.disconnect()
        await at.is_back()
        call = await ended(at, asterisk, call_id)
        assert call.state == "completed", call
        assert call.bridged_at is not None
        assert (agent.rung, customer.rung) == (1, 1)


@ENDPOINTS
@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_a_restarted_channel_picks_up_what_is_under_way(
    asterisk, tap, phone, stage, endpoint
):
    agent = phone("agent", "answers", ring_ms=3_000 if stage == "agent_ringing" else 0)
    customer = phone(
        "customer", "hangs_up", ring_ms=3_000 if stage == "customer_ringing" else 0, talk_ms=4_000
    )
    async with ari_desk(tap, endpoint=endpoint) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        store = at.host.store
    async with ari_desk(tap, store, endpoint=endpoint) as at:
        call = await ended(at, asterisk, call_id)
        assert call.state == "completed", call
        assert (agent.rung, customer.rung) == (1, 1)
        assert tap.originates == 2


@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_a_switch_that_crashes_ends_its_calls_and_takes_others(asterisk, tap, phone, stage):
    agent = phone("agent", "answers", ring_ms=4_000 if stage == "agent_ringing" else 0)
    phone("customer", "answers", ring_ms=4_000 if stage == "customer_ringing" else 0)
    async with ari_desk(tap) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        asterisk.restart()
        call = await at.is_over(call_id)
        assert call.state == "failed", call
        assert call.error == "the switch was restarted"
        await until(lambda: at.host.states[-1][0] == "up")
        again = await at.dial()
        await at.until(again, "agent_ringing", "agent_answered", "bridged")
        await at.channel.hang_up(at.call(again))
        await ended(at, asterisk, again)
        assert agent.rung == 2


async def test_what_belongs_to_nothing_is_hung_up(asterisk, tap, phone):
    phone("agent", "answers", ring_ms=0)
    phone("customer", "answers", ring_ms=0)
    async with ari_desk(tap) as at:
        await at.until(await at.dial(), "bridged")
    async with ari_desk(tap):  # over an empty store
        await is_idle(asterisk)
