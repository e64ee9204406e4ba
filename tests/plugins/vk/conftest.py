"""A community of Omnigate's, the emulated platform it talks to, and a customer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web
from omnigate_vk import Vk

import omnigate
from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.testing import FakeHost, MemoryStore, serve, serve_app
from omnigate.testing.hosts import LOOPBACK

T = TypeVar("T")
SECONDS = 15.0


@dataclass
class Shop:
    """A channel at work, and both sides of it."""

    vk: VkEmulator
    community: Community
    host: FakeHost
    channel: Vk
    anna: Person

    @property
    def items(self) -> list[Any]:
        return self.host.store.items

    async def until(self, holds: Callable[[], T], what: str = "what is waited for") -> T:
        """Return what a condition gives once it is true."""
        try:
            async with asyncio.timeout(SECONDS):
                while not (given := holds()):  # noqa: ASYNC110  # what changes tells nobody
                    await asyncio.sleep(0.01)
                return given
        except TimeoutError:
            raise AssertionError(f"{what}: {self.items!r} {self.host.states!r}") from None

    async def said(self, number: int = 0) -> omnigate.InboundMessage:
        """Return a message of a customer once it is stored."""
        return await self.item(omnigate.InboundMessage, number)

    async def item(self, kind: type[T], number: int = 0) -> T:
        """Return an item of a kind once it is stored."""

        def found() -> T | None:
            known = self.of(kind)
            return known[number] if len(known) > number else None

        given = await self.until(found, kind.__name__)
        assert given is not None
        return given

    def of(self, kind: type[T]) -> list[T]:
        """Return the items of a kind that are stored."""
        return [one for one in self.items if isinstance(one, kind)]

    async def receives(self) -> None:
        """Wait until events come."""
        await self.until(lambda: self.host.states and self.host.states[-1][0] == "up", "up")

    def part(self, text: str | None = "Здравствуйте", **more: Any) -> omnigate.OutboundPart:
        """Return something to be sent to the customer."""
        fields: dict[str, Any] = {
            "id": "msg_00000000000000000000000001.0",
            "message": "msg_00000000000000000000000001",
            "index": 0,
            "parts": 1,
            "conversation": str(self.anna.id),
            "address": f"vk:{self.anna.id}",
            "text": text,
        }
        return omnigate.OutboundPart.model_validate({**fields, **more})

    def change(self, action: str, external_id: str, **more: Any) -> omnigate.OutboundChange:
        """Return a change to a message that was sent."""
        fields: dict[str, Any] = {
            "id": "msg_00000000000000000000000001.1",
            "message": "msg_00000000000000000000000001",
            "index": 1,
            "action": action,
            "external_id": external_id,
            "conversation": str(self.anna.id),
            "address": f"vk:{self.anna.id}",
        }
        return omnigate.OutboundChange.model_validate({**fields, **more})

    async def file(
        self, content: bytes, kind: str, mime: str, name: str | None = None
    ) -> omnigate.Attachment:
        """Return a file of the company's, as the host hands it to a send."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        saved = await self.host.save_file(chunks(), name=name, mime=mime, limit_bytes=10**8)
        return saved.model_copy(update={"kind": kind})


class Front:
    """What stands before the daemon: its address stays when the daemon is started again."""

    def __init__(self) -> None:
        self.url = ""
        self.target: str | None = None

    async def pass_on(self, request: web.Request) -> web.Response:
        if self.target is None:
            return web.Response(status=502)
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.target}/hook", data=await request.read()) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read())


@pytest.fixture
async def front(anyio_backend: str) -> AsyncIterator[Front]:
    front = Front()
    app = web.Application()
    app.router.add_post("/hook", front.pass_on)
    async with serve_app(app) as front.url:
        yield front


@asynccontextmanager
async def at_work(channel: omnigate.Channel) -> AsyncIterator[asyncio.Task[None]]:
    """Run a channel until the block ends."""
    work = asyncio.create_task(channel.run())
    try:
        yield work
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


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
        host.public_url = lambda path="": f"{address}/{path}" if path else address  # type: ignore[method-assign]
        anna = anna or vk.person("Анна", "Петрова", screen_name="anna")
        shop = Shop(vk, community, host, channel, anna)
        if running:
            await stack.enter_async_context(at_work(channel))
            await shop.receives()
        yield shop


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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


def texts(items: Sequence[Any]) -> list[str | None]:
    return [one.text for one in items if isinstance(one, omnigate.InboundMessage)]
