"""Calls of which the answer of an Asterisk is lost: found out by its events, and never dialled again."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate
from tests.plugins.call.ari import ScriptedAri, channel_of
from tests.plugins.call.desks import AGENT, Desk, desk, until
from tests.plugins.call.scripted import lines_taken

pytestmark = pytest.mark.anyio


async def test_an_answer_that_is_lost_is_uncertain_and_never_dialled_again(switch):
    switch.failures = ["hang"]
    async with desk(switch) as at:
        call = at.host.begin_call()
        with pytest.raises(omnigate.Uncertain):
            await at.channel.dial(call)
        with pytest.raises(omnigate.Uncertain):
            await at.channel.follow_up(call)
        await at.channel.dial(call)  # the same attempt
        assert switch.originates == 1


async def test_a_channel_that_comes_up_after_it_was_given_up_is_hung_up(switch):
    switch.failures = ["hang"]
    async with desk(switch) as at:
        call = at.host.begin_call()
        with pytest.raises(omnigate.Uncertain):
            await at.channel.dial(call)
        with pytest.raises(omnigate.Uncertain):
            await at.channel.follow_up(call)
        await stray(switch, at, channel_of(call.id, "agent"))


async def stray(switch: ScriptedAri, at: Desk, name: str) -> None:
    """Have the switch ring a phone that nobody waits for, and wait for its end."""
    driver: Any = at.channel._driver
    await driver._rest.ask(
        "POST",
        "channels",
        query={"endpoint": AGENT, "app": "omnigate_calls", "channelId": name, "timeout": "30"},
    )
    await at.is_idle()


async def test_a_lost_answer_to_a_call_that_rings_is_found_out(switch):
    """The request came through, its answer did not: the events tell."""
    switch.phones[AGENT] = "silent"
    async with desk(switch) as at:
        call = at.host.begin_call()
        ask = at.channel._driver._rest.ask  # type: ignore[attr-defined]

        async def losing(method: str, *path: str, **more: Any) -> Any:
            found = await ask(method, *path, **more)
            if path == ("channels",) and method == "POST":
                raise omnigate.NoAnswer("the connection was closed before the answer")
            return found

        at.channel._driver._rest.ask = losing  # type: ignore[attr-defined]
        with pytest.raises(omnigate.Uncertain):
            await at.channel.dial(call)
        update = await at.channel.follow_up(call)
        assert update is not None
        await at.until(call.id, "agent_ringing")


async def test_what_was_never_noted_was_never_dialled(switch):
    async with desk(switch) as at:
        assert await at.channel.follow_up(at.host.begin_call()) is None


async def test_nothing_is_dialled_without_the_stream_of_events(switch):
    async with desk(switch) as at:
        await switch.stop()
        await until(lambda: at.host.states[-1][0] == "down")
        with pytest.raises(omnigate.DestinationUnavailable):
            await at.channel.dial(at.host.begin_call())
        assert switch.originates == 0
        assert lines_taken(at.channel) == 0
