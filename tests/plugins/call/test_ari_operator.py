"""What the operator of an Asterisk is told: wrong passwords, missing phones, other programs."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate
from tests.plugins.call.desks import AGENT, desk, until

pytestmark = pytest.mark.anyio


async def test_a_wrong_password_is_said(switch):
    wrong = {
        "url": switch.url,
        "username": "omnigate",
        "password": "wrong",
        "customer_endpoint": "PJSIP/{number}@trunk",
    }
    with pytest.raises(omnigate.CredentialsRejected):
        async with desk(switch, ari=wrong):
            pass


async def test_check_says_which_phones_are_missing(switch):
    async with desk(switch) as at:
        assert (await at.channel.check()).state == "up"
        switch.phones[AGENT] = "offline"
        health = await at.channel.check()
        assert (health.state, health.message) == ("degraded", "not registered: PJSIP/100")
        del switch.phones[AGENT]
        health = await at.channel.check()
        assert "has no phone PJSIP/100" in health.message
        await switch.stop()
        assert (await at.channel.check()).state == "down"


async def test_another_program_in_our_application_is_said(switch):
    async with desk(switch) as at:
        driver: Any = at.channel._driver
        stream = await driver._rest.events("omnigate_calls")
        await until(
            lambda: any("another program" in str(line["event"]) for line in at.host.log_lines)
        )
        await stream.close()
