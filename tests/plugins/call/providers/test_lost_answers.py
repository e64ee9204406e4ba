"""Calls of which the provider's answer is lost: asked about or held, and never asked for twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import omnigate
from omnigate import atmostonce
from tests.plugins.call.providers.lines import KINDS, Line, line, story
from tests.plugins.call.providers.platforms import of_now
from tests.plugins.strictprovider import answer

pytestmark = pytest.mark.anyio


def listed(*calls: dict[str, object]):
    """Return a script that has Twilio list these calls."""
    return answer(200, {"calls": list(calls)})


async def lost(at: Line) -> omnigate.Call:
    """Return a call whose answer was lost."""
    at.provider.script = lambda asked: "cut"
    with pytest.raises(omnigate.Uncertain):
        await at.dial()
    (call,) = at.host.open_calls.values()
    return call


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["cut", "silence", "nonsense", "error"])
async def test_a_lost_answer_is_uncertain_and_nothing_is_asked_twice(kind, how):
    async with line(kind, told={"timeout_seconds": 0.3}) as at:
        said = {"cut": "cut", "silence": "silence", "nonsense": answer(200, "<html>")(None)}  # type: ignore[arg-type]
        reply = said.get(how) or answer(502, "bad gateway")(None)  # type: ignore[arg-type]
        at.provider.script = lambda asked: reply
        with pytest.raises(omnigate.Uncertain):
            await at.dial()
        assert len(at.provider.calls()) == 1


async def test_sabotage_a_client_that_asks_again_would_be_found(monkeypatch):
    """The check that nothing is asked twice goes red with the HTTP client as it is by itself."""

    async def again(request, handler):
        return await handler(request)

    monkeypatch.setattr(atmostonce, "_once", again)
    async with line("zadarma") as at:
        await lost(at)
        assert len(at.provider.calls()) == 2


async def test_twilio_is_asked_what_became_of_a_lost_answer():
    async with line("twilio") as at:
        call = await lost(at)
        at.provider.script = listed(of_now("no-answer"))
        update = await at.channel.follow_up(call)
        assert update is not None
        assert (update.state, update.provider_ids) == ("agent_no_answer", {"leg_a": "CA1"})


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (lambda: listed(), omnigate.RetryLater),
        (lambda: listed(of_now("ringing"), of_now("ringing", sid="CA2")), omnigate.Uncertain),
        (lambda: answer(503), omnigate.DestinationUnavailable),
        (lambda: answer(404, {"code": 20404}), omnigate.Uncertain),
    ],
    ids=["not yet", "twice", "not now", "nonsense"],
)
async def test_what_twilio_does_not_tell_is_asked_again_or_held(said, error):
    async with line("twilio") as at:
        call = await lost(at)
        at.provider.script = said()
        with pytest.raises(error):
            await at.channel.follow_up(call)


async def test_what_twilio_never_lists_was_never_placed():
    async with line("twilio") as at:
        call = await lost(at)
        at.provider.script = listed()
        known = at.channel._under_way.get(call.id, 1)
        assert known is not None
        at.channel._under_way.add(replace(known, begun_at=datetime.now(UTC) - timedelta(minutes=5)))
        assert await at.channel.follow_up(call) is None


@pytest.mark.parametrize("kind", ["zadarma", "novofon_old", "mango", "sipuni", "exolve", "novofon"])
async def test_a_lost_answer_is_held_where_nobody_can_be_asked_and_events_still_settle_it(kind):
    async with line(kind) as at:
        call = await lost(at)
        at.provider.script = None
        with pytest.raises(omnigate.Uncertain):
            await at.channel.follow_up(call)
        if kind != "exolve":  # which names the call only in the answer
            await at.tell(*story(kind, call.id, "talk"))
            assert at.call(call.id).state == "completed"
