"""Steps on their way to the daemon: in order, one after the other, again until they are stored.

A switch tells each thing once. What cannot be stored waits in memory; a restart meanwhile is made good
by asking the switch what is under way. What can never be stored is left out, so that it holds up nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import omnigate
from omnigate_call.driver import Desk, Step

AGAIN_SECONDS: Final = (0.2, 1.0, 5.0, 15.0)
"""How long what could not be stored waits; the last one from then on."""


class Telling:
    """A queue of steps with one who stores them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._steps: deque[tuple[Step, Callable[[], None] | None]] = deque()
        self._news = asyncio.Event()

    def put(self, step: Step, then: Callable[[], None] | None = None) -> None:
        """Have a step stored soon, after those that were put before; ``then`` is called once it is."""
        self._steps.append((step, then))
        self._news.set()

    async def run(self) -> None:
        """Store steps until cancelled."""
        failures = 0
        while True:
            if not self._steps:
                self._news.clear()
                await self._news.wait()
            step, then = self._steps[0]
            try:
                await self._desk.tell(step)
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                failures += 1
                delay_seconds = AGAIN_SECONDS[min(failures, len(AGAIN_SECONDS)) - 1]
                self._desk.host.log.warning("news of a call waits", reason=str(error))
                await asyncio.sleep(delay_seconds)
                continue
            except Exception:  # nothing of what comes after it may be lost for it
                self._desk.host.log.exception(
                    "news of a call cannot be stored and is left out",
                    call=step.call_id,
                    state=step.state,
                )
            else:
                if then is not None:
                    then()
            failures = 0
            self._steps.popleft()
