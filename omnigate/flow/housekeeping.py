"""The hourly round: what is done with is forgotten, so that the store does not grow for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final

import structlog

from omnigate.config.settings import Retention
from omnigate.errors import StoreError
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.prune import Ages, LaneWalk, prune, prune_lanes
from omnigate.store.queue import expired_items
from omnigate.store.store import Store

ROUND_SECONDS: Final = 3600.0

_DAY: Final = 24 * 3600 * 1000
DEDUP_DAYS: Final = 35
"""Longer than any platform redelivers."""
IDEMPOTENCY_DAYS: Final = 2
EARLY_RECEIPT_MS: Final = 15 * 60 * 1000
IDLE_LANE_DAYS: Final = 7

log = structlog.get_logger("housekeeping")


async def keep_house(
    store: Store, retention: Callable[[], Retention], served: Callable[[], Collection[int]]
) -> None:
    """Go round every hour until cancelled; each round asks how long things are kept.

    ``served`` names the destinations of the configuration: what others are owed nobody claims, so it
    expires here.
    """
    while True:
        try:
            await _go_round(store, _ages(retention()))
            await _expire(store, list(served()))
        except StoreError as error:
            log.warning("round not finished; the next one goes on", error=str(error))
        await asyncio.sleep(ROUND_SECONDS)


def _ages(kept: Retention) -> Ages:
    return Ages(
        dedup=DEDUP_DAYS * _DAY,
        idempotency=IDEMPOTENCY_DAYS * _DAY,
        early_receipts=EARLY_RECEIPT_MS,
        attempts=kept.attempts_days * _DAY,
        exchanges=kept.exchanges_days * _DAY,
        dead=kept.dead_days * _DAY,
        quarantine=kept.quarantine_days * _DAY,
    )


async def _go_round(store: Store, ages: Ages) -> None:
    while await store.writer.do(prune, ages):
        pass
    walk: LaneWalk | None = LaneWalk(IDLE_LANE_DAYS * _DAY)
    while walk is not None:
        after = await store.writer.do(prune_lanes, walk)
        walk = walk._replace(after=after) if after else None
    log.debug("round done")


async def _expire(store: Store, served: list[int]) -> None:
    """Give up what is owed to nobody that is there, once its time is over."""
    while True:
        numbers = await store.read(expired_items, served, store.now())
        if not numbers:
            return
        wanted = Abandonment(numbers, "expired")
        done = await store.writer.do(abandon, wanted, weight=len(numbers))
        if not done.gone:
            return
        log.error("expired: who it was for is not in the configuration", count=len(done.gone))
