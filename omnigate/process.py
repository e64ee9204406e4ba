"""The process around the daemon: its event loop, its signals, its exit code."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Final

import structlog

from omnigate.errors import ConfigError, OmnigateError

LEFTOVER_SECONDS: Final = 3.0

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Signals:
    """What the process was asked for."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)


def run(serve: Callable[[Signals], Awaitable[None]]) -> int:
    """Run ``serve`` until it ends, telling it what signals ask of the process.

    Returns the exit code: 0 for an orderly end, 2 when the operator must edit the configuration, else 1.
    """

    async def main() -> int:
        signals = Signals()
        _hear(signals)
        try:
            await serve(signals)
        finally:
            left = await _end_what_is_left()
        return left

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            left = runner.run(main())
        except (OmnigateError, BaseExceptionGroup) as error:
            return _fatal(error)
        if left:
            # Everything is stored and closed; the loop would wait for these for ever.
            log.error("tasks of plugins do not end when cancelled; leaving them", count=left)
            sys.stderr.flush()
            os._exit(0)
    return 0


async def _end_what_is_left() -> int:
    """Cancel tasks that somebody began and forgot; return how many of them do not end."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if not left:
        return 0
    _, deaf = await asyncio.wait(left, timeout=LEFTOVER_SECONDS)
    return len(deaf)


def _fatal(error: BaseException) -> int:
    """Say what ended the daemon, in words where an operator can do something; return the exit code."""
    if isinstance(error, BaseExceptionGroup):
        return max(_fatal(inner) for inner in error.exceptions)
    if isinstance(error, ConfigError):
        for mistake in error.problems:
            log.critical("mistake in the configuration", **asdict(mistake))
        log.critical("the configuration cannot be used", mistakes=len(error.problems))
        return 2
    if isinstance(error, OmnigateError):
        log.critical("cannot go on", error=str(error))
    else:
        log.critical("ended unexpectedly", exc_info=error)
    return 1


def _hear(signals: Signals) -> None:
    """Stop in order on the first SIGTERM or Ctrl-C, at once on the second; reload on SIGHUP."""

    def asked_to_stop() -> None:
        if signals.stop.is_set():
            os._exit(1)
        signals.stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop)
    loop.add_signal_handler(signal.SIGHUP, signals.reload.set)


def spare_the_collector() -> None:
    """Keep modules and models, most of what there is, out of the garbage collector's rounds for good."""
    gc.collect()
    gc.freeze()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the fast event loop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415  # not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
