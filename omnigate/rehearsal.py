"""A configuration tried out before it is in force: everybody is made as a reload would, and nobody runs.

Over a store of its own that is gone afterwards, beside a daemon or without one.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from omnigate.config import Config
from omnigate.flow.troubles import Finding
from omnigate.gateway import Gateway
from omnigate.store.destinations import Direction
from omnigate.store.store import open_store


async def rehearse(config: Config) -> None:
    """Make every channel and backend; raises `ConfigError` where a reload would."""
    async with _made(config):
        pass


async def examine(config: Config, direction: Direction, name: str) -> Finding:
    """Return whether one channel or backend would work: it asks its platform or receiver.

    Raises `ConfigError` when it cannot be made.
    """
    async with _made(_only(config, direction, name)) as gateway:
        return await gateway.doctor.examine_member(gateway.roster.member(direction, name))


@asynccontextmanager
async def _made(config: Config) -> AsyncIterator[Gateway]:
    with tempfile.TemporaryDirectory(prefix="omnigate-") as scratch:
        async with open_store(f"sqlite:///{scratch}/none.db") as store:
            gateway = Gateway(config, store, lambda: None)
            await gateway.roster.change(config)
            try:
                yield gateway
            finally:
                await gateway.roster.close()


def _only(config: Config, direction: Direction, name: str) -> Config:
    channels = config.channels if direction == "channel" else {}
    backends = config.backends if direction == "backend" else {}
    return Config(
        path=config.path,
        settings=config.settings.model_copy(update={"routes": []}),
        channels={key: each for key, each in channels.items() if key == name},
        backends={key: each for key, each in backends.items() if key == name},
    )
