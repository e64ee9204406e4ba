"""A VK of one's own per test: a shop with a customer, and two ways to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from vkbottle import API, AiohttpClient

from omnigate.emulators.vk import Community, Person, VkEmulator

Ask = Callable[..., Awaitable[dict[str, Any]]]


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_760_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


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
