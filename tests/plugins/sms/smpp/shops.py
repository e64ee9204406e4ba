"""Whole channels that are bound to SMSCs of another make."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from omnigate_sms import Sms
from omnigate_sms.smpp import repeats

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.sms.smpp.links import Smsc, until

ANNA = {"source_addr": "79161234567", "destination_addr": "79990000001", "data_coding": 8}


class Host(FakeHost):
    """Remembers what went to quarantine, as the daemon keeps it: of a query it has no values."""

    def __init__(self, store: MemoryStore | None) -> None:
        super().__init__("texts", kind="sms", store=store)
        self.kept: list[omnigate.Request] = []

    async def put_updates(self, parse: Any, updates: Any, **more: Any) -> Any:
        recorded = await super().put_updates(parse, updates, **more)
        self.kept += [replace(one, query={}) for one in updates]
        return recorded


@dataclass
class Shop:
    """A channel that is bound to an SMSC, and what it has stored."""

    smsc: Smsc
    host: Host
    channel: Sms
    running: asyncio.Task[None]

    @property
    def texts(self) -> list[str | None]:
        items = self.host.store.items
        return [one.text for one in items if isinstance(one, omnigate.InboundMessage)]

    @property
    def notes(self) -> list[str]:
        noted = self.host.store.notes.get("texts", {})
        return [key for key in noted if key.startswith(repeats.PREFIX)]

    async def up(self, times: int = 1) -> None:
        states = self.host.states
        await until(lambda: [one for one, _ in states].count("up") >= times, lambda: states)

    async def hear(self, said: str, **more: Any) -> None:
        """Have Anna write, and wait until the SMSC has read that it is stored."""
        known = len(self.smsc.all("deliver_sm_resp"))
        say(self.smsc, said, **more)
        answer = await self.smsc.until("deliver_sm_resp", known + 1)
        assert answer["status"] == 0, self.host.log_lines

    async def hear_in_vain(self, said: str, up: int) -> None:
        """Have Anna write; it is stored, and the connection breaks before the SMSC reads that."""
        answered = len(self.smsc.all("deliver_sm_resp"))
        stored = len(self.texts)
        self.smsc.tell(deaf=True)
        say(self.smsc, said)
        await until(lambda: len(self.texts) > stored)
        self.smsc.tell(cut=True)
        await self.up(up)
        assert len(await self.smsc.so_far("deliver_sm_resp")) == answered


def say(smsc: Smsc, said: str, **more: Any) -> None:
    octets = said.encode("utf-16-be").hex()
    parameters = {**ANNA, "short_message": octets, **more}
    smsc.tell(command="deliver_sm", parameters=parameters, octets=["short_message"])


@asynccontextmanager
async def opened(smsc: Smsc, store: MemoryStore | None = None) -> AsyncIterator[Shop]:
    """Run a channel; with the store of another it is a restart."""
    smpp = {"host": "127.0.0.1", "port": smsc.port, "system_id": "shop", "password": "secret"}
    config = {"link": "smpp", "default_region": "RU", "sender": "Shop", "smpp": smpp}
    async with Host(store) as host:
        channel = Sms(Sms.Config.model_validate(config), host)
        shop = Shop(smsc, host, channel, asyncio.create_task(channel.run()))
        await shop.up()
        try:
            yield shop
        finally:
            shop.running.cancel()
            with suppress(asyncio.CancelledError):
                await shop.running
