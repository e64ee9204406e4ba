"""Where mails end up: a server that takes everything, by SMTP or LMTP, and keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from tests.ports import free_port

SECONDS = 60.0


class Sink:
    """What has arrived: envelopes with ``mail_from``, ``rcpt_tos`` and the ``content``."""

    def __init__(self) -> None:
        self.port = 0
        self.arrived: list[Any] = []
        self._news = asyncio.Condition()

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802  # named by aiosmtpd
        self.arrived.append(envelope)
        async with self._news:
            self._news.notify_all()
        return "250 2.0.0 kept"

    async def wait_for(self, count: int = 1) -> list[Any]:
        """Return what has arrived once it is so many."""
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(lambda: len(self.arrived) >= count)
        return self.arrived


@asynccontextmanager
async def sink(
    protocol: Literal["smtp", "lmtp"] = "smtp", *, utf8: bool = True
) -> AsyncIterator[Sink]:
    """Serve on loopback while the block runs, addresses beyond ASCII too unless that is not wanted."""
    kept = Sink()
    kind = LMTP if protocol == "lmtp" else SMTP
    loop = asyncio.get_running_loop()
    kept.port = free_port()
    server = await loop.create_server(
        lambda: kind(kept, hostname="sink.test", enable_SMTPUTF8=utf8, data_size_limit=2**26),
        "127.0.0.1",
        kept.port,
    )
    try:
        yield kept
    finally:
        server.close()
        await server.wait_closed()
