"""The way in: it refuses before anything is at risk."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

import omnigate
from omnigate.errors import Overloaded
from omnigate.flow import inbox as module
from omnigate.flow.inbox import Inbox
from omnigate.store.store import open_store
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio

CHANNEL = ChannelKey("app", "http")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
