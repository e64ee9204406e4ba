"""Calls through an Asterisk: every way they go, whichever of answers and events is first."""

from __future__ import annotations

import pytest
from omnigate_call.ari.line import Line

import omnigate
from tests.plugins.call.ari import ScriptedAri, channel_of
from tests.plugins.call.desks import AGENT, TRUNK, desk, talking

pytestmark = pytest.mark.anyio


def details(call: omnigate.Call) -> dict[str, tuple[bool, bool, int | None]]:
    """Return of each leg whether it rang and was answered, and its cause."""
    return {
        leg.leg: (leg.ringing_at is not None, leg.answered_at is not None, leg.cause)
        for leg in call.legs
    }


@pytest.mark.parametrize("version", [16, 22])
@pytest.mark.parametrize("events_first", [True, False])
@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_the_two_are_brought_together_and_either_ends_it(version, events_first, who):
    async with ScriptedAri(version=version).running() as switch:
        switch.phones = {AGENT: "answer", TRUNK: "answer"}
        switch.events_first = events_first
        async with desk(switch) as at:
            call_id = await talking(at)
            assert [leg.endpoint for leg in switch.dialled] == [AGENT, TRUNK]
            await switch.hang_up(channel_of(call_id, who))
            call = await at.until(call_id, "completed")
            await at.is_idle()
            assert call.cause == 16
            assert call.agent == "sales"
            assert call.talk_seconds is not None
            other = "customer" if who == "agent" else "agent"
            await at.until_leg(call_id, other)
            assert details(at.call(call_id)) == {
                "agent": (True, True, 16),
                "customer": (True, True, 16),
            }
            assert {leg.leg: leg.provider_id for leg in call.legs} == {
                leg: channel_of(call_id, leg) for leg in ("agent", "customer")
            }


async def test_the_customer_is_rung_first_where_it_is_configured(switch):
    async with desk(switch, order="customer_first") as at:
        await talking(at)
        assert [leg.endpoint for leg in switch.dialled] == [TRUNK, AGENT]


async def test_what_phones_show_and_how_long_they_ring_is_the_operators(switch):
    async with desk(switch, ring_seconds=20, max_call_seconds=600) as at:
        await talking(at)
        agent, customer = switch.dialled
        assert agent.query["callerId"] == "+79161234567"
        assert customer.query["callerId"] == "+74951234567"
        assert customer.query["originator"] == agent.id
        assert {leg.query["timeout"] for leg in switch.dialled} == {"20"}
        assert int(customer.variables["TIMEOUT(absolute)"]) >= 600


@pytest.mark.parametrize("version", [16, 22])
@pytest.mark.parametrize("events_first", [True, False])
@pytest.mark.parametrize(
    ("agent", "customer", "state", "leg"),
    [
        ("busy", "answer", "agent_busy", "agent"),
        ("reject", "answer", "agent_busy", "agent"),
        ("no_answer", "answer", "agent_no_answer", "agent"),
        ("unreachable", "answer", "failed", "agent"),
        ("offline", "answer", "failed", "agent"),
        ("answer", "busy", "customer_busy", "customer"),
        ("answer", "reject", "customer_rejected", "customer"),
        ("answer", "no_answer", "customer_no_answer", "customer"),
        ("answer", "unreachable", "failed", "customer"),
        ("answer", "offline", "failed", "customer"),
    ],
)
async def test_a_phone_that_is_not_reached_ends_it(
    version, events_first, agent, customer, state, leg
):
    async with ScriptedAri(version=version).running() as switch:
        switch.phones = {AGENT: agent, TRUNK: customer}
        switch.events_first = events_first
        async with desk(switch, retry_after_seconds=[]) as at:
            call = await at.until(await at.dial(), "completed", state)
            await at.is_idle()
            assert call.state == state
            assert leg in details(call)
            if state == "failed":
                assert call.error


async def test_the_first_phone_hears_ringing_until_the_second_is_taken(switch):
    switch.phones[TRUNK] = "silent"
    async with desk(switch) as at:
        call_id = await at.dial()
        await at.until(call_id, "customer_ringing")
        agent = switch.channels[channel_of(call_id, "agent")]
        assert agent.is_ringing_indicated
        await switch.answer(channel_of(call_id, "customer"))
        await at.until(call_id, "bridged")
        assert not agent.is_ringing_indicated


@pytest.mark.parametrize(
    ("stage", "agent", "customer"),
    [
        ("agent_ringing", "silent", "silent"),
        ("customer_ringing", "answer", "silent"),
        ("bridged", "answer", "answer"),
    ],
)
async def test_a_call_can_be_taken_back_at_every_stage(switch, stage, agent, customer):
    switch.phones = {AGENT: agent, TRUNK: customer}
    async with desk(switch) as at:
        call_id = await at.dial()
        call = await at.until(call_id, stage)
        await at.channel.hang_up(call)
        call = await at.until(call_id, "completed" if stage == "bridged" else "cancelled")
        await at.is_idle()
        for leg in [leg.leg for leg in call.legs]:
            await at.until_leg(call_id, leg)
        await at.channel.hang_up(call)  # what is over already is a success
        assert at.call(call_id).state == call.state


async def test_an_agent_who_hangs_up_too_early_costs_the_customer_no_ringing(switch):
    switch.phones[TRUNK] = "silent"
    async with desk(switch, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        await at.until(call_id, "customer_ringing")
        await switch.hang_up(channel_of(call_id, "agent"))
        call = await at.until(call_id, "failed")
        assert "agent hung up" in (call.error or "")
        await at.is_idle()


async def test_a_switch_does_not_end_the_other_leg_by_itself(switch, monkeypatch):
    """The sabotage twin: a line that clears nothing leaves an agent in an empty bridge."""

    async def nothing(line: Line) -> None:
        return None

    monkeypatch.setattr(Line, "_clear", nothing)
    async with desk(switch) as at:
        call_id = await talking(at)
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        assert list(switch.channels) == [channel_of(call_id, "agent")]
        assert switch.bridges


async def test_a_phone_that_rings_for_ever_is_given_up_by_our_own_clock(switch, monkeypatch):
    monkeypatch.setattr("omnigate_call.ari.line.RING_GRACE_SECONDS", -4.9)
    switch.phones[AGENT] = "silent"
    async with desk(switch, ring_seconds=5, retry_after_seconds=[]) as at:
        await at.until(await at.dial(), "agent_no_answer")
        await at.is_idle()


async def test_the_longest_talk_is_cut_off(switch, monkeypatch):
    async with desk(switch, max_call_seconds=30) as at:
        object.__setattr__(at.channel.config, "max_call_seconds", 0.2)
        call = await at.until(await at.dial(), "completed")
        assert "max_call_seconds" in (call.error or "")
        assert (call.cause, call.cause_text) == (102, "too_long")
        await at.is_idle()
