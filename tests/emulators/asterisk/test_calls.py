"""The channel that calls people, against the emulated switch: what phones do is what a call says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import omnigate
from omnigate.emulators.asterisk import AsteriskEmulator, CannotDo, Phone
from tests.plugins.call.ari import LOGIN
from tests.plugins.call.desks import AGENT, ANNA, desk, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def switch() -> AsyncIterator[AsteriskEmulator]:
    async with AsteriskEmulator(*LOGIN) as switch:
        yield switch


@pytest.fixture
def agent(switch: AsteriskEmulator) -> Phone:
    return switch.add_phone(AGENT)


@pytest.fixture
def customer(switch: AsteriskEmulator) -> Phone:
    return switch.add_phone("PJSIP/*@trunk")


async def rings(switch: AsteriskEmulator, phone: Phone) -> None:
    await switch.changes.wait_for(lambda: phone.state == "ringing")


@pytest.mark.parametrize("ends_it", ["agent", "customer"])
async def test_both_answer_and_talk_until_either_puts_the_phone_down(
    switch: AsteriskEmulator, agent: Phone, customer: Phone, ends_it: str
) -> None:
    async with desk(switch) as at:
        call_id = await at.dial()
        await rings(switch, agent)
        assert agent.caller == ANNA
        assert customer.state == "idle"
        agent.answer()
        assert agent.state == "waiting"
        await rings(switch, customer)
        assert customer.caller == "+74951234567"
        customer.answer()
        await at.until(call_id, "bridged")
        assert (agent.state, customer.state) == ("talking", "talking")
        {"agent": agent, "customer": customer}[ends_it].hang_up()
        call = await at.until(call_id, "completed")
        await until(lambda: not switch.switch.channels and not switch.switch.bridges)
        assert call.cause == 16
        assert [len(phone.rung) for phone in (agent, customer)] == [1, 1]


@pytest.mark.parametrize(
    ("habits", "state"),
    [
        (("busy", "answers"), "agent_busy"),
        (("declines", "answers"), "agent_busy"),
        (("does_not_answer", "answers"), "agent_no_answer"),
        (("unreachable", "answers"), "failed"),
        (("away", "answers"), "failed"),
        (("answers", "busy"), "customer_busy"),
        (("answers", "declines"), "customer_rejected"),
        (("answers", "does_not_answer"), "customer_no_answer"),
        (("answers", "unreachable"), "failed"),
    ],
)
async def test_a_phone_that_is_not_reached_ends_the_call(
    switch: AsteriskEmulator, agent: Phone, customer: Phone, habits: tuple[str, str], state: str
) -> None:
    agent.habit, customer.habit = habits  # type: ignore[assignment]  # they are of the table above
    async with desk(switch, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        assert (await at.is_over(call_id)).state == state
        await until(lambda: not switch.switch.channels and not switch.switch.bridges)


async def test_a_phone_that_rings_can_be_declined(
    switch: AsteriskEmulator, agent: Phone, customer: Phone
) -> None:
    agent.habit = "answers"
    async with desk(switch, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        await rings(switch, customer)
        customer.decline()
        assert (await at.is_over(call_id)).state == "customer_rejected"
        assert customer.last_end is not None
        assert customer.last_end.number == 21


async def test_a_phone_in_a_call_is_busy_for_the_next(
    switch: AsteriskEmulator, agent: Phone
) -> None:
    customers = [switch.add_phone(f"PJSIP/{number}@trunk") for number in (ANNA, "+79161234568")]
    async with desk(switch, agents={"a": AGENT, "b": "PJSIP/200"}, retry_after_seconds=[]) as at:
        switch.add_phone("PJSIP/200", "answers")
        agent.habit = "answers"
        first = await at.dial(agent="a")
        await rings(switch, customers[0])
        second = await at.dial(agent="b")  # to the same number
        assert (await at.is_over(second)).state == "customer_busy"
        customers[0].answer()
        await at.until(first, "bridged")


async def test_what_is_recorded_can_be_fetched(
    switch: AsteriskEmulator, agent: Phone, customer: Phone
) -> None:
    agent.habit = customer.habit = "answers"
    async with desk(switch, record=True, consent={"*": "We record."}) as at:
        call_id = await at.dial()
        await at.until(call_id, "bridged")
        await until(lambda: any(bridge.recording for bridge in switch.switch.bridges.values()))
        agent.hang_up()
        await at.until(call_id, "completed")
        await until(lambda: bool(switch.switch.recordings))
        [(name, kept)] = switch.switch.recordings.items()
        recording = omnigate.AttachmentRef(kind="audio", mime="audio/wav", ref={"recording": name})
        fetched = b"".join([chunk async for chunk in at.channel.fetch(recording)])
        assert fetched == kept
        assert fetched.startswith(b"RIFF")


async def test_a_restart_of_the_switch_ends_calls_and_lets_new_ones_in(
    switch: AsteriskEmulator, agent: Phone, customer: Phone
) -> None:
    agent.habit = "answers"
    async with desk(switch, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        await rings(switch, customer)
        await switch.restart()
        assert (await at.is_over(call_id)).state == "failed"
        await at.is_back()
        customer.habit = "answers"
        await at.until(await at.dial(), "bridged")


async def test_an_answer_that_is_lost_does_not_ring_twice(
    switch: AsteriskEmulator, agent: Phone, customer: Phone
) -> None:
    agent.habit = customer.habit = "answers"
    switch.faults.add(method="POST /channels", chat=None, cut="after")
    async with desk(switch) as at:
        call = at.host.begin_call(ANNA)
        with pytest.raises(Exception, match="may ring"):
            await at.channel.dial(call)
        await at.until(call.id, "bridged")
        assert [len(phone.rung) for phone in (agent, customer)] == [1, 1]


async def test_a_phone_does_only_what_it_can(
    switch: AsteriskEmulator, agent: Phone, customer: Phone
) -> None:
    for touch in (agent.answer, agent.decline, agent.hang_up):
        with pytest.raises(CannotDo, match="idle"):
            touch()
    async with desk(switch) as at:
        await at.dial()
        await rings(switch, agent)
        with pytest.raises(CannotDo, match="ringing"):
            agent.hang_up()
