"""Calls through each provider, from the request to the end, as the daemon sees them."""

from __future__ import annotations

import random

import pytest

from omnigate.testing import MemoryStore
from tests.plugins.call.providers.lines import KINDS, line, story

pytestmark = pytest.mark.anyio


ENDS = {"talk": "completed", "busy": "customer_busy", "no_answer": "customer_no_answer"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ENDS)
async def test_a_call_is_followed_to_its_end(kind, what):
    async with line(kind) as at:
        call_id = await at.dial()
        assert set(await at.tell(*story(kind, call_id, what))) == {200}
        call = at.call(call_id)
        assert call.state == ENDS[what]
        assert call.talk_seconds == (42 if what == "talk" else None)
        assert (call.bridged_at is not None) == (what == "talk")
        assert at.provider.placed == 1
        assert at.host.store.quarantine == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_legs_say_what_each_phone_did(kind):
    async with line(kind) as at:
        call_id = await at.dial()
        await at.tell(*story(kind, call_id, "busy"))
        agent, customer = sorted(at.call(call_id).legs, key=lambda leg: leg.leg)
        assert (agent.ringing_at is not None, agent.answered_at is not None) == (True, True)
        assert (customer.ringing_at is not None, customer.answered_at) == (True, None)
        assert customer.cause == 17


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ENDS)
@pytest.mark.parametrize("seed", range(2))
async def test_events_out_of_order_and_repeated_come_to_the_same(kind, what, seed):
    print(f"seed {seed}")
    async with line(kind) as at:
        call_id = await at.dial()
        told = list(story(kind, call_id, what))
        told += random.Random(seed).sample(told, 2)
        if kind in ("zadarma", "novofon_old", "sipuni"):
            # Without a name of ours the first one of a call has to come while it is under way.
            first, *rest = told
            random.Random(seed).shuffle(rest)
            told = [first, *rest]
        else:
            random.Random(seed).shuffle(told)
        if kind == "mango":  # the event that bears our name is the first of all
            told = [*story(kind, call_id, what)[:2], *told]
        assert set(await at.tell(*told)) == {200}
        assert at.call(call_id).state == ENDS[what]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_replay_changes_nothing(kind):
    async with line(kind) as at:
        call_id = await at.dial()
        told = story(kind, call_id, "talk")
        await at.tell(*told)
        before, stored = at.call(call_id), len(at.host.store.notes["calls"])
        assert set(await at.tell(*told, *reversed(told))) == {200}
        assert at.call(call_id) == before
        assert len(at.host.store.notes["calls"]) == stored


@pytest.mark.parametrize("kind", KINDS)
async def test_calls_of_others_are_none_of_ours(kind):
    """The provider tells of every call of the account."""
    async with line(kind) as at:
        assert set(await at.tell(*story(kind, "cal_" + "1" * 26, "talk"))) == {200}
        assert at.host.open_calls == {}
        assert at.host.store.quarantine == []


@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_restart_the_events_still_find_their_call(kind):
    store = MemoryStore()
    async with line(kind, store=store) as at:
        call_id = await at.dial()
        told = story(kind, call_id, "talk")
        await at.tell(*told[:2])
    async with line(kind, store=store) as at:
        await at.channel._under_way.load()
        await at.tell(*told[2:])
        assert at.call(call_id).state == "completed"


async def test_old_ids_are_forgotten(monkeypatch):
    async with line("mango") as at:
        call_id = await at.dial()
        await at.tell(*story("mango", call_id, "talk"))
        assert await at.driver.tries.find("ENTRY1") is not None
        monkeypatch.setattr("omnigate_call.providers.tries.KEEP_SECONDS", -10.0)
        await at.driver.tries.forget_old()
        assert await at.driver.tries.find("ENTRY1") is None
