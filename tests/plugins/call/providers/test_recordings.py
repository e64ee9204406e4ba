"""Recordings: fetched after the end of a call, from the provider and from nowhere else."""

from __future__ import annotations

import pytest

import omnigate
from tests.plugins.call.providers.lines import Line, line, mango, story, twilio, unsigned, zadarma
from tests.plugins.call.providers.platforms import SOUND

pytestmark = pytest.mark.anyio


async def recorded(at: Line, call_id: str, name: str = "RE1") -> None:
    """Have the provider tell of a recording after the end."""
    match at.kind:
        case "zadarma" | "novofon_old":
            told = zadarma("NOTIFY_RECORD", call_id_with_rec=name)
        case "mango":
            told = mango("/hook/events/recording", recording_id=name)
        case "sipuni":
            link = (
                "http://127.0.0.2:1/x" if name == "elsewhere" else f"{at.provider.url}/files/1.mp3"
            )
            told = unsigned({"event": "2", "call_id": "1795.1", "call_record_link": link})
        case _:
            told = twilio(call_id, "agent", "completed", RecordingSid=name, RecordingDuration="40")
    assert await at.tell(told) == [200]


RECORDING = ("zadarma", "novofon_old", "mango", "sipuni", "twilio")


async def fetched(at: Line, call_id: str) -> bytes:
    """Return the bytes of the recording that was handed in for a call."""
    refs = [
        item.recording
        for item in at.host.store.items
        if isinstance(item, omnigate.CallUpdate) and item.call == call_id and item.recording
    ]
    assert len(refs) == 1
    return b"".join([chunk async for chunk in at.channel.fetch(refs[0])])


@pytest.mark.parametrize("kind", RECORDING)
async def test_a_recording_that_comes_after_the_end_is_fetched(kind):
    async with line(kind, record=True, consent={"*": "It is recorded."}) as at:
        call_id = await at.dial()
        await at.tell(*story(kind, call_id, "talk"))
        await recorded(at, call_id)
        assert await fetched(at, call_id) == SOUND


@pytest.mark.parametrize("kind", ["zadarma", "mango"])
@pytest.mark.parametrize(("name", "code"), [("gone", "no_recording"), ("elsewhere", "not_allowed")])
async def test_a_recording_that_is_gone_or_at_anothers_place_is_not_fetched(kind, name, code):
    async with line(kind, record=True, consent={"*": "It is recorded."}) as at:
        call_id = await at.dial()
        await at.tell(*story(kind, call_id, "talk"))
        await recorded(at, call_id, name)
        with pytest.raises(omnigate.Refused) as caught:
            await fetched(at, call_id)
        assert caught.value.code == code


async def test_a_recording_of_sipuni_at_anothers_place_is_none():
    async with line("sipuni", record=True, consent={"*": "It is recorded."}) as at:
        call_id = await at.dial()
        await at.tell(*story("sipuni", call_id, "talk"))
        await recorded(at, call_id, "elsewhere")
        assert at.call(call_id).recording is None
