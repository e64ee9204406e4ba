"""Calls over lost connections, and over restarts of the daemon and of the Asterisk."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.call.ari import channel_of
from tests.plugins.call.desks import AGENT, TRUNK, desk, talking, until
from tests.plugins.call.scripted import lines_taken

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_a_lost_connection_costs_no_call(switch, stage):
    switch.phones = {
        AGENT: "silent" if stage == "agent_ringing" else "answer",
        TRUNK: "silent" if stage == "customer_ringing" else "answer",
    }
    async with desk(switch) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        await switch.disconnect()
        await at.is_back()
        if stage != "bridged":
            await switch.answer(channel_of(call_id, stage.removesuffix("_ringing")))
        await at.until(call_id, "bridged")
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await at.is_idle()


async def test_what_ended_while_the_connection_was_lost_is_found_out(switch):
    async with desk(switch) as at:
        call_id = await talking(at)
        await switch.disconnect()
        await switch.hang_up(channel_of(call_id, "agent"))
        await at.until(call_id, "completed")
        await at.is_idle()


@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_a_restarted_daemon_picks_up_what_is_under_way(switch, stage):
    switch.phones = {
        AGENT: "silent" if stage == "agent_ringing" else "answer",
        TRUNK: "silent" if stage == "customer_ringing" else "answer",
    }
    async with desk(switch) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        store = at.host.store
    async with desk(switch, store) as at:
        assert lines_taken(at.channel) == 1
        if stage != "bridged":
            await switch.answer(channel_of(call_id, stage.removesuffix("_ringing")))
            await at.until(call_id, "bridged")
        await switch.hang_up(channel_of(call_id, "customer"))
        call = await at.until(call_id, "completed")
        await at.is_idle()
        assert call.agent == "sales"
        assert len(switch.dialled) == 2
        assert lines_taken(at.channel) == 0


@pytest.mark.parametrize("request_number", range(8))
@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_nothing_that_happens_while_a_daemon_comes_back_is_missed(
    switch, stage, request_number
):
    switch.phones = {
        AGENT: "silent" if stage == "agent_ringing" else "answer",
        TRUNK: "silent" if stage == "customer_ringing" else "answer",
    }
    async with desk(switch) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        store = at.host.store

    async def happens() -> None:
        if stage == "bridged":
            await switch.hang_up(channel_of(call_id, "customer"))
        else:
            await switch.answer(channel_of(call_id, stage.removesuffix("_ringing")))

    switch.meanwhile[request_number] = happens
    async with desk(switch, store) as at:
        if happens_later := switch.meanwhile.pop(request_number, None):
            await happens_later()  # it is back by fewer requests
        if stage != "bridged":
            await at.until(call_id, "bridged")
            await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await at.is_idle()
        assert len(switch.dialled) == 2


async def test_a_restarted_daemon_ends_what_is_over(switch):
    async with desk(switch, retry_after_seconds=[]) as at:
        call_id = await talking(at)
        store = at.host.store
    await switch.hang_up(channel_of(call_id, "agent"))
    await switch.hang_up(channel_of(call_id, "customer"))
    async with desk(switch, store) as at:
        await at.until(call_id, "completed")
        await at.is_idle()


async def test_a_restarted_daemon_never_rings_a_customer_who_may_have_been_rung(switch):
    switch.phones[TRUNK] = "silent"
    async with desk(switch, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        await at.until(call_id, "customer_ringing")
        store = at.host.store
    await switch.hang_up(channel_of(call_id, "customer"), 19)
    async with desk(switch, store, retry_after_seconds=[]) as at:
        call = await at.until(call_id, "failed")
        assert "not known" in (call.error or "")
        await at.is_idle()
        assert len(switch.dialled) == 2


async def test_a_restarted_switch_ends_its_calls(switch):
    async with desk(switch, retry_after_seconds=[]) as at:
        call_id = await talking(at)
        await switch.restart()
        call = await at.until(call_id, "failed", "completed")
        assert call.state == "failed"
        assert call.error == "the switch was restarted"
        call_id = await talking(at, attempt=1)
        assert at.call(call_id).state == "bridged"


async def test_channels_that_belong_to_nothing_are_hung_up(switch):
    async with desk(switch) as at:
        call_id = await talking(at)
    async with desk(switch) as at:  # over an empty store
        await at.is_idle()
        with pytest.raises(KeyError):
            at.call(call_id)


async def test_other_applications_keep_their_channels(switch):
    async with desk(switch) as at:
        driver: Any = at.channel._driver
        theirs = {"endpoint": AGENT, "app": "other", "channelId": "other-1", "timeout": "30"}
        await driver._rest.ask("POST", "channels", query=theirs)
        call_id = await talking(at)
        await switch.hang_up(channel_of(call_id, "agent"))
        await until(lambda: list(switch.channels) == ["other-1"])


async def test_a_connection_that_stood_is_looked_for_at_once(switch, monkeypatch):
    monkeypatch.setattr("omnigate_call.links.RECONNECT_SECONDS", (0.0, 60.0))
    async with desk(switch) as at:
        for times in (2, 3, 4):
            await switch.disconnect()
            await at.has_stood(times)
