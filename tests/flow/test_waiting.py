"""Whoever waits too long is told of when it is time, and nobody looks before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from omnigate.flow import waiting
from omnigate.flow.waiting import Waiting
from omnigate.model.event import EventType
from omnigate.model.inbound import InboundMessage, Profile
from omnigate.store.ingest import Intake, ingest
from omnigate.store.overdue import tell_overdue
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from omnigate.store.waits import next_overdue

pytestmark = pytest.mark.anyio
SECONDS = 20.0


class House:
    """A store with a watcher, and what was told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: list[str | None] = []
        self.looks = 0
        self._news = asyncio.Event()
        store.writer.on_commit.append(self._committed)

    def _committed(self, committed: Any) -> None:
        new = [
            event.conversation
            for event in committed.recorded
            if event.type is EventType.CONVERSATION_OVERDUE
        ]
        self.told += new
        if new:
            self._news.set()

    async def say(self, who: str, target_ms: int | None) -> None:
        item = InboundMessage(
            external_id=f"x-{who}",
            conversation=who,
            occurred_at=datetime.now(UTC),
            sender=Profile.model_validate({"address": f"app:{who}"}),
            text="hello",
        )
        key = ChannelKey("app", "http", 50, target_ms)
        await self.store.writer.do(ingest, Intake(key, [item]))

    async def wait_told(self, count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def watched(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async with open_store(f"sqlite:///{path}/store.db") as store:
        house = House(store)

        def look(connection: Any) -> int | None:
            house.looks += 1
            return next_overdue(connection)

        monkeypatch.setattr(waiting, "next_overdue", look)
        task = asyncio.create_task(Waiting(store).run())
        yield house
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_first_to_be_overdue_is_told_of_first_whoever_began_to_wait_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as house:
        await house.say("slow", 900)
        await house.say("quick", 100)
        await house.say("never", None)
        await house.wait_told(2)
        assert house.told == ["quick", "slow"]


async def test_those_who_began_to_wait_before_the_start_are_told_of_at_once_and_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "AT_ONCE", 3)
    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        early = House(store)
        for number in range(8):
            await early.say(f"c-{number}", 1)
    async with watched(tmp_path, monkeypatch) as house:
        await house.wait_told(8)
        assert sorted(map(str, house.told)) == [f"c-{number}" for number in range(8)]


async def test_nobody_looks_while_nothing_can_have_become_overdue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as house:
        await house.say("first", 60_000)
        for number in range(100):
            await house.say(f"later-{number}", 120_000)
            await house.say(f"never-{number}", None)
        # One who is overdue earlier wakes it, which proves that it has heard of all before.
        await house.say("soon", 1)
        await house.wait_told(1)
        assert house.told == ["soon"]
        assert house.looks <= 8, "at the start, for the first, for the earlier one, and after it"


async def test_a_watcher_that_hears_of_no_commit_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Waiting, "committed", lambda self, committed: None)
    async with watched(tmp_path, monkeypatch) as house:
        async with asyncio.timeout(SECONDS):
            while not house.looks:
                await house.store.read(next_overdue)
        await house.say("soon", 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await house.wait_told(1)
        assert await house.store.writer.do(tell_overdue, 10) == 1
