"""A community of Omnigate's, the emulated platform it talks to, and a customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from omnigate_vk import Vk

from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.testing import FakeHost, MemoryStore, serve, serve_app
from omnigate.testing.hosts import LOOPBACK
from tests.plugins.atwork import ShopAtWork, at_work


@dataclass
class Shop(ShopAtWork):
    """A channel at work, and both sides of it."""

    scheme = "vk"

    vk: VkEmulator
    community: Community
    host: FakeHost
    channel: Vk
    anna: Person

    async def receives(self) -> None:
        """Wait until events come."""
        await self.until(lambda: self.host.states and self.host.states[-1][0] == "up", "up")


class Front:
    """What stands before the daemon: its address stays when the daemon is started again."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.url = ""
        self.target: str | None = None
        self._http = http

    async def pass_on(self, request: web.Request) -> web.Response:
        if self.target is None:
            return web.Response(status=502)
        try:
            body = await request.read()
            async with self._http.post(f"{self.target}/hook", data=body) as answer:
                return web.Response(status=answer.status, body=await answer.read())
        except aiohttp.ClientError:  # the daemon went down in the middle
            return web.Response(status=502)

    def close(self) -> None:
        """Pass nothing on any more: the daemon goes down."""
        self.target = None


@pytest.fixture
async def front(anyio_backend: str) -> AsyncIterator[Front]:
    async with aiohttp.ClientSession() as http:
        front = Front(http)
        app = web.Application()
        app.router.add_post("/hook", front.pass_on)
        async with serve_app(app) as front.url:
            yield front


@asynccontextmanager
async def open_shop(
    mode: str = "poll",
    *,
    vk: VkEmulator | None = None,
    community: Community | None = None,
    anna: Person | None = None,
    store: MemoryStore | None = None,
    running: bool = True,
    front: Front | None = None,
    **config: Any,
) -> AsyncIterator[Shop]:
    """Open a channel; it is served in both modes, for what is on its way is taken in either."""
    async with AsyncExitStack() as stack:
        if vk is None:
            vk = await stack.enter_async_context(VkEmulator(speed=20))
        community = community or vk.add_community("Shop", "shop")
        host = await stack.enter_async_context(FakeHost("shop", kind="vk", store=store))
        section = Vk.Config.model_validate(
            {
                "token": community.token,
                "group_id": community.id,
                "mode": mode,
                "api_url": vk.url,
                "allow_private": list(LOOPBACK),
                "poll_seconds": 2,
                **config,
            }
        )
        channel = Vk(section, host)
        address = await stack.enter_async_context(serve(channel, host))
        if front is not None:
            front.target, address = address, front.url
            stack.callback(front.close)
        host.address = address
        anna = anna or vk.person("Анна", "Петрова", screen_name="anna")
        shop = Shop(vk, community, host, channel, anna)
        if running:
            await stack.enter_async_context(at_work(channel))
            await shop.receives()
        yield shop


@pytest.fixture(params=["poll", "callback"])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """A community that takes events, once by poll and once by callback."""
    async with open_shop(request.param) as opened:
        yield opened


@pytest.fixture
async def desk() -> AsyncIterator[Shop]:
    """A community that sends only."""
    async with open_shop(running=False) as opened:
        await opened.anna.starts(opened.community)
        yield opened
