"""Work beside the way of the messages: its failing costs itself a pause, and nobody else anything."""

from __future__ import annotations

import asyncio

import pytest

from omnigate.errors import StoreError
from omnigate.flow import tasks

pytestmark = pytest.mark.anyio


async def test_what_fails_begins_anew_and_what_is_cancelled_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "ANEW_SECONDS", 0.01)
    begun = 0
    works = asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise [StoreError("no room"), KeyError("x")][begun - 1]
        works.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(tasks.kept_up(work, "test"))
    async with asyncio.timeout(5):
        await works.wait()
    assert begun == 3
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
