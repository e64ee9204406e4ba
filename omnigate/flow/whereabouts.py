"""Where a channel and its platform meet: an address that is called, or what the channel itself talks to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog

from omnigate.channel import Channel, WebhookChannel
from omnigate.flow.contained import contained
from omnigate.flow.parsing import HOOK

PREFIX: Final = "/channels"
LONGEST_WORDS: Final = 300

log = structlog.get_logger("channels")


class Whereabouts(NamedTuple):
    """For listings; neither is there when a channel cannot be made."""

    endpoint: str | None = None
    """Address at or below which the platform, browsers or your application call the channel; None: nobody
    does."""
    talks_to: str | None = None
    """What the channel connects to, or listens on, instead."""


NOWHERE: Final = Whereabouts()


def whereabouts(name: str, channel: Channel | None, public_url: str) -> Whereabouts:
    """Return where a channel is met; what its plugin raises is logged and costs the answer alone."""
    if channel is None:
        return NOWHERE
    try:
        with contained:
            words = channel.talks_to()
            said = None if words is None else str(words)[:LONGEST_WORDS]
            paths = [HOOK] if isinstance(channel, WebhookChannel) else []
            if said is None:
                paths += [route.path for route in channel.routes()]
    except Exception:
        log.exception("channel cannot tell where it is met", name=name)
        return NOWHERE
    if said is not None:
        return Whereabouts(talks_to=said)
    if isinstance(channel, WebhookChannel) or type(channel).routes is not Channel.routes:
        return Whereabouts(endpoint=f"{public_url}{PREFIX}/{name}{_above(paths)}")
    return NOWHERE


def _above(paths: Sequence[str]) -> str:
    """Return the steps that all paths begin with, as far as they are the same for every caller."""
    common: list[str] = []
    for steps in zip(*(path.split("/") for path in paths), strict=False):
        if len(set(steps)) > 1 or "{" in steps[0]:
            break
        common.append(steps[0])
    return "/".join(common).rstrip("/")
