"""The process around the daemon: its event loop, its signals, its exit code."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable

import structlog

from omnigate.errors import ConfigError, OmnigateError

log = structlog.get_logger("gateway")


def run(serve: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run ``serve`` until it ends; its event is set when the process is asked to stop.

    Returns the exit code: 0 for an orderly end, 2 when the operator must edit the configuration, else 1.
    """

    async def main() -> None:
        stop = asyncio.Event()
        _stop_on_signals(stop)
        await serve(stop)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(main())
        except (OmnigateError, BaseExceptionGroup) as error:
            return _fatal(error)
    return 0


def _fatal(error: BaseException) -> int:
    """Say what ended the daemon, in words where an operator can do something; return the exit code."""
    if isinstance(error, BaseExceptionGroup):
        return max(_fatal(inner) for inner in error.exceptions)
    if isinstance(error, ConfigError):
        log.critical("the configuration cannot be used", error=str(error))
        return 2
    if isinstance(error, OmnigateError):
        log.critical("cannot go on", error=str(error))
    else:
        log.critical("ended unexpectedly", exc_info=error)
    return 1


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Stop in order on the first SIGTERM or Ctrl-C, at once on the second."""

    def asked() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)


def spare_the_collector() -> None:
    """Keep what stays for good out of the garbage collector's rounds, and make them rarer.

    Modules and models are most of what there is; going through them again and again took a twentieth
    of all work under load. Messages hardly ever make cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the fast event loop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415  # not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
