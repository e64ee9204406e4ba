"""What channels a switch has and whose they are, by its lists and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omnigate_call.ami.wire import Block

RINGING: Final = frozenset({"5", "Ringing"})
UP: Final = frozenset({"6", "Up"})


@dataclass(frozen=True, slots=True)
class Listed:
    """What a switch had at a moment."""

    began_at: float
    """By the loop's clock: what was asked for later may be missing."""
    channels: Mapping[str, Block]
    """Its channels by their unique ids."""
    by_restart: bool
    """The switch was restarted since it was last asked."""


def about(event: Block) -> str | None:
    """Return the unique id of the channel that an event is about."""
    return event.get("destuniqueid" if event.get("event") == "DialEnd" else "uniqueid")


def second_among(found: Mapping[str, Block], first_name: str) -> str:
    """Return which of the channels there are is the second phone's; empty for none.

    All that is there for an attempt is linked with its first channel. One through the dial plan
    (``Local/…``) has two halves, of which ``;1`` is ours, and the phone behind them is linked too.
    """
    first = found.get(first_name, {})
    if first and first.get("channelstate") not in UP:
        return ""  # the second is rung when the first was answered
    linked = {
        name: each
        for name, each in found.items()
        if each.get("linkedid") == first_name
        and name != first_name
        and not each.get("channel", "").endswith(";2")
    }
    bridge = first.get("bridgeid")
    with_it = [name for name, each in linked.items() if bridge and each.get("bridgeid") == bridge]
    free = [name for name, each in linked.items() if not each.get("bridgeid")]
    free.sort(key=lambda name: not linked[name].get("channel", "").endswith(";1"))
    return next(iter(with_it or free), "")
