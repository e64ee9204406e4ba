"""Leases that are being worked on: renewed while the work lasts, settled when an attempt has ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from omnigate.flow.figures import Figures
from omnigate.store import leases, settling
from omnigate.store.owing import Lease
from omnigate.store.settling import Settlement
from omnigate.store.store import Store

LEASE_SECONDS: Final = 60.0
SETTLE_AGAIN_SECONDS: Final = 1.0
"""Doubled with each refusal: within a lease that is five times."""

log = structlog.get_logger("dispatcher")


@dataclass(slots=True, eq=False)
class Held:
    """A lease that is being worked on."""

    lease: Lease
    lost: bool = False
    """Somebody else works on the lane by now: what is done under this lease does not count."""


class HeldLeases:
    """All leases of this process."""

    def __init__(self, store: Store, figures: Figures) -> None:
        self.stopping = False
        """What the store refuses is not tried again: the next start sees to it."""
        self._store = store
        self._writer = store.writer
        self._figures = figures
        self._held: set[Held] = set()

    def hold(self, lease: Lease) -> Held:
        """Keep a lease from now on."""
        held = Held(lease)
        self._held.add(held)
        return held

    def let_go(self, held: Held) -> None:
        """Keep a lease no longer: the work under it has ended."""
        self._held.discard(held)

    async def renew(self) -> None:
        """Extend what is being worked on, and free lanes whose lease ran out. Raises `StoreError`."""
        until = self._store.now() + int(LEASE_SECONDS * 1000)
        working = list(self._held)
        wanted = [(held.lease, until) for held in working]
        for held, renewed in zip(working, await self._writer.do(leases.renew, wanted), strict=True):
            held.lost = held.lost or not renewed
        await self._writer.do(leases.expire_leases, None)

    def settle(
        self, held: Held, settlement: Settlement, again_seconds: float = SETTLE_AGAIN_SECONDS
    ) -> asyncio.Future[bool]:
        """Write what became of an item; what the store refuses is tried again for as long as it counts."""
        settled = self._writer.do_nowait(settling.settle, settlement)
        settled.add_done_callback(partial(self._settled, held, settlement, again_seconds))
        return settled

    def _settled(
        self,
        held: Held,
        settlement: Settlement,
        again_seconds: float,
        future: asyncio.Future[bool],
    ) -> None:
        if future.cancelled():
            return
        if (error := future.exception()) is not None:
            log.error("settling failed", stream=held.lease.stream, error=str(error))
            if again_seconds < LEASE_SECONDS and not self.stopping:
                # Or the lane would wait for its lease's end, and the item be delivered twice.
                loop = asyncio.get_running_loop()
                loop.call_later(again_seconds, self.settle, held, settlement, again_seconds * 2)
        elif not future.result():
            held.lost = True
            self._figures.leases_lost += 1
            log.warning("lease lost", stream=held.lease.stream)
