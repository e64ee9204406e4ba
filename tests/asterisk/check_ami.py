"""Calls by AMI through a real Asterisk: the ways they go, and restarts in the middle of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.asterisk.desks import THROUGH_DIAL_PLAN, TRUNK, ami_desk, ended, keep_manager, named
from tests.asterisk.managertap import ManagerTap
from tests.asterisk.switch import Asterisk
from tests.plugins.call.desks import until

pytestmark = pytest.mark.anyio
ENDPOINTS = pytest.mark.parametrize("endpoint", [TRUNK, THROUGH_DIAL_PLAN])


@pytest.fixture
async def tap(asterisk: Asterisk) -> AsyncIterator[ManagerTap]:
    async with ManagerTap(asterisk.ports.manager).running() as tap:
        yield tap
    print(*tap.notes, sep="\n")  # shown when it fails


async def test_the_switch_is_there(asterisk):
    async with ami_desk(asterisk) as at:
        assert (await at.channel.check()).state == "up"


@ENDPOINTS
@pytest.mark.parametrize("order", ["agent_first", "customer_first"])
@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_the_two_talk_until_one_hangs_up(asterisk, tap, phone, order, who, endpoint):
    other = "customer" if who == "agent" else "agent"
    phones = {who: phone(who, "hangs_up"), other: phone(other, "answers")}
    async with ami_desk(asterisk, tap=tap, order=order, endpoint=endpoint) as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "completed", call
        assert call.cause == 16
        assert (call.talk_seconds or 0) > 0.5
        await until(lambda: phones[other].heard_bye == 1)
        assert (phones[who].rung, phones[other].rung) == (1, 1)
        keep_manager(named(f"{who}_hangs_up_{order}", endpoint), asterisk, tap, call)


async def test_a_channel_through_the_dial_plan_goes_out_of_the_way_unless_it_is_kept(
    asterisk, tap, phone, monkeypatch
):
    """The sabotage twin: without option n the call is over for us while the two still talk."""
    monkeypatch.setattr("omnigate_call.ami.originate.lasting", str)
    phone("agent", "answers")
    phone("customer", "answers")
    async with ami_desk(asterisk, tap=tap, endpoint=THROUGH_DIAL_PLAN) as at:
        call = await ended(at, asterisk, await at.dial())  # and nobody has hung up
        assert call.state == "completed", call
        assert tap.events("LocalOptimizationBegin")
        keep_manager("optimised", asterisk, tap, call)


@ENDPOINTS
@pytest.mark.parametrize(
    ("does", "status", "state"),
    [
        ("refuses", "486 Busy Here", "customer_busy"),
        ("refuses", "603 Decline", "customer_rejected"),
        ("refuses", "404 Not Found", "failed"),
        ("rings", "", "customer_no_answer"),
        (None, "", "failed"),
    ],
)
async def test_a_customer_who_is_not_reached(asterisk, tap, phone, does, status, state, endpoint):
    agent = phone("agent", "answers")
    if does is not None:
        phone("customer", does, status=status)
    async with ami_desk(asterisk, tap=tap, endpoint=endpoint) as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == state, call
        assert agent.rung == 1
        what = f"customer_{status[:3] if status else does or 'unreachable'}"
        keep_manager(named(what, endpoint), asterisk, tap, call)


@ENDPOINTS
async def test_an_agent_who_hangs_up_too_early_is_said(asterisk, tap, phone, endpoint):
    phone("agent", "hangs_up", talk_ms=1_000)
    phone("customer", "rings")
    async with ami_desk(asterisk, tap=tap, endpoint=endpoint, ring_seconds=60) as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "failed", call
        assert "agent hung up" in (call.error or "")
        keep_manager(named("agent_gives_up", endpoint), asterisk, tap, call)


async def test_a_dial_plan_that_does_not_end_with_the_cause_keeps_it(asterisk, tap, phone):
    """The sabotage twin: without its last line, a customer who declines was not reached."""
    phone("agent", "answers")
    phone("customer", "refuses", status="603 Decline")
    async with ami_desk(asterisk, tap=tap, endpoint="Local/{digits}@omnigate-out-bare") as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == "failed", call
        keep_manager("customer_603_by_bare_dial_plan", asterisk, tap, call)


@pytest.mark.parametrize(
    ("does", "status", "state"),
    [
        ("refuses", "486 Busy Here", "agent_busy"),
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
    async with ami_desk(asterisk, tap=tap) as at:
        call = await ended(at, asterisk, await at.dial())
        assert call.state == state, call
        assert customer.rung == 0
        what = f"agent_{status[:3] if status else does or 'unreachable'}"
        keep_manager(what, asterisk, tap, call)


@pytest.mark.parametrize(
    ("stage", "agent", "customer"),
    [
        ("agent_ringing", "rings", "answers"),
        ("customer_ringing", "answers", "rings"),
        ("bridged", "answers", "answers"),
    ],
)
async def test_a_call_is_taken_back(asterisk, tap, phone, stage, agent, customer):
    phone("agent", agent)
    phone("customer", customer)
    async with ami_desk(asterisk, tap=tap, ring_seconds=60) as at:
        call_id = await at.dial()
        await at.channel.hang_up(await at.until(call_id, stage))
        call = await ended(at, asterisk, call_id)
        assert call.state == ("completed" if stage == "bridged" else "cancelled")
        keep_manager(f"cancelled_{stage}", asterisk, tap, call)


@ENDPOINTS
@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_a_restarted_channel_picks_up_what_is_under_way(asterisk, phone, stage, endpoint):
    agent = phone("agent", "answers", ring_ms=3_000 if stage == "agent_ringing" else 0)
    customer = phone(
        "customer", "hangs_up", ring_ms=3_000 if stage == "customer_ringing" else 0, talk_ms=4_000
    )
    async with ami_desk(asterisk, endpoint=endpoint) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        store = at.host.store
    async with ami_desk(asterisk, store, endpoint=endpoint) as at:
        call = await ended(at, asterisk, call_id)
        assert call.state == "completed", call
        assert (agent.rung, customer.rung) == (1, 1)


async def test_a_switch_that_crashes_ends_its_calls_and_takes_others(asterisk, phone):
    agent = phone("agent", "answers")
    phone("customer", "answers")
    async with ami_desk(asterisk) as at:
        call_id = await at.dial()
        await at.until(call_id, "bridged")
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
