"""Attempts: one try to bring an item to its destination, and what becomes of the item afterwards.

The verdicts are pure (`omnigate.flow.retry`, `omnigate.flow.breaker`); this module asks for them, says
what is worth saying, and puts them into a `Settlement`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

import structlog

from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    OmnigateError,
    Overloaded,
    Refused,
    RetryLater,
    StoreError,
)
from omnigate.flow.carriers import Unproven
from omnigate.flow.clockwatch import ClockWatch
from omnigate.flow.destination import Destination
from omnigate.flow.figures import Reason
from omnigate.flow.recovery import Recovery
from omnigate.flow.retry import (
    HINT_CAP_SECONDS,
    RetryPolicy,
    Trial,
    Verdict,
    after_destination_failure,
    after_item_failure,
    after_throttle,
)
from omnigate.store.owing import Item, Lease
from omnigate.store.settling import Settlement
from omnigate.store.store import Store
from omnigate.transcript import transcribed

REJECTED_SECONDS: Final = 300.0
POSTPONE_SECONDS: Final = 1.0

_IN_DOUBT: Final = (
    "its time is over by a clock that was set ahead; it waits until the clock is believed"
)

log = structlog.get_logger("dispatcher")


class Attempts:
    """Makes attempts for the dispatcher."""

    def __init__(
        self,
        store: Store,
        policy: RetryPolicy,
        chance: random.Random,
        start: Callable[[Coroutine[Any, Any, None]], None],
        recovery: Recovery,
        clock: ClockWatch,
    ) -> None:
        self.keeps_all_exchanges = False
        """Keep what was said also where it went well."""
        self._store = store
        self.policy = policy
        self._recovery = recovery
        self._clock = clock
        self._chance = chance
        self._start = start
        """Runs what an attempt brings about beside the work on its lane."""

    async def make(
        self, destination: Destination, lease: Lease, item: Item, *, last: bool
    ) -> Settlement:
        """Make one attempt and say what becomes of the item."""
        if (settlement := self._overdue(destination, lease, item)) is not None:
            return settlement
        began = time.perf_counter()
        with transcribed(keeps_all=self.keeps_all_exchanges) as transcript:
            settlement = await self._try(destination, lease, item, last=last)
        seconds = time.perf_counter() - began
        destination.figures.attempt_seconds.observe(seconds)
        settlement.duration_ms = round(seconds * 1000)
        settlement.exchanges = transcript.exchanges
        if settlement.status is None:
            settlement.status = transcript.status
        return settlement

    def _overdue(self, destination: Destination, lease: Lease, item: Item) -> Settlement | None:
        """Say what becomes of an item whose time is over without another attempt; None: it gets one.

        A message is never sent late. An event is tried once more after its time, unless its destination
        failed since then: after days of rest the first attempt may well succeed. While the clock is in
        doubt nothing is given up.
        """
        if item.expires_at > self._store.now():
            return None
        doubted_until = self._clock.doubted_until()
        if destination.direction == "backend":
            failed_at = destination.breaker.failed_at
            if doubted_until is not None or failed_at is None or failed_at < item.expires_at:
                return None
        elif doubted_until is not None:
            destination.carrier.put_off(item, _IN_DOUBT)
            return self._postpone(destination, lease, item, _IN_DOUBT, doubted_until)
        said = destination.health.last_error
        why = "not delivered in time" + (f"; what came back last: {said}" if said else "")
        settlement = self._dead(destination, lease, item, "expired", why)
        settlement.counts = False  # nothing was tried
        return settlement

    async def _try(
        self, destination: Destination, lease: Lease, item: Item, *, last: bool
    ) -> Settlement:
        try:
            await destination.carrier.carry(lease, item)
        except Unproven as error:
            return self._dead(destination, lease, item, error.code, str(error))
        except Refused as error:
            self._succeeded(destination)
            return self._dead(destination, lease, item, error.code, str(error))
        except (DestinationUnavailable, CredentialsRejected, NotReady) as error:
            return await self._destination_failed(destination, lease, item, error)
        except StoreError as error:
            return self._postpone(destination, lease, item, str(error))
        except Overloaded as error:
            run_at = self._store.now() + int(error.retry_after_seconds * 1000)
            return self._postpone(destination, lease, item, str(error), run_at)
        except (RetryLater, OmnigateError) as error:
            return await self._item_failed(destination, lease, item, error)
        except Exception as error:
            # Whatever a plugin raises costs only this attempt.
            log.exception("plugin raised", **destination.labels, item=item.id)
            return await self._item_failed(destination, lease, item, error)
        self._succeeded(destination)
        destination.figures.delivered(self._store.now() - item.created_at)
        lease.gap, lease.failures, lease.first_failure_at = [], 0, None
        return Settlement(lease, item, "delivered", last=last)

    def _postpone(
        self,
        destination: Destination,
        lease: Lease,
        item: Item,
        error: str,
        run_at: int | None = None,
    ) -> Settlement:
        """Have the item tried again, soon or then: what failed is ours, neither its nor the destination's."""
        now = self._store.now()
        destination.figures.failed("retry", "internal", error, now)
        run_at = run_at or now + int(POSTPONE_SECONDS * 1000)
        return Settlement(lease, item, "retry", last=True, run_at=run_at, error=error, counts=False)

    def _succeeded(self, destination: Destination) -> None:
        has_failed = destination.health.first_failure_at is not None
        if destination.breaker.succeeded(self._store.now()):
            log.info("destination works again", **destination.labels)
            self._start(self._recovery.recover(destination))
        elif has_failed:
            self._start(self._recovery.remember(destination, changed=True))

    async def _destination_failed(
        self, destination: Destination, lease: Lease, item: Item, error: OmnigateError
    ) -> Settlement:
        hint = getattr(error, "retry_after_seconds", None)
        hint = min(hint, HINT_CAP_SECONDS) if hint else None
        now, text = self._store.now(), str(error)
        first = destination.health.first_failure_at is None
        if isinstance(error, CredentialsRejected):
            opened = destination.breaker.turned_away(now, text, REJECTED_SECONDS)
        else:
            opened = destination.breaker.failed(now, text, hint)
        if getattr(error, "pause", False):
            destination.health.paused = destination.health.paused or text
            log.error(
                "destination is gone; paused, its queue is kept",
                **destination.labels,
                error=text,
                remedy=f"omnigate {destination.direction} resume {destination.name}",
            )
        elif opened:
            log.warning("destination fails; waiting", **destination.labels, error=text)
        elif first:
            log.warning("destination failed", **destination.labels, error=text)
        await self._recovery.remember(destination, changed=bool(first or opened or hint))
        trial = self._trial(lease, item, now)
        verdict = after_destination_failure(self.policy, trial, self._chance.random(), hint)
        probe_at = destination.breaker.opens_at()
        if destination.health.breaker != "closed" and probe_at is not None:
            # Some lane must be due to probe, or a lone one would sleep through the recovery.
            until_probe_seconds = max(0.0, (probe_at - now) / 1000)
            shorter = min(verdict.delay_seconds, until_probe_seconds)
            verdict = replace(verdict, delay_seconds=shorter)
        return self._sentence(destination, lease, item, verdict, error, "destination")

    async def _item_failed(
        self, destination: Destination, lease: Lease, item: Item, error: Exception
    ) -> Settlement:
        status = getattr(error, "status", None)
        trial = self._trial(lease, item, self._store.now())
        asked_seconds = getattr(error, "after_seconds", None)
        if asked_seconds is not None:
            verdict = after_throttle(trial, asked_seconds)
            return self._sentence(destination, lease, item, verdict, error, "throttled")
        if destination.breaker.blames_destination(lease.stream, status):
            refused_by_all = DestinationUnavailable(f"refuses everything: {error}", status=status)
            return await self._destination_failed(destination, lease, item, refused_by_all)
        chance = self._chance.random()
        verdict = after_item_failure(self.policy, destination.order, trial, chance)
        settlement = self._sentence(destination, lease, item, verdict, error, "item")
        settlement.blames_item = True
        return settlement

    def _trial(self, lease: Lease, item: Item, now: int) -> Trial:
        since, until = lease.first_failure_at or now, item.expires_at
        if (doubted_until := self._clock.doubted_until()) is not None:
            since, until = now, max(until, doubted_until)
        return Trial(
            attempts=item.attempts + 1,
            own_failures=lease.failures + 1,
            held_seconds=(now - since) / 1000,
            left_seconds=(until - now) / 1000,
        )

    def _sentence(
        self,
        destination: Destination,
        lease: Lease,
        item: Item,
        verdict: Verdict,
        error: Exception,
        why: Reason,
    ) -> Settlement:
        text = str(error) or type(error).__name__
        if verdict.outcome == "dead":
            return self._dead(destination, lease, item, verdict.reason, text)
        now = self._store.now()
        destination.figures.failed("retry", why, text, now)
        return Settlement(
            lease,
            item,
            "retry",
            last=True,
            run_at=now + int(verdict.delay_seconds * 1000),
            error=text,
            status=getattr(error, "status", None),
        )

    def _dead(
        self, destination: Destination, lease: Lease, item: Item, reason: str, error: str
    ) -> Settlement:
        destination.carrier.give_up(item, reason if reason == "expired" else error)
        destination.figures.died(reason, error, self._store.now())
        log.error(
            "delivery is dead",
            **destination.labels,
            item=item.event_id or item.message_id,
            reason=reason,
            error=error,
        )
        return Settlement(lease, item, "dead", last=True, reason=reason, error=error)
