"""Calls through an Asterisk that offers only its manager interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_call.ami.wire import NotManager, encode, read_banner, read_block
from omnigate_call.dialstring import lasting
from pydantic import ValidationError

import omnigate
from omnigate.testing import MemoryStore
from tests.plugins.call.ami import ScriptedAmi
from tests.plugins.call.ari import LOGIN
from tests.plugins.call.desks import AGENT, ANNA, TRUNK, Desk, desk, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pbx() -> AsyncIterator[ScriptedAmi]:
    async with ScriptedAmi().running() as running:
        running.phones = {AGENT: "answer", TRUNK: "answer"}
        yield running


def table(pbx: ScriptedAmi, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": pbx.port,
        "username": LOGIN[0],
        "password": LOGIN[1],
        "customer_endpoint": "PJSIP/{number}@trunk",
        **more,
    }


@asynccontextmanager
async def manager(
    pbx: ScriptedAmi, store: MemoryStore | None = None, **more: Any
) -> AsyncIterator[Desk]:
    given = {"driver": "ami", "ari": None, "ami": table(pbx), **more}
    async with desk(pbx, store, **given) as at:
        yield at


def first_of(call_id: str, leg: str = "agent") -> str:
    return f"omnigate_calls-{call_id}-1-{leg}"


async def is_idle(pbx: ScriptedAmi) -> None:
    await until(lambda: not pbx.channels, lambda: str(pbx.channels))


@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_the_two_are_brought_together_and_either_ends_it(pbx, who):
    async with manager(pbx) as at:
        call_id = await at.dial()
        call = await at.until(call_id, "bridged")
        assert {leg.leg: leg.answered_at is not None for leg in call.legs} == {
            "agent": True,
            "customer": True,
        }
        name = first_of(call_id)
        await pbx.hang_up(name if who == "agent" else pbx.second_of(name))
        call = await at.until(call_id, "completed")
        assert call.cause == 16
        await is_idle(pbx)


async def test_what_the_switch_is_told_is_the_operators(pbx):
    async with manager(pbx, ring_seconds=20, max_call_seconds=600) as at:
        await at.until(await at.dial(), "bridged")
        (told,) = pbx.originates
        assert told["channel"] == AGENT
        assert told["application"] == "Dial"
        assert told["data"] == f"{TRUNK},20,f(+74951234567)L(600000)"
        assert told["timeout"] == "20000"
        assert told["callerid"] == ANNA


async def test_the_customer_is_rung_first_where_it_is_configured(pbx):
    async with manager(pbx, order="customer_first") as at:
        call_id = await at.dial()
        await at.until(call_id, "bridged")
        (told,) = pbx.originates
        assert told["channel"] == TRUNK
        assert told["callerid"] == "+74951234567"
        assert told["data"].startswith(f"{AGENT},30,f({ANNA})")


@pytest.mark.parametrize(
    ("agent", "customer", "state"),
    [
        ("busy", "answer", "agent_busy"),
        ("no_answer", "answer", "agent_no_answer"),
        ("unreachable", "answer", "failed"),
        ("offline", "answer", "failed"),
        ("answer", "busy", "customer_busy"),
        ("answer", "reject", "customer_rejected"),
        ("answer", "no_answer", "customer_no_answer"),
        ("answer", "unreachable", "failed"),
        ("answer", "offline", "failed"),
    ],
)
async def test_a_phone_that_is_not_reached_ends_it(pbx, agent, customer, state):
    pbx.phones = {AGENT: agent, TRUNK: customer}
    async with manager(pbx, retry_after_seconds=[]) as at:
        call = await at.until(await at.dial(), "completed", state)
        assert call.state == state
        assert call.error if state == "failed" else call.cause is not None
        await is_idle(pbx)


@pytest.mark.parametrize(
    ("customer", "state"),
    [
        ("answer", "bridged"),
        ("silent", "customer_ringing"),
        ("busy", "customer_busy"),
        ("reject", "customer_rejected"),
        ("no_answer", "customer_no_answer"),
    ],
)
async def test_what_a_phone_does_before_it_is_told_whose_it_is_counts(pbx, customer, state):
    pbx.phones[TRUNK] = customer
    pbx.tells_late = True
    async with manager(pbx, retry_after_seconds=[]) as at:
        await at.until(await at.dial(), state)


@pytest.mark.parametrize("grace_seconds", [1.0, 0.0])
@pytest.mark.parametrize(
    ("customer", "state"),
    [("busy", "customer_busy"), ("reject", "customer_rejected"), ("unreachable", "failed")],
)
async def test_who_ended_it_is_known_whoever_is_told_of_first(
    pbx, customer, state, grace_seconds, monkeypatch
):
    """Without a grace it is the sabotage twin: then the agent hung up."""
    monkeypatch.setattr("omnigate_call.ami.track.GONE_GRACE_SECONDS", grace_seconds)
    pbx.phones[TRUNK] = customer
    pbx.tells_first_first = True
    async with manager(pbx, retry_after_seconds=[]) as at:
        call = await at.is_over(await at.dial())
        assert ("agent hung up" in (call.error or "")) == (not grace_seconds), call
        assert call.state == (state if grace_seconds else "failed")


async def test_an_agent_who_hangs_up_too_early_is_said(pbx):
    pbx.phones[TRUNK] = "silent"
    async with manager(pbx, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        await at.until(call_id, "customer_ringing")
        await pbx.hang_up(first_of(call_id))
        call = await at.until(call_id, "failed", "customer_no_answer")
        assert "agent hung up" in (call.error or "")


async def test_what_nobody_keeps_is_lost(pbx, monkeypatch):
    """The sabotage twin: without what is kept, a customer who did not answer never rang."""
    monkeypatch.setattr("omnigate_call.ami.track.EARLY_LIMIT", 0)
    pbx.phones[TRUNK] = "no_answer"
    pbx.tells_late = True
    async with manager(pbx, retry_after_seconds=[]) as at:
        await at.until(await at.dial(), "failed")


@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
async def test_a_call_can_be_taken_back_at_every_stage(pbx, stage):
    silent = {"agent_ringing": AGENT, "customer_ringing": TRUNK}
    if stage in silent:
        pbx.phones[silent[stage]] = "silent"
    async with manager(pbx) as at:
        call_id = await at.dial()
        await at.channel.hang_up(await at.until(call_id, stage))
        call = await at.until(call_id, "completed" if stage == "bridged" else "cancelled")
        await is_idle(pbx)
        await at.channel.hang_up(call)


async def test_a_phone_that_rings_for_ever_is_given_up_by_our_own_clock(pbx, monkeypatch):
    monkeypatch.setattr("omnigate_call.ami.track.RING_GRACE_SECONDS", -4.9)
    pbx.phones[TRUNK] = "silent"
    async with manager(pbx, ring_seconds=5, retry_after_seconds=[]) as at:
        await at.until(await at.dial(), "customer_no_answer")
        await is_idle(pbx)


@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing", "bridged"])
@pytest.mark.parametrize("restart", ["connection", "daemon"])
async def test_a_lost_connection_or_a_restart_costs_no_call(pbx, stage, restart):
    silent = {"agent_ringing": AGENT, "customer_ringing": TRUNK}
    if stage in silent:
        pbx.phones[silent[stage]] = "silent"

    async def carry_on(at: Desk, call_id: str) -> None:
        name = first_of(call_id)
        if stage != "bridged":
            await pbx.answer(name if stage == "agent_ringing" else pbx.second_of(name))
        await at.until(call_id, "bridged")
        await pbx.hang_up(name)
        await at.until(call_id, "completed")
        await is_idle(pbx)
        assert len(pbx.originates) == 1

    async with manager(pbx) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        store = at.host.store
        if restart == "connection":
            await pbx.disconnect()
            await at.is_back()
            await carry_on(at, call_id)
    if restart == "daemon":
        async with manager(pbx, store) as at:
            await carry_on(at, call_id)


@pytest.mark.parametrize("stage", ["agent_ringing", "customer_ringing"])
async def test_nothing_that_happens_while_a_daemon_comes_back_is_missed(pbx, stage):
    pbx.phones[AGENT if stage == "agent_ringing" else TRUNK] = "silent"
    async with manager(pbx) as at:
        call_id = await at.dial()
        await at.until(call_id, stage)
        store = at.host.store
    name = first_of(call_id)
    ringing = name if stage == "agent_ringing" else pbx.second_of(name)
    pbx.meanwhile = lambda: pbx.answer(ringing)
    async with manager(pbx, store) as at:
        await at.until(call_id, "bridged")


THROUGH_DIAL_PLAN = "Local/{digits}@omnigate-out"
LOCAL = THROUGH_DIAL_PLAN.format(digits=ANNA[1:])


@pytest.mark.parametrize("restart", [None, "connection", "daemon"])
@pytest.mark.parametrize("order", ["agent_first", "customer_first"])
async def test_a_call_through_the_dial_plan_lasts_until_somebody_hangs_up(pbx, order, restart):
    pbx.phones[LOCAL] = "answer"
    given = {"ami": table(pbx, customer_endpoint=THROUGH_DIAL_PLAN), "order": order}

    async def put_down(at: Desk, call_id: str) -> None:
        assert at.call(call_id).state == "bridged"
        first = first_of(call_id, order.removesuffix("_first"))
        await pbx.hang_up(pbx.second_of(first))
        await at.until(call_id, "completed")
        await is_idle(pbx)

    async with manager(pbx, **given) as at:
        call_id = await at.dial()
        await at.until(call_id, "bridged")
        store = at.host.store
        if restart == "connection":
            await pbx.disconnect()
            await at.is_back()
        if restart != "daemon":
            await put_down(at, call_id)
    if restart == "daemon":
        async with manager(pbx, store, **given) as at:
            await put_down(at, call_id)


async def test_a_channel_that_goes_out_of_the_way_ends_the_call(pbx, monkeypatch):
    """The sabotage twin: without option n the call is over while the two still talk."""
    monkeypatch.setattr("omnigate_call.ami.originate.lasting", str)
    pbx.phones[LOCAL] = "answer"
    async with manager(pbx, ami=table(pbx, customer_endpoint=THROUGH_DIAL_PLAN)) as at:
        await at.until(await at.dial(), "completed")  # and nobody has hung up
        await is_idle(pbx)


async def test_what_ended_meanwhile_is_found_out(pbx):
    async with manager(pbx, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        await at.until(call_id, "bridged")
        store = at.host.store
    await pbx.hang_up(first_of(call_id))
    async with manager(pbx, store, retry_after_seconds=[]) as at:
        await at.until(call_id, "completed")


@pytest.mark.parametrize("restart", ["connection", "daemon"])
async def test_who_may_have_talked_while_nobody_listened_is_not_called_again(pbx, restart):
    pbx.phones[TRUNK] = "silent"

    async def talk(call_id: str) -> None:
        name = first_of(call_id)
        await pbx.answer(pbx.second_of(name))
        await pbx.hang_up(name)
        await is_idle(pbx)

    async with manager(pbx, retry_after_seconds=[60]) as at:
        call_id = await at.dial()
        await at.until(call_id, "customer_ringing")
        store = at.host.store
        if restart == "connection":
            await pbx.disconnect()
            await talk(call_id)
            assert (await at.until(call_id, "failed", "queued")).state == "failed"
    if restart == "daemon":
        await talk(call_id)
        async with manager(pbx, store, retry_after_seconds=[60]) as at:
            assert (await at.until(call_id, "failed", "queued")).state == "failed"


async def test_a_restarted_switch_ends_its_calls(pbx):
    async with manager(pbx, retry_after_seconds=[]) as at:
        call_id = await at.dial()
        await at.until(call_id, "bridged")
        await pbx.restart()
        call = await at.until(call_id, "failed", "completed")
        assert (call.state, call.error) == ("failed", "the switch was restarted")


async def test_a_lost_answer_is_uncertain_and_found_out(pbx):
    pbx.phones[AGENT] = "silent"
    pbx.loses_answers = True
    async with manager(pbx) as at:
        call = at.host.begin_call(ANNA)
        with pytest.raises(omnigate.Uncertain):
            await at.channel.dial(call)
        await at.is_back()
        assert await at.channel.follow_up(call) is not None
        await at.until(call.id, "agent_ringing")
        assert len(pbx.originates) == 1


async def test_what_the_switch_does_not_have_is_held(pbx):
    pbx.phones[AGENT] = "busy"
    pbx.loses_answers = True
    async with manager(pbx) as at:
        call = at.host.begin_call(ANNA)
        with pytest.raises(omnigate.Uncertain):
            await at.channel.dial(call)
        await at.is_back()
        with pytest.raises(omnigate.Uncertain):
            await at.channel.follow_up(call)


async def test_channels_that_belong_to_nothing_are_hung_up(pbx):
    async with manager(pbx) as at:
        await at.until(await at.dial(), "bridged")
    async with manager(pbx):  # over an empty store
        await is_idle(pbx)


async def test_nothing_is_dialled_without_a_session(pbx):
    async with manager(pbx) as at:
        await pbx.stop()
        await until(lambda: at.host.states[-1][0] == "down")
        with pytest.raises(omnigate.DestinationUnavailable):
            await at.channel.dial(at.host.begin_call(ANNA))
        assert not pbx.originates


async def test_a_connection_that_stood_is_looked_for_at_once(pbx, monkeypatch):
    monkeypatch.setattr("omnigate_call.links.RECONNECT_SECONDS", (0.0, 60.0))
    async with manager(pbx) as at:
        for times in (2, 3, 4):
            await pbx.disconnect()
            await at.has_stood(times)


async def test_a_wrong_secret_is_said_and_never_sent(pbx):
    async with manager(pbx) as at:
        assert (await at.channel.check()).state == "up"
    with pytest.raises(omnigate.CredentialsRejected):
        async with manager(pbx, ami=table(pbx, password="wrong")):
            pass


async def test_talks_are_not_recorded_by_this_driver(pbx):
    with pytest.raises(ValidationError, match=r'cannot record talks; .* set driver to "ari"'):
        async with manager(pbx, record=True, consent={"*": "It is recorded."}):
            pass


# ---- the wire

WORD = st.text("abcDEF019", min_size=1, max_size=8)
VALUE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), max_size=40)


async def _read(data: bytes) -> Any:
    reader = asyncio.StreamReader(limit=1024)
    reader.feed_data(data)
    reader.feed_eof()
    return await read_block(reader)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(WORD, VALUE), min_size=1, max_size=8))
def test_what_is_written_is_read(fields):
    expected = {key.lower(): value.strip() for key, value in fields}
    assert asyncio.run(_read(encode(fields))) == expected


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0b"])
def test_no_value_becomes_an_action_of_its_own(value):
    with pytest.raises(ValueError, match="one line"):
        encode([("Channel", value)])
    with pytest.raises(ValueError, match="one line"):
        encode([(f"Key{value}", "x")])


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=3000))
def test_junk_is_an_error_of_our_own(data):
    with suppress(NotManager, EOFError):
        asyncio.run(_read(data))


async def test_another_protocol_is_told_apart():
    reader = asyncio.StreamReader()
    reader.feed_data(b"SSH-2.0-OpenSSH_9.2\r\n")
    with pytest.raises(NotManager):
        await read_banner(reader)


@pytest.mark.parametrize(
    ("endpoint", "dialled"),
    [
        ("Local/7916@out", "Local/7916@out/n"),
        ("Local/7916@out/", "Local/7916@out/n"),
        ("Local/7916@out/j", "Local/7916@out/jn"),
        ("Local/7916@out/n", "Local/7916@out/n"),
        ("PJSIP/+7916@trunk", "PJSIP/+7916@trunk"),
    ],
)
def test_a_channel_through_the_dial_plan_is_kept_for_the_whole_call(endpoint, dialled):
    assert lasting(endpoint) == dialled
