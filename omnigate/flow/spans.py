"""How long a channel says that something about a call may take, as far as that can be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from omnigate.calling import CallChannel
from omnigate.flow.contained import contained
from omnigate.flow.supervisor import ChannelRunner

LEAST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 7 * 24 * 3600.0
"""However long a channel says, a call is looked after when a week is over."""

log = structlog.get_logger("calls")


def said_seconds(
    runner: ChannelRunner | None, ask: Callable[[CallChannel], float], otherwise: float
) -> float:
    """Return what a channel says when asked, within bounds; ``otherwise`` where it cannot say."""
    if runner is None or not isinstance(runner.channel, CallChannel):
        return otherwise
    try:
        with contained:
            return max(LEAST_SECONDS, min(float(ask(runner.channel)), MOST_SECONDS))
    except Exception:
        log.exception("a channel does not say how long its calls take", channel=runner.name)
        return otherwise
