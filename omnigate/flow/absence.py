"""Channels that call nobody any more, while calls of theirs are kept.

An operator takes a channel out of the configuration, disables it or makes it something else. What it had
begun may ring or be talked in all the same, and nobody hears of it: after a while the call is to be held,
so that somebody can say how it ended. A channel that is paused, or down, is not absent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from omnigate.calling import CallChannel
from omnigate.flow.supervisor import ChannelRunner

ABSENT_SECONDS: Final = 60.0
"""A channel that comes back sooner, by a further change of the configuration, was not away."""


class Absence:
    """Knows since when channels are absent, in this run of the daemon."""

    def __init__(self, channels: Callable[[], Mapping[str, ChannelRunner]]) -> None:
        self._channels = channels
        self._since: dict[str, float] = {}

    def present(self) -> frozenset[str]:
        """Return the names of the channels that call people."""
        return frozenset(name for name in self._channels() if _why(self._channels(), name) is None)

    def look(self, name: str) -> str | None:
        """Look whether a channel is there; return in words why it is not."""
        why = _why(self._channels(), name)
        if why is None:
            self._since.pop(name, None)
        else:
            self._since.setdefault(name, _now())
        return why

    def rest_seconds(self, name: str) -> float:
        """Return how much longer one that is absent may take to come back; 0 when no longer."""
        return max(0.0, self._since.get(name, _now()) + ABSENT_SECONDS - _now())


def _why(channels: Mapping[str, ChannelRunner], name: str) -> str | None:
    runner = channels.get(name)
    if runner is None:
        return f"the channel {name} is not in the configuration any more, or is disabled"
    if runner.channel is None:
        return f"the channel {name} is broken"
    return None if isinstance(runner.channel, CallChannel) else f"{name} calls nobody any more"


def _now() -> float:
    return asyncio.get_running_loop().time()
