"""What a channel of calls remembers of those under way, and what providers tell it of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession
from omnigate_call import Calls

import omnigate
from omnigate.testing import FakeHost, MemoryStore, serve
from tests.plugins.call.desks import section
from tests.plugins.call.scripted import BORIS, MONDAY, calls, lines_taken, step

pytestmark = pytest.mark.anyio


async def test_what_is_under_way_is_known_after_a_restart():
    store = MemoryStore()
    async with calls(store) as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        await channel.tell(step(call.id, "agent_ringing"))
    async with calls(store) as (channel, host):
        (attempt,) = await channel.attempts()
        assert (attempt.call_id, attempt.number, attempt.state) == (call.id, 1, "agent_ringing")
        assert attempt.begun_at == MONDAY
        await channel.hang_up(host.open_calls[call.id])
        assert len(channel.driver.hung_up) == 1


async def test_what_was_noted_is_asked_about_and_what_was_not_never_began():
    store = MemoryStore()
    async with calls(store) as (channel, host):
        noted, unnoted = host.begin_call(), host.begin_call(BORIS)
        await channel.dial(noted)
    async with calls(store) as (channel, host):
        channel.driver.found = omnigate.Uncertain("nobody can tell")
        with pytest.raises(omnigate.Uncertain):
            await channel.follow_up(noted)
        assert await channel.follow_up(unnoted) is None
        channel.driver.found = step(noted.id, "dialling")
        update = await channel.follow_up(noted)
        assert update is not None
        assert (update.call, update.agent) == (noted.id, "sales")
        assert lines_taken(channel) == 1


LONG_AGO = MONDAY - timedelta(days=30)


async def test_a_call_that_is_held_keeps_a_line_only_as_long_as_it_can_last():
    store = MemoryStore()
    async with calls(store, now=LONG_AGO) as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        host.open_calls[call.id] = call.model_copy(update={"state": "unknown"})
    async with calls(store) as (channel, host):
        await channel._under_way.load()
        assert lines_taken(channel) == 0
        assert await channel.attempts() == []
        await channel.hang_up(host.open_calls[call.id])
        assert [attempt.call_id for attempt in channel.driver.hung_up] == [call.id]


@pytest.mark.parametrize("state", ["unknown", "dialling", "bridged"])
async def test_a_call_that_may_still_last_keeps_its_line(state):
    begun_at = datetime.now(UTC) if state == "unknown" else LONG_AGO
    store = MemoryStore()
    async with calls(store, now=begun_at) as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        host.open_calls[call.id] = call.model_copy(update={"state": state})
    async with calls(store) as (channel, host):
        await channel._under_way.load()
        assert lines_taken(channel) == 1


async def test_a_call_is_followed_to_its_end_though_its_agent_is_no_longer_configured():
    store = MemoryStore()
    agents = {"sales": {"endpoint": "PJSIP/100", "lines": 2}}
    async with calls(store, agents=agents) as (channel, host):
        ringing, doubted = host.begin_call(), host.begin_call(BORIS)
        for call in (ringing, doubted):
            await channel.dial(call)
        await channel.tell(step(ringing.id, "agent_ringing"))
    async with calls(store, agents={"support": "PJSIP/200"}) as (channel, host):
        named = {attempt.call_id: attempt.agent_name for attempt in await channel.attempts()}
        assert named == {ringing.id: "sales", doubted.id: "sales"}
        await channel.hang_up(host.open_calls[ringing.id])
        assert len(channel.driver.hung_up) == 1
        with pytest.raises(omnigate.Uncertain, match="no longer configured"):
            await channel.follow_up(doubted)
        taken = doubted.model_copy(update={"provider_ids": {"leg_a": "a-2"}})
        channel.driver.found = step(doubted.id, "agent_ringing")
        update = await channel.follow_up(taken)
        assert update is not None
        assert (update.state, update.agent) == ("agent_ringing", "sales")


async def test_calls_of_a_provider_are_proven_kept_and_answered():
    async with calls() as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        async with serve(channel, host) as url, ClientSession() as http:
            hook = f"{url}/hook"
            body = {"call": call.id, "state": "agent_ringing"}
            async with http.post(hook, json=body) as answer:
                assert answer.status == 401
            assert host.open_calls[call.id].state == "dialling"
            right = {"x-token": "right"}
            async with http.post(hook, json=body, headers=right) as answer:
                assert (answer.status, await answer.text()) == (200, '{"success":true}')
            assert host.open_calls[call.id].state == "agent_ringing"
            async with http.post(hook, data=b"\xff junk", headers=right) as answer:
                assert answer.status == 200
            async with http.get(f"{hook}?event=1", headers=right) as answer:
                assert answer.status == 200
        assert [body for body, _ in host.store.quarantine] == [b"\xff junk", b"event=1"]
        await channel.take_again(
            omnigate.Request(
                method="POST",
                path="/hook",
                query={},
                headers={},
                body=f'{{"call":"{call.id}","state":"agent_answered"}}'.encode(),
            )
        )
        assert host.open_calls[call.id].state == "agent_answered"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        (section("https://pbx.example.org:8089"), "pbx.example.org:8089"),
        (section("https://pbx.example.org"), "pbx.example.org"),
        (
            {
                **section(),
                "driver": "ami",
                "ari": None,
                "ami": {
                    "host": "10.0.0.7",
                    "username": "omnigate",
                    "password": "p",
                    "customer_endpoint": "PJSIP/{number}@trunk",
                },
            },
            "10.0.0.7:5038",
        ),
    ],
)
def test_a_switch_has_no_address_to_call_and_is_named_instead(given, host):
    channel = Calls(Calls.Config.model_validate(given), FakeHost("calls"))
    assert list(channel.routes()) == []
    assert channel.talks_to() == host
