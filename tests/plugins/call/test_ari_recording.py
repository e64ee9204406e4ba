"""Recordings that an Asterisk makes: found, fetched, and never the reason that a call fails."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate
from tests.plugins.call.ari import channel_of
from tests.plugins.call.desks import desk, talking, until

pytestmark = pytest.mark.anyio


async def test_a_recording_is_fetched_from_the_switch(switch):
    async with desk(switch, record=True, consent={"*": "It is recorded."}) as at:
        seen: list[omnigate.AttachmentRef] = []
        put = at.host.put

        async def noting(*items: omnigate.Inbound, **more: Any) -> Any:
            updates = [each for each in items if isinstance(each, omnigate.CallUpdate)]
            seen.extend(each.recording for each in updates if each.recording is not None)
            return await put(*items, **more)

        at.host.put = noting  # type: ignore[method-assign]
        call_id = await talking(at)
        await until(lambda: any("record" in path for _, path in switch.asked))
        await until(lambda: any(each.recording for each in switch.bridges.values()))
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await until(lambda: bool(seen))
        (recording,) = seen
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
        told = at.host.put
        seen: list[omnigate.AttachmentRef | None] = []

        async def noting(*items: omnigate.Inbound, **more: Any) -> Any:
            seen.extend(each.recording for each in items if isinstance(each, omnigate.CallUpdate))
            return await told(*items, **more)

        at.host.put = noting  # type: ignore[method-assign]
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await until(lambda: any(seen))


async def test_a_folder_that_cannot_be_written_costs_no_call(switch):
    switch.folder_is_writable = False
    async with desk(switch, record=True, consent={"*": "It is recorded."}) as at:
        call_id = await talking(at)
        await until(lambda: any("record" in path for _, path in switch.asked))
        await switch.hang_up(channel_of(call_id, "customer"))
        await at.until(call_id, "completed")
        await at.is_idle()
