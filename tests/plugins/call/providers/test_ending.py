"""How calls end that are taken back, or that no provider tells the end of."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

import omnigate
from omnigate.testing import MemoryStore
from tests.plugins.call.desks import until
from tests.plugins.call.providers.lines import KINDS, line, story
from tests.plugins.call.providers.platforms import of_now
from tests.plugins.strictprovider import answer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", ["mango", "novofon", "twilio"])
async def test_a_call_is_taken_back(kind):
    async with line(kind) as at:
        call_id = await at.dial()
        await at.tell(*story(kind, call_id, "talk")[:2])
        await at.channel.hang_up(at.call(call_id))
        assert at.call(call_id).state == "cancelled"


@pytest.mark.parametrize("kind", ["zadarma", "novofon_old", "sipuni", "exolve"])
async def test_what_cannot_be_taken_back_is_not_said_to_be(kind):
    async with line(kind) as at:
        call_id = await at.dial()
        with pytest.raises(omnigate.Refused, match="cannot take back"):
            await at.channel.hang_up(at.call(call_id))
        assert at.call(call_id).state == "dialling"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_nobody_tells_of_is_ended_once_it_must_be_over(kind):
    async with line(kind) as at:
        call_id = await at.dial()
        now = datetime.now(UTC)
        await at.driver.settle_overdue(now + timedelta(seconds=100))
        assert at.call(call_id).state == "dialling"
        await at.driver.settle_overdue(now + timedelta(seconds=600))
        assert at.call(call_id).state == ("completed" if kind == "exolve" else "failed")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_nobody_told_anything_of_is_not_placed_again(kind):
    """Where our hook is not reached they may have talked all the same."""
    async with line(kind, retry_after_seconds=[300, 900]) as at:
        call_id = await at.dial()
        await at.driver.settle_overdue(datetime.now(UTC) + timedelta(hours=3))
        assert at.call(call_id).state == ("completed" if kind == "exolve" else "failed")


async def test_a_talk_that_twilio_knows_of_goes_on_though_its_events_were_lost():
    """And for however long: that it is over is not said of one that costs money; the daemon has it ended."""
    async with line("twilio", max_call_seconds=600) as at:
        call_id = await at.dial()
        # Asked about the first phone's call, and then for those that it has begun.
        child = of_now("in-progress", sid="CA2")
        at.provider.script = answer(200, {**of_now("in-progress"), "calls": [child]})
        now = datetime.now(UTC)
        for seconds, state in ((400, "bridged"), (640, "bridged"), (1100, "bridged")):
            await at.driver.settle_overdue(now + timedelta(seconds=seconds))
            assert at.call(call_id).state == state
        assert at.channel.longest_seconds(at.call(call_id)) < 1100
        await at.channel.hang_up(at.call(call_id))
        assert at.call(call_id).state == "completed"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_channel_is_up_and_settles_by_itself_what_must_be_over(kind):
    store = MemoryStore()
    async with line(kind, store=store) as at:
        call_id = await at.dial()
        key = f"begun:{call_id}"
        note = json.loads(store.notes["calls"][key])
        note["begun_at"] = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        await at.host.put(notes={key: json.dumps(note)})
    async with line(kind, store=store) as at:
        running = asyncio.create_task(at.channel.run())
        try:
            await until(lambda: at.call(call_id).state in ("completed", "failed") or running.done())
            assert ("up", "") in at.host.states
            assert at.call(call_id).state == ("completed" if kind == "exolve" else "failed")
        finally:
            running.cancel()
            await asyncio.wait([running])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_talk_that_nobody_tells_the_end_of_is_ended_after_the_longest_one(kind):
    async with line(kind, max_call_seconds=600) as at:
        call_id = await at.dial()
        told = story(kind, call_id, "talk")
        # These tell that the customer answered only with the end.
        is_late = kind in ("zadarma", "novofon_old", "exolve")
        talks = "customer_ringing" if is_late else "bridged"
        last = next(i for i in range(len(told)) if _is_over(kind, told[i].body))
        await at.tell(*told[:last])
        assert at.call(call_id).state == talks
        now = datetime.now(UTC)
        await at.driver.settle_overdue(now + timedelta(seconds=500))
        assert at.call(call_id).state == talks
        await at.driver.settle_overdue(now + timedelta(seconds=900))
        is_known = not is_late or kind == "exolve"  # which can be asked
        assert at.call(call_id).state == ("completed" if is_known else "failed")


def _is_over(kind: str, body: bytes) -> bool:
    return {
        "mango": b"Disconnected",
        "sipuni": b"event=2",
        "novofon": b"over",
        "twilio": b"completed",
        "zadarma": b"NOTIFY_OUT_END",
        "novofon_old": b"NOTIFY_OUT_END",
        "exolve": b'"end"',
    }[kind] in body
