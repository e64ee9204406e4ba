"""How often anybody is called: by number, address and site, by day, and by what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from omnigate_call import Calls
from omnigate_call.limits import Allowance, network_of

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.call.desks import ANNA, section
from tests.plugins.call.scripted import BORIS, MONDAY, calls, lines_taken, refusal, step, wanted

pytestmark = pytest.mark.anyio


async def test_limits_outlive_a_restart_and_end_with_the_hour_and_the_day():
    store = MemoryStore()
    limits = {"per_number_per_hour": 2, "per_number_per_day": 3}
    async with calls(store, limits=limits) as (channel, _):
        for _ in range(2):
            await channel.admit(wanted())
        assert await refusal(channel) == "limit_reached"
        await channel.admit(wanted(BORIS))
    async with calls(store, limits=limits) as (channel, _):
        assert await refusal(channel) == "limit_reached"
        channel.now = MONDAY + timedelta(hours=1)
        await channel.admit(wanted())
        channel.now = MONDAY + timedelta(hours=2)
        assert await refusal(channel) == "limit_reached"
        channel.now = MONDAY + timedelta(days=1)
        await channel.admit(wanted())


async def test_without_notes_a_restart_would_give_a_fresh_allowance():
    """The sabotage twin: over a store that forgets, the same customer is called again."""
    limits = {"per_number_per_hour": 1}
    async with calls(MemoryStore(), limits=limits) as (channel, _):
        await channel.admit(wanted())
        assert await refusal(channel) == "limit_reached"
    async with calls(MemoryStore(), limits=limits) as (channel, _):
        await channel.admit(wanted())


async def test_one_address_and_one_site_have_limits_of_their_own():
    limits = {"per_address_per_hour": 2, "per_site_per_hour": 3}
    async with calls(limits=limits) as (channel, _):
        for number in (ANNA, BORIS):
            await channel.admit(wanted(number, ip="2001:db8::1", site="https://shop.example.org"))
        neighbour = {"ip": "2001:db8::ffff", "site": "https://other.example.org"}
        assert await refusal(channel, number="+79161234569", **neighbour) == "limit_reached"
        away = {"ip": "192.0.2.1", "site": "https://shop.example.org"}
        await channel.admit(wanted("+79161234569", **away))
        assert await refusal(channel, number="+79161234560", **away) == "limit_reached"


async def test_what_is_refused_by_a_rule_is_not_counted():
    limits = {"per_address_per_hour": 1}
    async with calls(limits=limits) as (channel, _):
        for _ in range(5):
            assert await refusal(channel, number="112", ip="192.0.2.1") == "bad_number"
        await channel.admit(wanted(ip="192.0.2.1"))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_home_shares_a_network(address, network):
    assert network_of(address) == network


async def test_the_daily_allowance_of_calls_is_an_alarm_and_a_stop():
    agents = {"sales": {"endpoint": "PJSIP/100", "lines": 5}}
    async with calls(limits={"calls_per_day": 2}, agents=agents) as (channel, host):
        for _ in range(2):
            await channel.dial(host.begin_call())
        with pytest.raises(omnigate.Refused) as caught:
            await channel.dial(host.begin_call())
        assert caught.value.code == "limit_reached"
        assert await refusal(channel) == "limit_reached"
        errors = [line for line in host.log_lines if line.get("level") == "error"]
        assert len(errors) == 1
        assert "calls_per_day" in errors[0]["reason"]
        assert len(channel.driver.begun) == 2


async def test_minutes_are_counted_from_the_first_answer_once():
    store = MemoryStore()
    async with calls(store, limits={"minutes_per_day": 10}) as (channel, host):
        call = host.begin_call()
        await channel.dial(call)
        await channel.tell(step(call.id, "agent_answered"))
        await channel.tell(step(call.id, "bridged", at=MONDAY + timedelta(minutes=1)))
        end = step(call.id, "completed", at=MONDAY + timedelta(minutes=11))
        await channel.tell(end)
        await channel.tell(end)
        assert await refusal(channel) == "limit_reached"
    async with calls(store, limits={"minutes_per_day": 12}) as (channel, _):
        await channel.admit(wanted(BORIS))
    async with calls(store, limits={"minutes_per_day": 10}) as (channel, _):
        assert await refusal(channel) == "limit_reached"
        channel.now = MONDAY + timedelta(days=1)
        await channel.admit(wanted())


async def test_a_call_that_was_not_dialled_is_not_counted():
    async with calls(limits={"calls_per_day": 1}) as (channel, host):
        channel.driver.outcomes = [omnigate.DestinationUnavailable("the switch is down")]
        call = host.begin_call()
        with pytest.raises(omnigate.DestinationUnavailable):
            await channel.dial(call)
        assert lines_taken(channel) == 0
        await channel.dial(call)


async def test_nothing_is_dialled_that_cannot_be_noted():
    async with calls() as (channel, host):
        host.store.failure = omnigate.StoreError("the disk is full")
        with pytest.raises(omnigate.RetryLater):
            await channel.dial(host.begin_call())
        with pytest.raises(omnigate.StoreError):
            await channel.admit(wanted())
        assert not channel.driver.begun


def test_an_unlimited_day_is_never_full():
    limits = Calls.Config.model_validate(
        section(limits={"calls_per_day": 0, "minutes_per_day": 0})
    ).limits
    host: Any = FakeHost("calls")
    Allowance(limits, host)._require_day()
