"""Room for bodies: never more than there is, in turn, and given back whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from omnigate.errors import Overloaded
from omnigate.server.bodies import Room

pytestmark = pytest.mark.anyio


async def test_who_finds_no_room_waits_until_somebody_leaves():
    room, order = Room(100), []

    async def read(name: str, size_bytes: int) -> None:
        async with room.of(size_bytes, 10):
            order.append(name)

    async with AsyncExitStack() as held:
        await held.enter_async_context(room.of(80, 10))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read("large", 90))
            await asyncio.sleep(0)
            # It would fit, but a large one must not wait for ever behind small ones.
            tasks.create_task(read("small", 10))
            await asyncio.sleep(0)
            assert order == []
            await held.aclose()
    assert order == ["large", "small"]


async def test_waiting_ends_and_leaves_nothing_behind():
    room = Room(100)
    async with room.of(100, 10):
        with pytest.raises(Overloaded):
            async with room.of(1, 0.01):
                pass
        waiting = asyncio.create_task(room.of(50, 10).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with room.of(100, 0.01):
        pass


async def test_a_body_as_large_as_may_be_has_room_of_its_own():
    room = Room(100)
    async with room.of(10**9, 0.01):
        with pytest.raises(Overloaded):
            async with room.of(1, 0.01):
                pass
