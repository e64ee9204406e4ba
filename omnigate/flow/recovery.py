"""How destinations are, written down when it changes; when one works again, what waits for it is tried."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from omnigate.errors import StoreError
from omnigate.flow.alerts import Alerts
from omnigate.flow.destination import Destination
from omnigate.store import destinations, leases
from omnigate.store.leases import Waken
from omnigate.store.store import Store

WAKEN_CHUNK: Final = 500
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0

log = structlog.get_logger("dispatcher")


class Recovery:
    """Remembers how destinations are, and has all that waits for one tried when it works again."""

    def __init__(self, store: Store, alerts: Alerts) -> None:
        self._store = store
        self._alerts = alerts

    async def remember(self, destination: Destination, *, changed: bool) -> None:
        """Write down how the destination is and raise the alerts that are due.

        If the store refuses, the outcome of the attempt still counts: it is looked at again every 15 s.
        """
        try:
            if changed or destination.health.paused:
                await self.note(destination)
            await self._alerts.look(destination)
        except StoreError as error:
            log.warning("not written down", **destination.labels, error=str(error))

    async def recover(self, destination: Destination) -> None:
        """Make all waiting lanes due: recovery matters more than back-off.

        Only then is the recovery noted: after a crash in between, the next success does this anew.
        """
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self.waken(destination)
                await self.note(destination)
                await self._alerts.call_off(destination)
                return
            except StoreError as error:
                log.warning("recovery not finished", **destination.labels, error=str(error))
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    async def waken(self, destination: Destination) -> None:
        """Make all waiting lanes due, in chunks; the breaker still decides how many are tried."""
        wanted = Waken(destination.health.destination_id, WAKEN_CHUNK)
        while await self._store.writer.do(leases.waken, wanted) == WAKEN_CHUNK:
            pass

    async def note(self, destination: Destination) -> None:
        """Write down how the destination is."""
        await self._store.writer.do(destinations.note, destination.health)
