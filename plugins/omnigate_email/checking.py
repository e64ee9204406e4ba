"""What the operator hears who asks how a channel is: its servers and doors, each within a time, as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

import omnigate

CHECK_SECONDS: Final = 10.0
"""The longest that a server is waited for when it is only asked; less than doctor waits."""

_ORDER: Final = ("up", "starting", "degraded", "down", "stopped")
"""From good to bad."""


async def within(check: Awaitable[omnigate.Health], server: str) -> omnigate.Health:
    """Return what a check says, or that the server said nothing for so long."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check
    except TimeoutError:
        what = f"{server} did not answer within {CHECK_SECONDS:g} s; check host, port and tls"
        return omnigate.Health("down", what)


def together(found: Sequence[omnigate.Health]) -> omnigate.Health:
    """Return the worst of what was found, with the words of all that is not well, or else of all."""
    worst = max(found, key=lambda one: _ORDER.index(one.state)).state
    # What is well would only hide what is not.
    told = [one.message for one in found if worst == "up" or one.state != "up"]
    return omnigate.Health(worst, "; ".join(filter(None, told)))
