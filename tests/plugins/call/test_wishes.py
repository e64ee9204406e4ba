"""What customers wish for: who is called, when, and who is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import omnigate
from tests.plugins.call.desks import ANNA
from tests.plugins.call.scripted import HOURS, MONDAY, calls, refusal, wanted

pytestmark = pytest.mark.anyio


async def test_a_wish_within_hours_is_for_now():
    async with calls(hours=HOURS) as (channel, _):
        admission = await channel.admit(wanted("8 (916) 123-45-67"))
        assert admission.customer == omnigate.tel(ANNA)
        assert admission.callback_at is None
        assert admission.expires_at == MONDAY + timedelta(hours=2)
        assert channel.offer().is_open


@pytest.mark.parametrize(
    ("now", "asked", "first"),
    [
        (MONDAY.replace(hour=20), None, datetime(2026, 11, 24, 9, tzinfo=UTC)),
        (MONDAY.replace(hour=7), None, MONDAY.replace(hour=9)),
        (MONDAY, MONDAY.replace(hour=15), MONDAY.replace(hour=15)),
        (MONDAY, MONDAY.replace(hour=19), datetime(2026, 11, 24, 9, tzinfo=UTC)),
    ],
)
async def test_a_wish_out_of_hours_is_for_when_somebody_is_there(now, asked, first):
    async with calls(hours=HOURS, now=now) as (channel, _):
        admission = await channel.admit(wanted(callback_at=asked))
        assert admission.callback_at == first
        assert admission.expires_at == first + timedelta(hours=2)
        if asked is None:
            assert channel.offer() == omnigate.CallOffer(
                is_open=False, opens_at=first, region="RU", regions=("RU",)
            )


async def test_who_asks_for_no_moment_waits_for_the_next_opening_however_far_that_is():
    """What was offered is kept: `ahead_days` is about what is asked for."""
    holidays = [(MONDAY + timedelta(days=day)).date() for day in range(20)]
    async with calls(hours={**HOURS, "closed_on": holidays}, ahead_days=1) as (channel, _):
        admission = await channel.admit(wanted())
        assert admission.callback_at == channel.offer().opens_at
        assert admission.callback_at == datetime(2026, 12, 14, 9, tzinfo=UTC)
        assert await refusal(channel, callback_at=MONDAY + timedelta(days=2)) == "bad_time"


async def test_the_hours_of_agents_count_too():
    night = {"time_zone": "UTC", "days": {"mon": ["20:00-24:00"]}}
    agents = {
        "day": {"endpoint": "PJSIP/1", "hours": HOURS},
        "night": {"endpoint": "PJSIP/2", "hours": night},
    }
    async with calls(agents=agents, now=MONDAY.replace(hour=19)) as (channel, _):
        assert channel.offer().opens_at == MONDAY.replace(hour=20)
        at_once = await channel.admit(wanted(agent="night"))
        assert at_once.callback_at == MONDAY.replace(hour=20)
        tomorrow = await channel.admit(wanted(agent="day"))
        assert tomorrow.callback_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("112", "bad_number"),
        ("+881612345678", "not_allowed"),
        ("+7 809 123 45 67", "not_allowed"),
        ("+4930123456", "not_allowed"),
        ("8 800 555 35 35", "number_type"),
        ("+79160000000", "do_not_call"),
        ("+74951234567", "own_number"),
        (f"{ANNA}&PJSIP/boss", "bad_number"),
        (f"{ANNA}@evil.example.org", "bad_number"),
        (f"{ANNA},30,g", "bad_number"),
        (f"{ANNA}\r\nAction: Command", "bad_number"),
        ("1-800-FLOWERS", "bad_number"),
    ],
)
async def test_numbers_that_are_not_called_are_refused_and_logged_without_them(number, code):
    async with calls(do_not_call=["+79160000000"]) as (channel, host):
        assert await refusal(channel, number=number, ip="192.0.2.1") == code
        (line,) = [line for line in host.log_lines if line["event"] == "a call is refused"]
        assert (line["code"], line["today"], line["ip"]) == (code, 1, "192.0.2.1")
        assert number not in str(line)


async def test_wishes_that_cannot_be_followed_are_refused():
    async with calls(hours=HOURS, consent={"*": "It is recorded."}) as (channel, _):
        assert await refusal(channel) == "no_consent"
        assert await refusal(channel, consent=True, agent="PJSIP/boss") == "no_agent"
        past, far = MONDAY - timedelta(hours=1), MONDAY + timedelta(days=30)
        assert await refusal(channel, consent=True, callback_at=past) == "bad_time"
        assert await refusal(channel, consent=True, callback_at=far) == "bad_time"
        last = datetime.max.replace(tzinfo=UTC)
        assert await refusal(channel, consent=True, callback_at=last) == "bad_time"
        assert channel.offer().consent == {"*": "It is recorded."}
    async with calls(hours={"time_zone": "UTC", "days": {}}) as (channel, _):
        assert await refusal(channel) == "closed"
