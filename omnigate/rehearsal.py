"""A configuration tried out before it is in force: everybody is made as a reload would, and nobody runs.

Over a store of its own that is gone afterwards, beside a daemon or without one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from omnigate.config import Config
from omnigate.errors import ConfigError
from omnigate.flow.troubles import Finding
from omnigate.flow.whereabouts import NOWHERE, Whereabouts, whereabouts
from omnigate.gateway import Gateway
from omnigate.store.destinations import Direction
from omnigate.store.store import open_store

ResultT = TypeVar("ResultT")


async def rehearse(config: Config) -> None:
    """Make every channel and backend; raises `ConfigError` where a reload would."""
    await _tried(config, _nothing_more)


async def examine(config: Config, direction: Direction, name: str) -> Finding:
    """Return whether one channel or backend would work: it asks its platform or receiver.

    Raises `ConfigError` when it cannot be made.
    """

    async def ask(gateway: Gateway) -> Finding:
        member = gateway.roster.members.get((direction, name))
        if member is None:  # a channel that is not enabled is nobody
            return Finding(f"{direction} {name}", "warning", "is not enabled", "set enabled = true")
        return await gateway.doctor.examine_member(member)

    return await _tried(_only(config, direction, name), ask)


async def whereabouts_of(config: Config, name: str) -> Whereabouts:
    """Return where a channel and its platform meet. Raises `ConfigError` when it cannot be made."""

    async def look(gateway: Gateway) -> Whereabouts:
        member = gateway.roster.members.get(("channel", name))
        if member is None or member.runner is None:
            return NOWHERE
        return whereabouts(name, member.runner.channel, config.settings.public_url)

    return await _tried(_only(config, "channel", name), look)


async def _nothing_more(gateway: Gateway) -> None:
    return None


async def _tried(config: Config, then: Callable[[Gateway], Awaitable[ResultT]]) -> ResultT:
    """Make everybody, do something with them, let go of them."""
    with tempfile.TemporaryDirectory(prefix="omnigate-") as scratch:
        async with open_store(f"sqlite:///{scratch}/none.db") as store:
            gateway = Gateway(config, store, lambda: None)
            try:
                await gateway.roster.change(config)
                return await then(gateway)
            except ConfigError as error:
                # Only once the store is closed: its tasks would wrap whatever passes through them.
                refusal = error
            finally:
                await gateway.roster.close()
    raise refusal


def _only(config: Config, direction: Direction, name: str) -> Config:
    channels = config.channels if direction == "channel" else {}
    backends = config.backends if direction == "backend" else {}
    return replace(
        config,
        settings=config.settings.model_copy(update={"routes": []}),
        channels={key: each for key, each in channels.items() if key == name},
        backends={key: each for key, each in backends.items() if key == name},
        broken=(),
    )
