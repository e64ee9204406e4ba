"""One daemon and its receiver, which behaves: for tests that say exactly what happens when."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp

from proofs.daemon import TOKEN, Daemon, wait_until
from proofs.receiver import Receiver
from proofs.verdict import connect, owed


@asynccontextmanager
async def scene(folder: Path, **options: Any) -> AsyncIterator[tuple[Daemon, Receiver]]:
    """Give a daemon that is not started, and its receiver."""
    receiver = Receiver(random.Random(0))
    receiver.calm_down()
    receiver.replies = False
    await receiver.start()
    daemon = Daemon(folder, receiver.url, **options)
    try:
        yield daemon, receiver
    finally:
        await daemon.kill()
        await receiver.end()


def message(number: int) -> dict[str, Any]:
    """Return a customer's message; all are of one conversation."""
    return {
        "external_id": f"x-{number}",
        "conversation": "c-1",
        "sender": {"address": "app:c-1"},
        "text": f"hello-{number}",
    }


async def post(daemon: Daemon, body: Any, copies: int = 1) -> list[dict[str, Any]]:
    """Hand in the same so many times at once, each over a connection of its own."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def once() -> dict[str, Any]:
            url = f"{daemon.address}/channels/app/messages"
            async with session.post(url, json=body) as answer:
                assert answer.status == 202, await answer.text()
                return dict(await answer.json())

        return await asyncio.gather(*(once() for _ in range(copies)))


async def delivered(daemon: Daemon) -> int:
    """Wait until nothing is owed any more; return how many messages are stored."""
    await wait_until(lambda: not owed(daemon.folder), "all is delivered", daemon.log)
    with closing(connect(daemon.folder)) as store:
        (count,) = store.execute("SELECT count(*) FROM message").fetchone()
    return int(count)
