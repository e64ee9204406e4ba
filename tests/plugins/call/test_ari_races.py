"""Whatever customers, agents, the Asterisk and the network do at once: drawn by lot."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

import omnigate
from tests.plugins.call.ari import Behaviour, ScriptedAri, channel_of
from tests.plugins.call.desks import AGENT, TRUNK, desk, until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("number", range(12))
async def test_whatever_comes_first_every_call_ends_once_and_leaves_nothing(number):
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown when it fails
    chance = random.Random(seed)
    async with ScriptedAri(version=chance.choice([16, 22]), seed=seed).running() as switch:
        does: list[Behaviour] = [
            "answer",
            "answer",
            "busy",
            "no_answer",
            "unreachable",
            "offline",
            "silent",
        ]
        switch.phones = {AGENT: chance.choice(does), TRUNK: chance.choice(does)}
        agents = {"sales": {"endpoint": AGENT, "lines": 10}}
        async with desk(switch, agents=agents, retry_after_seconds=[]) as at:
            calls = [await at.dial() for _ in range(3)]
            for _ in range(chance.randrange(6)):
                call_id = chance.choice(calls)
                act = chance.choice(["hang up", "agent", "customer", "disconnect"])
                if act == "hang up":
                    with suppress(omnigate.DestinationUnavailable):  # not connected just now
                        await at.channel.hang_up(at.call(call_id))
                elif act == "disconnect":
                    await switch.disconnect()
                else:
                    await switch.hang_up(channel_of(call_id, act))
            await until(lambda: switch.connected.is_set() and at.host.states[-1] == ("up", ""))
            for call_id in calls:
                await at.channel.hang_up(at.call(call_id))
            for call_id in calls:
                await at.is_over(call_id)
            await at.is_idle()
            assert len({leg.id for leg in switch.dialled}) == len(switch.dialled)
