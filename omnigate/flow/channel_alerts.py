"""Telling operators that a channel is down, and that it is back, but not of every hiccup.

A channel that is ``down`` is told of once it has been so for half a minute; one that ``stopped`` at once,
since only an operator brings it back. ``channel.up`` follows at once. A channel whose state comes and goes
brings one such pair a minute at most, however often it changes. Each change stands in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from omnigate.flow.supervisor import DOWN, ChannelRunner
from omnigate.model.event import EventType
from omnigate.model.facts import ChannelHealth
from omnigate.store.reports import Report, report
from omnigate.store.store import Store

HOLD_SECONDS: Final = 30.0
"""How long a channel must be down to be told of."""
APART_SECONDS: Final = 60.0
"""Between two tellings that a channel is down."""

log = structlog.get_logger("channels")


class ChannelAlerts:
    """Hears how channels are from `open` to `close`: before and after, nothing is at work."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_open = False
        self._told: set[str] = set()
        """Names of the channels that operators know to be down."""
        self._told_at: dict[str, float] = {}
        self._down_since: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def open(self, runners: Iterable[ChannelRunner]) -> None:
        """Begin, with those that are down already."""
        self._is_open = True
        for runner in runners:
            self.changed(runner)

    def close(self) -> None:
        """Tell nothing more."""
        self._is_open = False
        for name in list(self._down_since):
            self.forget(name)

    def changed(self, runner: ChannelRunner) -> None:
        """Hear that a channel says that it is otherwise than before; never waits."""
        if not self._is_open or runner.reported == "starting":
            return
        if runner.reported in DOWN:
            if runner.name not in self._told:
                self._look(runner)
            return
        self.forget(runner.name)
        if runner.reported == "up" and runner.name in self._told:
            self._told.discard(runner.name)
            self._tell(runner, EventType.CHANNEL_UP)

    def forget(self, name: str) -> None:
        """Wait no more for whether a channel stays down: it does not, or it is no more."""
        self._down_since.pop(name, None)
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()

    def _look(self, runner: ChannelRunner) -> None:
        """Tell that a channel is down, or look again when that is due."""
        loop, name = asyncio.get_running_loop(), runner.name
        since = self._down_since.setdefault(name, loop.time())
        due = since if runner.reported == "stopped" else since + HOLD_SECONDS
        if name in self._told_at:
            due = max(due, self._told_at[name] + APART_SECONDS)
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
        if loop.time() < due:
            self._timers[name] = loop.call_at(due, self._look, runner)
            return
        self.forget(name)
        if not runner.is_paused:
            self._told.add(name)
            self._told_at[name] = loop.time()
            self._tell(runner, EventType.CHANNEL_DOWN)

    def _tell(self, runner: ChannelRunner, event_type: EventType) -> None:
        told = ChannelHealth(
            name=runner.name,
            kind=runner.kind,
            state=runner.reported,
            message=runner.message or None,
        )
        self._store.writer.do_nowait(report, Report(event_type, told)).add_done_callback(_reported)


def _reported(future: asyncio.Future[None]) -> None:
    """Leave a report that could not be stored to the log, which has the change itself."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.warning("operators could not be told by an event", error=str(error))
