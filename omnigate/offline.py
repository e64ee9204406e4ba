"""The admin API over the store alone: for a command that is run while no daemon does."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from omnigate.config import Config
from omnigate.gateway import Gateway
from omnigate.server.app import admin_app
from omnigate.server.listener import listening_unix
from omnigate.store.leases import void_leases
from omnigate.store.store import open_store


@asynccontextmanager
async def offline(config: Config, *, makes_plugins: bool = False) -> AsyncIterator[Path]:
    """Serve the admin API over the store alone, for a command while no daemon runs.

    Yields the path of a temporary socket. Nothing runs and nothing is delivered; channels and backends
    are made only if asked for. Raises `StoreError` when another process has the store.
    """
    settings = config.settings
    async with AsyncExitStack() as stack:
        url = settings.store.url
        if makes_plugins and not settings.store.path.exists():
            # Who only looks leaves nothing behind: made by root, it would be closed to the daemon.
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="omnigate-"))
            url = f"sqlite:///{scratch}/none.db"
        store = await stack.enter_async_context(
            open_store(url, delivery_expiry_seconds=settings.retry.expiry_seconds)
        )
        gateway = Gateway(config, store, lambda: None, offline=True)
        # Nothing is under way while no daemon runs, whatever one that was killed has left.
        await store.writer.do(void_leases, None)
        if makes_plugins:
            await gateway.start()
        with tempfile.TemporaryDirectory(prefix="omnigate-") as directory:
            application = admin_app(gateway.services)
            path = Path(directory) / "admin.sock"
            async with listening_unix(application, path, settings.server):
                yield path
                gateway.stream.close()
        await gateway.roster.close()
