"""The way in: it refuses before anything is at risk."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

import omnigate
from omnigate.errors import Overloaded
from omnigate.flow import inbox as module
from omnigate.flow.inbox import Inbox
from omnigate.store.store import open_store
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio

CHANNEL = ChannelKey("app", "http")


def messages(count: int, name: str) -> list[omnigate.InboundMessage]:
    return [
        omnigate.InboundMessage(
            external_id=f"{name}-{number}",
            conversation="c-1",
            occurred_at=datetime.now(UTC),
            sender=omnigate.Profile(address=omnigate.Address("user:1")),
            text="hello",
        )
        for number in range(count)
    ]


async def test_messages_that_wait_are_counted_and_not_only_the_hand_overs_that_brought_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_MESSAGES_LIMIT", 10)
    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        inbox = Inbox(store, min_free_bytes=0)
        first = asyncio.ensure_future(inbox.put(CHANNEL, messages(11, "first")))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="too much"):
            await inbox.put(CHANNEL, messages(1, "second"))
        assert len(await first) == 11
        assert len(await inbox.put(CHANNEL, messages(1, "second"))) == 1
        assert store.writer.waiting_weight == 0


async def test_the_log_says_once_that_nothing_is_taken_in_for_lack_of_room_and_once_that_it_is_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=0, total=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda directory: usage)
    monkeypatch.setattr(module, "_DISK_CHECK_SECONDS", 0)
    async with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        inbox = Inbox(store, min_free_bytes=1)
        with capture_logs() as said:
            for _ in range(3):
                with pytest.raises(Overloaded, match="nearly full"):
                    inbox.admit("app")
            usage.free = 50
            for _ in range(3):
                inbox.admit("app")
    assert [line["event"] for line in said] == [
        "the disk is nearly full; nothing is taken in until there is room again",
        "there is room on the disk again",
    ]
