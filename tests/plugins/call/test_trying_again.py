"""What is tried again, when, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.plugins.call.scripted import HOURS, MONDAY, calls, step

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("attempt", "state", "after_seconds"),
    [
        (1, "customer_no_answer", 300),
        (2, "customer_no_answer", 900),
        (3, "customer_no_answer", None),
        (1, "customer_rejected", None),
        (1, "completed", None),
        (1, "cancelled", None),
        (1, "failed", 300),
    ],
)
async def test_a_try_that_reached_nobody_is_followed_by_another(attempt, state, after_seconds):
    async with calls() as (channel, host):
        call = host.begin_call(attempt=attempt)
        await channel.dial(call)
        await channel.tell(step(call.id, state, attempt))
        now = host.open_calls[call.id]
        if after_seconds is None:
            assert now.state == state
        else:
            assert now.state == "queued"
            assert now.callback_at == MONDAY + timedelta(seconds=after_seconds)


async def test_another_try_waits_for_working_hours():
    async with calls(hours=HOURS, now=MONDAY.replace(hour=17, minute=58)) as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        await channel.tell(step(call.id, "agent_busy"))
        assert host.open_calls[call.id].callback_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


async def test_who_has_talked_is_not_called_again():
    async with calls() as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        await channel.tell(step(call.id, "bridged"))
        await channel.tell(step(call.id, "failed", error="the switch was restarted"))
        assert host.open_calls[call.id].state == "failed"


async def test_what_is_taken_back_is_not_tried_again():
    async with calls() as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        await channel.hang_up(call)
        assert channel.driver.hung_up == channel.driver.begun
        await channel.tell(step(call.id, "agent_no_answer"))
        assert host.open_calls[call.id].state == "agent_no_answer"


async def test_what_never_began_is_taken_back_without_asking_anybody():
    async with calls() as (channel, host):
        call = host.begin_call()
        await channel.hang_up(call)
        assert host.open_calls[call.id].state == "cancelled"
        assert not channel.driver.hung_up
