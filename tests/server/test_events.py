"""The log over HTTP: long poll and server-sent events, resumed without a gap."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from omnigate import ids
from omnigate.model.event import Event, EventType
from omnigate.server import events, sse
from omnigate.store import tokens

pytestmark = pytest.mark.anyio


class TestPolling:
    """GET /v1/events."""

    async def test_goes_through_the_log_once_page_by_page(self, world):
        for number in range(5):
            await world.receive(str(number))
        auth = await world.token("events:read")
        seen: list[str] = []
        query: dict[str, str] = {"limit": "2"}
        while True:
            _, page = await world.call("GET", "/v1/events", headers=auth, params=query)
            if not page["items"]:
                break
            seen += [item["id"] for item in page["items"]]
            query["after"] = page["next"]
        assert len(seen) == len(set(seen)) == 6
        assert seen == sorted(seen)

    async def test_waits_for_what_comes_and_answers_at_once_then(self, world):
        auth = await world.token("events:read")
        _, page = await world.call("GET", "/v1/events?after=end", headers=auth)
        assert page["items"] == []
        query = {"after": page["next"], "wait": "30", "types": "message.received"}
        started = time.monotonic()
        waiting = asyncio.create_task(world.call("GET", "/v1/events", headers=auth, params=query))
        await until_waiting(world)
        await world.receive()
        _, page = await waiting
        assert time.monotonic() - started < 10
        assert [item["type"] for item in page["items"]] == ["message.received"]

    async def test_a_wait_that_ends_without_news_gives_a_cursor_to_go_on_with(self, world):
        await world.receive()
        auth = await world.token("events:read")
        query = {"types": "message.read", "wait": "1"}
        _, page = await world.call("GET", "/v1/events", headers=auth, params=query)
        assert page["items"] == []
        await world.receive("2")
        _, page = await world.call("GET", f"/v1/events?after={page['next']}", headers=auth)
        assert [item["type"] for item in page["items"]] == ["message.received"]

    async def test_an_event_id_is_a_cursor_too(self, world):
        first = await world.receive("1")
        second = await world.receive("2")
        auth = await world.token("events:read")
        _, page = await world.call("GET", f"/v1/events?after={first.event_id}", headers=auth)
        assert [item["id"] for item in page["items"]] == [second.event_id]

    @pytest.mark.parametrize(
        "query",
        [
            "after=junk",
            "after=-1",
            f"after=evt_{'0' * 26}",
            "types=nothing.*",
            "types=message.received,nonsense",
            "types=" + ",".join(["typing"] * 51),
            "wait=61",
            "wait=-1",
            "limit=0",
            "limit=1e9",
        ],
    )
    async def test_junk_is_400(self, world, query):
        auth = await world.token("events:read")
        assert (await world.call("GET", f"/v1/events?{query}", headers=auth))[0] == 400

    async def test_files_in_events_get_signed_addresses(self, world):
        file = await world.services.media.save(
            pieces(b"\x89PNG\r\n\x1a\n"), name="a.png", mime="image/png", limit_bytes=100,
            channel="app",
        )  # fmt: skip
        await world.receive(attachments=[{"id": file.id}])
        auth = await world.token("events:read")
        _, page = await world.call("GET", "/v1/events?types=message.*", headers=auth)
        (shown,) = page["items"][0]["data"]["message"]["attachments"]
        assert "sig=" in shown["url"]
        path = shown["url"].removeprefix(world.services.settings.public_url)
        assert (await world.ask("GET", path))[1] == b"\x89PNG\r\n\x1a\n"


class TestStreaming:
    """GET /v1/events/stream."""

    async def test_sends_what_happens_from_now_on(self, world):
        await world.receive("old")
        async with follow(world, types="message.*") as stream:
            await world.receive("new", text="новое")
            event = await anext(stream)
        assert event["event"] == "message.received"
        assert event["data"]["data"]["message"]["text"] == "новое"

    async def test_resumes_after_the_last_event_without_gap_or_repetition(self, world):
        async with follow(world) as stream:
            await world.receive("1", text="1")
            await world.receive("2", text="2")
            assert (await anext(stream))["event"] == "conversation.started"
            last = await anext(stream)
        for number in ("3", "4"):
            await world.receive(number, text=number)
        async with follow(world, {"Last-Event-ID": last["id"]}) as stream:
            await world.receive("5", text="5")
            texts = [(await anext(stream))["data"]["data"]["message"]["text"] for _ in range(4)]
        assert texts == ["2", "3", "4", "5"]

    async def test_carries_a_long_backlog(self, world):
        for number in range(150):
            await world.receive(str(number), who=f"w{number}")
        async with follow(world, after="") as stream:
            pass
        first = (await world.operate("GET", "/v1/events?limit=1"))[1]["items"][0]["id"]
        async with follow(world, after=first) as stream:
            seen = [(await anext(stream))["data"]["id"] for _ in range(299)]
        assert seen == sorted(set(seen))

    async def test_fleeting_events_come_only_when_asked_for_and_without_an_id(self, world):
        async with follow(world) as plain, follow(world, ephemeral="1") as curious:
            world.services.stream.publish_ephemeral(typing())
            assert (await anext(curious))["event"] == "typing"
            await world.receive()
            assert (await anext(plain))["event"] == "conversation.started"
            event = await anext(curious)
            assert event["event"] == "conversation.started"

    async def test_other_channels_are_not_in_the_stream(self, world):
        async with follow(world, channels=["app"], ephemeral="1") as stream:
            await world.receive("1", channel="other", who="boris")
            world.services.stream.publish_ephemeral(typing("other"))
            await world.receive("2")
            assert (await anext(stream))["data"]["channel"]["name"] == "app"

    async def test_is_ended_when_the_token_is_revoked(self, world, monkeypatch):
        monkeypatch.setattr(events, "CHECK_SECONDS", 0.05)
        async with follow(world) as stream:
            (grant,) = await world.store.read(tokens.list_tokens)
            await world.store.writer.do(tokens.revoke, grant.id)
            async with asyncio.timeout(5):
                assert [item async for item in stream] == []

    async def test_beats_so_that_dead_connections_are_noticed(self, world, monkeypatch):
        monkeypatch.setattr(events, "CHECK_SECONDS", 0.02)
        monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
        auth = await world.token("events:read")
        async with world.session.get(f"{world.url}/v1/events/stream", headers=auth) as answer:
            async with asyncio.timeout(5):
                assert await answer.content.readline() == b": omnigate\n"
                assert await answer.content.readline() == b"\n"
                assert await answer.content.readline() == b":\n"

    async def test_a_token_has_only_so_many_streams(self, world, monkeypatch):
        monkeypatch.setattr(events, "STREAMS_PER_TOKEN", 1)
        auth = await world.token("events:read")
        path = f"{world.url}/v1/events/stream"
        async with world.session.get(path, headers=auth) as answer:
            assert answer.status == 200
            assert (await world.call("GET", "/v1/events/stream", headers=auth))[0] == 429

    async def test_streams_end_when_the_daemon_stops(self, world):
        async with follow(world) as stream:
            world.services.stream.close()
            async with asyncio.timeout(5):
                assert [item async for item in stream] == []


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


def typing(channel: str = "app") -> Event:
    body = {
        "id": ids.event_id(),
        "type": "typing",
        "timestamp": "2026-11-21T10:00:00.000Z",
        "recorded_at": "2026-11-21T10:00:00.000Z",
        "sequence": None,
        "channel": {"name": channel, "kind": "test"},
        "conversation": None,
        "contact": None,
        "data": {"typing": {"draft": "so"}},
    }
    return Event(
        id=str(body["id"]), type=EventType.TYPING, body=json.dumps(body).encode(), attempt=0
    )


async def until_waiting(world: Any) -> None:
    async with asyncio.timeout(5):
        while not world.services.stream._waiting:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def follow(
    world: Any,
    headers: dict[str, str] | None = None,
    *,
    channels: list[str] | None = None,
    **query: str,
) -> AsyncIterator[AsyncIterator[Any]]:
    auth = await world.token("events:read", channels=channels)
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.get(
            f"{world.url}/v1/events/stream", headers={**auth, **(headers or {})}, params=query
        ) as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        await answer.content.readline()
        yield parsed(answer.content)


async def parsed(content: aiohttp.StreamReader) -> AsyncIterator[Any]:
    event: dict[str, Any] = {}
    async for line in content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name in ("id", "event"):
            event[name] = value
        elif name == "data":
            event["data"] = json.loads(value)
        elif not name and event:
            yield event
            event = {}
