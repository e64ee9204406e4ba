"""A channel that calls through the scripted switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from omnigate_call import Calls

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.call.ari import LOGIN

SECONDS = 15.0
ANNA = "+79161234567"
TRUNK = f"PJSIP/{ANNA}@trunk"
AGENT = "PJSIP/100"


def section(url: str = "http://127.0.0.1:9", **more: Any) -> dict[str, Any]:
    return {
        "driver": "ari",
        "default_region": "RU",
        "agents": {"sales": AGENT},
        "caller_id": "+74951234567",
        "allow_private": ["127.0.0.0/8"],
        "ari": {
            "url": url,
            "username": LOGIN[0],
            "password": LOGIN[1],
            "customer_endpoint": "PJSIP/{number}@trunk",
        },
        **more,
    }


class Desk:
    """A daemon's worth of channel: begun, asked, stopped, begun again over the same store."""

    def __init__(self, switch: Any, host: FakeHost, channel: Calls) -> None:
        self.switch = switch
        self.host = host
        self.channel = channel

    def call(self, call_id: str) -> omnigate.Call:
        return self.host.open_calls[call_id]

    async def dial(self, **more: Any) -> str:
        """Begin a call; return its id."""
        call = self.host.begin_call(ANNA, **more)
        await self.channel.dial(call)
        return call.id

    async def until(self, call_id: str, *states: str) -> omnigate.Call:
        """Wait until a call is in one of the states."""
        await until(lambda: self.call(call_id).state in states, lambda: str(self.call(call_id)))
        return self.call(call_id)

    async def until_leg(self, call_id: str, leg: str) -> None:
        """Wait until it is known with what cause a leg ended."""
        await until(
            lambda: any(
                each.leg == leg and each.cause is not None for each in self.call(call_id).legs
            ),
            lambda: str(self.call(call_id)),
        )

    async def is_over(self, call_id: str) -> omnigate.Call:
        """Wait until a call has ended, however."""
        await until(
            lambda: self.call(call_id).ended_at is not None, lambda: str(self.call(call_id))
        )
        return self.call(call_id)

    async def is_idle(self) -> None:
        """Wait until the switch has nothing of ours any more."""
        await until(
            lambda: not self.switch.channels and not self.switch.bridges,
            lambda: f"{self.switch.channels} {self.switch.bridges}",
        )

    async def is_back(self) -> None:
        """Wait until the connection was lost and stands again."""
        states = self.host.states
        await until(lambda: states[-1][0] == "up" and "down" in dict(states), lambda: str(states))

    async def has_stood(self, times: int) -> None:
        """Wait until the connection was made so many times."""
        states = self.host.states
        await until(lambda: states.count(("up", "")) >= times, lambda: str(states))


async def until(holds: Callable[[], bool], shown: Callable[[], str] = str) -> None:
    """Wait for a condition."""
    try:
        async with asyncio.timeout(SECONDS):
            while not holds():  # noqa: ASYNC110  # of another part, it has no event
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"it did not come about: {shown()}") from None


@asynccontextmanager
async def desk(switch: Any, store: MemoryStore | None = None, **more: Any) -> AsyncIterator[Desk]:
    """Run a channel over the switch; leaving is the end of the daemon."""
    async with FakeHost("calls", kind="call", store=store) as host:
        channel = Calls(Calls.Config.model_validate(section(switch.url, **more)), host)
        running = asyncio.create_task(channel.run())
        try:
            await until(lambda: ("up", "") in host.states or running.done())
            yield Desk(switch, host, channel)
        finally:
            running.cancel()
            try:
                await running
            except asyncio.CancelledError:
                pass
            except ExceptionGroup as group:  # the daemon looks into it likewise
                raise group.exceptions[0] from None


async def talking(at: Desk, **more: Any) -> str:
    """Return a call in which the two hear each other."""
    call_id = await at.dial(**more)
    await at.until(call_id, "bridged")
    return call_id
