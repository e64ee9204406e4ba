"""Attempts: whom they ring, with whose line, and what they never do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from omnigate_call.lasting import longest_seconds
from omnigate_call.providers.provider import LOOK_SECONDS

import omnigate
from omnigate.testing import MemoryStore
from tests.plugins.call.desks import ANNA
from tests.plugins.call.scripted import HOURS, MONDAY, calls, step

pytestmark = pytest.mark.anyio

LONG_AGO = MONDAY - timedelta(days=30)


async def test_an_attempt_is_all_the_operators():
    async with calls(order="customer_first", ring_seconds=20) as (channel, host):
        call = host.begin_call()
        assert await channel.dial(call) == {"leg_a": "a-1"}
        (attempt,) = channel.driver.begun
        assert attempt.legs == ("customer", "agent")
        assert (attempt.customer, attempt.caller_id) == (ANNA, "+74951234567")
        assert (attempt.agent_name, attempt.ring_seconds) == ("sales", 20)


async def test_the_same_attempt_is_never_dialled_twice():
    async with calls() as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        await channel.dial(call)
        assert len(channel.driver.begun) == 1


async def test_numbers_are_looked_at_again_before_they_are_dialled():
    async with calls(do_not_call=[ANNA]) as (channel, host):
        with pytest.raises(omnigate.Refused) as caught:
            await channel.dial(host.begin_call())
        assert caught.value.code == "do_not_call"


async def test_agents_take_turns_and_have_so_many_lines():
    agents = {"anna": "PJSIP/1", "boris": {"endpoint": "PJSIP/2", "lines": 2}}
    async with calls(agents=agents) as (channel, host):
        assert channel.capacity() == 3
        for _ in range(3):
            await channel.dial(host.begin_call())
        assert channel.capacity() == 3
        rung = [attempt.agent_name for attempt in channel.driver.begun]
        assert rung == ["anna", "boris", "boris"]
        with pytest.raises(omnigate.RetryLater, match="on a call"):
            await channel.dial(host.begin_call())


async def test_there_are_never_more_calls_at_once_than_concurrency():
    agents = {"sales": {"endpoint": "PJSIP/1", "lines": 50}}
    async with calls(agents=agents, concurrency=3) as (channel, _):
        assert channel.capacity() == 3


async def test_calls_of_an_agent_who_is_gone_keep_no_line_of_another_but_one_of_the_channel():
    """Nor do those of one who has fewer lines by now."""
    store = MemoryStore()
    before = {
        "anna": {"endpoint": "PJSIP/1", "lines": 2},
        "sales": {"endpoint": "PJSIP/2", "lines": 3},
    }
    async with calls(store, agents=before) as (channel, host):
        for agent in ("anna", "anna", "sales", "sales"):
            await channel.dial(host.begin_call(agent=agent))
    after = {"sales": "PJSIP/2", "boris": "PJSIP/3"}
    async with calls(store, agents=after) as (channel, host):
        await channel._under_way.load()
        assert channel.capacity() == 5, "two of nobody, two of sales, and one of boris"
        await channel.dial(host.begin_call())
        assert [attempt.agent_name for attempt in channel.driver.begun] == ["boris"]
        with pytest.raises(omnigate.RetryLater, match="on a call"):
            await channel.dial(host.begin_call())
    async with calls(store, agents=after, concurrency=4) as (channel, _):
        await channel._under_way.load()
        assert channel.capacity() == 4, "the channel has no more lines than that"


async def test_a_line_that_an_operator_made_free_is_used_at_once():
    """The channel hears of such an end only when it looks; nobody waits for that."""
    async with calls() as (channel, host):
        held = host.begin_call()
        await channel.dial(held)
        channel._under_way.add(replace(channel.driver.begun[0], begun_at=LONG_AGO))
        host.open_calls[held.id] = held.model_copy(update={"state": "completed"})
        await channel.dial(host.begin_call())
        assert len(channel.driver.begun) == 2


async def test_the_daemon_looks_for_a_call_only_when_its_driver_must_have_settled_it():
    async with calls(ring_seconds=30, max_call_seconds=600) as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        (attempt,) = channel.driver.begun
        assert channel.quiet_seconds(call) > longest_seconds(attempt) + LOOK_SECONDS
        assert channel.longest_seconds(call) > channel.quiet_seconds(call)


async def test_at_night_nobody_is_rung_whatever_was_promised():
    async with calls(hours=HOURS, now=MONDAY.replace(hour=17)) as (channel, host):
        channel.now = MONDAY.replace(hour=18, minute=30)
        with pytest.raises(omnigate.RetryLater) as caught:
            await channel.dial(host.begin_call())
        assert caught.value.after_seconds == 14.5 * 3600


async def test_another_agent_is_rung_when_the_first_did_not_answer():
    agents = {"anna": "PJSIP/1", "boris": "PJSIP/2"}
    async with calls(agents=agents) as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        await channel.tell(step(call.id, "agent_no_answer"))
        again = host.open_calls[call.id].model_copy(update={"state": "dialling", "attempt": 2})
        host.open_calls[call.id] = again
        assert again.agent == "anna"
        await channel.dial(again)
        assert [attempt.agent_name for attempt in channel.driver.begun] == ["anna", "boris"]


async def test_the_agent_who_was_asked_for_is_rung_again():
    agents = {"anna": "PJSIP/1", "boris": "PJSIP/2"}
    async with calls(agents=agents) as (channel, host):
        call = host.begin_call(agent="boris")
        await channel.dial(call)
        await channel.tell(step(call.id, "agent_no_answer"))
        again = host.open_calls[call.id].model_copy(update={"state": "dialling", "attempt": 2})
        host.open_calls[call.id] = again
        await channel.dial(again)
        assert [attempt.agent_name for attempt in channel.driver.begun] == ["boris", "boris"]
