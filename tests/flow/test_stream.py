"""Following the log: nobody misses an event, nobody is held up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

import omnigate
from omnigate.flow import stream
from omnigate.flow.stream import Stream
from omnigate.model.event import Event, EventType
from omnigate.store.history import log_end
from omnigate.store.ingest import Intake, ingest
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path):
    async with open_store(f"sqlite:///{tmp_path}/test.db") as opened:
        yield opened


async def receive(store: Store, external_id: str = "1") -> None:
    said = omnigate.InboundMessage(
        external_id=external_id,
        conversation="1",
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address("user:1")),
        text="hello",
    )
    await store.writer.do(ingest, Intake(ChannelKey("app", "test"), [said]))


async def test_waiting_ends_with_the_commit_that_goes_beyond(store):
    news = Stream(store)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(news.wait_beyond(0, 5))
        late = tasks.create_task(news.wait_beyond(2, 5))
        await asyncio.sleep(0)
        await receive(store)
        assert await waiting is True
        assert not late.done()
        await receive(store, "2")
        assert await late is True


async def test_what_came_before_the_waiting_is_not_missed(store):
    news = Stream(store)
    await receive(store)
    assert await news.wait_beyond(0, 5) is True
    assert await news.wait_beyond(await store.read(log_end), 0.01) is False


async def test_turns_without_events_wake_nobody(store):
    news = Stream(store)

    def nothing(transaction, items):
        return [None] * len(items)

    waiting = asyncio.create_task(news.wait_beyond(0, 0.1))
    await asyncio.sleep(0)
    await store.writer.do(nothing, None)
    assert await waiting is False


async def test_closing_wakes_everybody_for_good(store):
    news = Stream(store)
    waiting = asyncio.create_task(news.wait_beyond(0, 5))
    await asyncio.sleep(0)
    news.close()
    assert await waiting is False
    assert await news.wait_beyond(0, 5) is False
    assert news.closed


async def test_fleeting_events_go_to_those_who_follow_and_only_as_many_as_fit(store, monkeypatch):
    monkeypatch.setattr(stream, "QUEUE_LENGTH", 2)
    news = Stream(store)
    event = Event(id="evt_1", type=EventType.TYPING, body=b"{}", attempt=0)
    news.publish_ephemeral(event)
    with news.subscribe_ephemeral() as queue:
        for _ in range(3):
            news.publish_ephemeral(event)
        assert queue.qsize() == 2
    news.publish_ephemeral(event)
    assert queue.qsize() == 2


async def test_a_fleeting_event_ends_a_wait_that_asked_for_it(store):
    news = Stream(store)
    curious = asyncio.create_task(news.wait_beyond(0, 5, or_ephemeral=True))
    other = asyncio.create_task(news.wait_beyond(0, 0.1))
    await asyncio.sleep(0)
    news.publish_ephemeral(Event(id="evt_1", type=EventType.TYPING, body=b"{}", attempt=0))
    assert await curious is True
    assert await other is False
