"""A VK of one's own per test: a shop with a customer, and two ways to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from vkbottle import API, AiohttpClient
from vkbottle.callback import BotCallback

from omnigate.emulators.vk import Community, Person, VkEmulator
from omnigate.emulators.vk.callback import CallbackServer
from omnigate.testing.server import serve_app
from tests.emulators.clock import Clock
from tests.emulators.vk.receiving import Receiver

Ask = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


@pytest.fixture
async def vk(anyio_backend: str, clock: Clock) -> AsyncIterator[VkEmulator]:
    """The platform; rates are not watched unless a test says so, for its clock stands."""
    async with VkEmulator(clock=clock, speed=100) as emulator:
        emulator.gate.limited = False
        yield emulator


@pytest.fixture
def shop(vk: VkEmulator) -> Community:
    return vk.add_community("Shop", "shop")


@pytest.fixture
def anna(vk: VkEmulator) -> Person:
    return vk.person("Anna", "Petrova", screen_name="anna", city="Moscow", sex=1)


@pytest.fixture
async def http(anyio_backend: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def ask(vk: VkEmulator, shop: Community, http: aiohttp.ClientSession) -> Ask:
    """Call a method with the bare protocol; gives the whole body."""

    async def call(method: str, **arguments: Any) -> dict[str, Any]:
        form = {"access_token": shop.token, "v": "5.199", **arguments}
        form = {name: str(value) for name, value in form.items() if value is not None}
        async with http.post(f"{vk.url}/method/{method}", data=form) as response:
            assert response.status == 200
            body: dict[str, Any] = await response.json()
            return body

    return call


@pytest.fixture
async def api(vk: VkEmulator, shop: Community) -> AsyncIterator[API]:
    """The client of vkbottle, which knows nothing of the emulator but its address."""
    client = AiohttpClient()
    api = API(shop.token, http_client=client)
    api.API_URL = f"{vk.url}/method/"
    yield api
    await client.close()


@pytest.fixture
async def receiver(shop: Community) -> AsyncIterator[Receiver]:
    receiver = Receiver(shop)
    app = web.Application()
    app.router.add_post("/vk", receiver.take)
    async with serve_app(app) as address:
        receiver.url = f"{address}/vk"
        yield receiver
        receiver.silence.set()


@pytest.fixture
async def server(vk: VkEmulator, shop: Community, receiver: Receiver, api: API) -> CallbackServer:
    """A callback server that is confirmed and gets new messages, set up by vkbottle."""
    callback = BotCallback(receiver.url, "Omnigate", "s3cr3t", api, shop.id)
    server_id = await callback.add_callback_server()
    await callback.set_callback_settings(server_id, {"message_new": True})
    server = shop.callback.servers[server_id]
    assert await callback.find_server_id() == server_id
    await vk.wait_for(lambda: server.status == "ok")
    return server


@pytest.fixture
async def session(shop: Community, ask: Ask) -> dict[str, str]:
    """A long poll that was just opened."""
    settings = {"enabled": 1, "api_version": "5.199", "message_new": 1}
    assert (await ask("groups.setLongPollSettings", group_id=shop.id, **settings))["response"] == 1
    opened: dict[str, str] = (await ask("groups.getLongPollServer", group_id=shop.id))["response"]
    return opened
