"""Recordings that an Asterisk makes: found, fetched, and never the reason that a call fails."""

from __future__ import annotations

import asyncio

import pytest
from omnigate_call.ari.hands import Hands

import omnigate
from tests.plugins.call.ari import channel_of
from tests.plugins.call.desks import AGENT, TRUNK, Desk, desk, talking, until

pytestmark = pytest.mark.anyio


def recordings(at: Desk) -> list[omnigate.AttachmentRef]:
    """Return the recordings that were told of."""
    updates = [each for each in at.host.store.items if isinstance(each, omnigate.CallUpdate)]
    return [each.recording for each in updates if each.recording is not None]


async def test_a_recording_is_fetched_from_the_switch(switch):
    async with desk(switch, record=True, consent={"*": "It is recorded."}) as at:
        call_id = await talking(at)
        await until(lambda: any("record" in path for _, path in switch.asked))
        await until(lambda: any(each.recording for each in switch.bridges.values()))
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await until(lambda: bool(recordings(at)))
        (recording,) = recordings(at)
        assert recording.duration_seconds == 3
        fetched = [chunk async for chunk in at.channel.fetch(recording)]
        assert b"".join(fetched).startswith(b"RIFF")
        switch.stored.clear()
        with pytest.raises(omnigate.Refused):
            [chunk async for chunk in at.channel.fetch(recording)]


async def test_a_recording_that_nobody_told_of_is_found(switch, monkeypatch):
    monkeypatch.setattr("omnigate_call.ari.line.CUT_AGAIN_SECONDS", 0.05)
    switch.tells_of_recordings = False
    async with desk(switch, record=True, consent={"*": "It is recorded."}) as at:
        call_id = await talking(at)
        await until(lambda: any(each.recording for each in switch.bridges.values()))
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await until(lambda: bool(recordings(at)))


async def test_a_talk_is_recorded_though_the_daemon_ended_before_it_asked_for_that(
    switch, monkeypatch
):
    consent = {"*": "It is recorded."}
    with monkeypatch.context() as ends:
        ends.setattr(Hands, "record", lambda hands: asyncio.Event().wait())
        async with desk(switch, record=True, consent=consent) as at:
            call_id = await talking(at)
            store = at.host.store
    assert not any(each.recording for each in switch.bridges.values())
    async with desk(switch, store, record=True, consent=consent) as at:
        await until(lambda: any(each.recording for each in switch.bridges.values()))
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await until(lambda: bool(recordings(at)))


async def test_the_recording_of_a_talk_that_ended_while_the_daemon_was_away_is_found(
    switch, monkeypatch
):
    monkeypatch.setattr("omnigate_call.ari.line.CUT_AGAIN_SECONDS", 0.05)
    consent = {"*": "It is recorded."}
    async with desk(switch, record=True, consent=consent) as at:
        call_id = await talking(at)
        await until(lambda: any(each.recording for each in switch.bridges.values()))
        store = at.host.store
    for leg in ("customer", "agent"):
        await switch.hang_up(channel_of(call_id, leg))
    async with desk(switch, store, record=True, consent=consent) as at:
        await at.until(call_id, "completed")
        await until(lambda: bool(recordings(at)))


@pytest.mark.parametrize("stage", ["customer_ringing", "bridged"])
async def test_a_call_that_was_begun_without_recording_is_not_recorded_later(switch, stage):
    """Nobody has agreed to it: the operator had recording switched on while the call was under way."""
    switch.phones = {AGENT: "answer", TRUNK: "silent" if stage != "bridged" else "answer"}
    async with desk(switch) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        store = at.host.store
    async with desk(switch, store, record=True, consent={"*": "It is recorded."}) as at:
        if stage != "bridged":
            await switch.answer(channel_of(call_id, "customer"))
            await at.until(call_id, "bridged")
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await at.is_idle()
    assert not any(path.endswith("/record") for _, path in switch.asked)


async def test_who_asked_before_calls_were_recorded_is_not(switch):
    """The call waited, and nobody was shown a text to agree to when it was asked for."""
    async with desk(switch, record=True, consent={"*": "It is recorded."}) as at:
        call_id = await talking(at, consent=False)
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await at.is_idle()
    assert not any(path.endswith("/record") for _, path in switch.asked)


async def test_a_folder_that_cannot_be_written_costs_no_call(switch):
    switch.folder_is_writable = False
    async with desk(switch, record=True, consent={"*": "It is recorded."}) as at:
        call_id = await talking(at)
        await until(lambda: any("record" in path for _, path in switch.asked))
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await at.is_idle()
