"""Replays worked off: history put into a backend's queue, so much a second, never too much at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from typing import Final

import structlog

from omnigate.errors import Refused, StoreError
from omnigate.flow.router import RoutingTable
from omnigate.model.event import EventType
from omnigate.store.replays import (
    PENDING_LIMIT,
    NewReplay,
    Replay,
    Step,
    Window,
    advance_replay,
    begin_replay,
    cancel_replay,
    count_window,
    list_replays,
)
from omnigate.store.store import Store

STEP_SECONDS: Final = 0.5
"""How long one step's events last at the rate that was asked for."""
EMPTY_STEP_SECONDS: Final = 0.02
MOST_AT_ONCE: Final = 100
"""Running replays that are looked at; further ones wait for the end of these."""
AGAIN_SECONDS: Final = 5.0

log = structlog.get_logger("replayer")


class Replayer:
    """Works on all replays that are not finished; they are rows, so a restart goes on with them."""

    def __init__(self, store: Store, routing: Callable[[], RoutingTable]) -> None:
        self._store = store
        self._routing = routing
        self._news = asyncio.Event()
        self._next_at: dict[int, float] = {}

    async def begin(
        self,
        backend: str,
        *,
        after: int,
        until: int,
        types: Collection[EventType] | None = None,
        channels: Collection[str] | None = None,
        rate: float,
    ) -> int:
        """Begin a replay at so many events a second; return its number once it is durable.

        Without ``types`` the backend gets those that it subscribes to. Whether it was there, or was to
        get them, when they happened makes no difference. Raises `Refused` (``no_backend``).
        """
        receiver = self._routing().receivers.get(backend)
        if receiver is None:
            raise Refused("no_backend", f"there is no backend {backend!r}")
        wants = types if types is not None else filter(receiver.wants, EventType)
        window = Window(after, until, [known.value for known in wants], channels)
        total = await self._store.read(count_window, window)
        wanted = NewReplay(receiver.destination_id, window, rate, total)
        number = await self._store.writer.do(begin_replay, wanted)
        log.info("replay begun", replay=number, backend=backend, events=total)
        self._news.set()
        return number

    async def cancel(self, number: int) -> bool:
        """End a replay with what it has pending; False if it does not run."""
        return await self._store.writer.do(cancel_replay, number)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                wait_seconds = await self._go_on()
            except StoreError as error:
                log.warning("replays wait", error=str(error))
                wait_seconds = AGAIN_SECONDS
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._news.wait()
                self._news.clear()
            except TimeoutError:
                pass

    async def _go_on(self) -> float | None:
        """Make the steps that are due; return how long to wait, None: until there is a replay."""
        running = await self._store.read(list_replays, running=True, limit=MOST_AT_ONCE)
        self._next_at = {
            known.id: self._next_at[known.id] for known in running if known.id in self._next_at
        }
        loop = asyncio.get_running_loop()
        served = {known.destination_id for known in self._routing().receivers.values()}
        for known in running:
            if self._next_at.get(known.id, 0.0) > loop.time():
                continue
            if known.destination_id in served:
                await self._step(known)
            else:  # it has left the configuration, and may come back
                self._next_at[known.id] = loop.time() + AGAIN_SECONDS
        if not running:
            return None
        return max(0.0, min(self._next_at.values()) - loop.time())

    async def _step(self, known: Replay) -> None:
        now = asyncio.get_running_loop().time()
        if known.pending >= PENDING_LIMIT:
            self._next_at[known.id] = now + STEP_SECONDS
            return
        most = max(1, math.ceil(known.rate * STEP_SECONDS))
        count = await self._store.writer.do(advance_replay, Step(known.id, most), weight=most)
        # A stretch of the log without events that are wanted is passed quickly.
        self._next_at[known.id] = now + (count / known.rate if count else EMPTY_STEP_SECONDS)
