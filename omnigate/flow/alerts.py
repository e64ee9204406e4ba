"""Telling operators that a destination fails for long, and once that it is over.

An alert is raised at 4 failed attempts in a row, after an hour, a day and three days;
each as a line of the log and a ``destination.failing`` event to the other backends that ask for it. How
many alerts the present failure has raised stands in the destination's row, so that a restart repeats none.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

import structlog

from omnigate.errors import StoreError
from omnigate.flow.destination import Destination
from omnigate.model.event import EventType
from omnigate.model.facts import DestinationHealth
from omnigate.store import destinations
from omnigate.store.destinations import Health
from omnigate.store.reports import Report, report
from omnigate.store.store import Store

FAILURES: Final = 4
AFTER_HOURS: Final = (1, 24, 72)

_HOUR_MS: Final = 3_600_000

log = structlog.get_logger("dispatcher")


def alerts_due(health: Health, now: int) -> int:
    """Return how many alerts a failure of this length deserves."""
    since = health.first_failure_at
    if since is None:
        return 0
    by_time = sum(now - since >= hours * _HOUR_MS for hours in AFTER_HOURS)
    at_once = health.failures >= FAILURES or health.paused is not None or by_time > 0
    return by_time + at_once


class Alerts:
    """Raises alerts over destinations and calls them off."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, destination: Destination) -> None:
        """Raise the alerts that are due, at most one at a time."""
        health, now = destination.health, self._store.now()
        due = alerts_due(health, now)
        if due <= health.alerts or health.first_failure_at is None:
            return
        before, health.alerts = health.alerts, due
        log.error(
            "destination keeps failing; what is owed to it waits",
            **destination.labels,
            failures=health.failures,
            hours=round((now - health.first_failure_at) / _HOUR_MS, 1),
            error=health.last_error,
        )
        try:
            await self._tell(destination, EventType.DESTINATION_FAILING)
        except StoreError:
            health.alerts = before  # raised again at the next look
            raise

    async def call_off(self, destination: Destination) -> None:
        """Say that a destination about which an alert was raised works again."""
        if before := destination.health.alerts:
            destination.health.alerts = 0
            try:
                await self._tell(destination, EventType.DESTINATION_RECOVERED)
            except StoreError:
                destination.health.alerts = before
                raise

    async def _tell(self, destination: Destination, event_type: EventType) -> None:
        health, since = destination.health, destination.health.first_failure_at
        told = DestinationHealth(
            direction=destination.direction,
            name=destination.name,
            state=health.state,
            error=health.paused or (health.last_error if since else None),
            failures=health.failures,
            failing_since=None if since is None else datetime.fromtimestamp(since / 1000, UTC),
        )
        wanted = Report(event_type, told, kept_from=health.destination_id)
        writer = self._store.writer
        await asyncio.gather(writer.do(report, wanted), writer.do(destinations.note, health))
