"""Pages of events end by bytes too: however long the events are, no answer fills the memory."""

import json

import pytest

from omnigate.server import events
from omnigate.server import timeline as timelines
from omnigate.server.pages import MAX_PAGE_BYTES

pytestmark = pytest.mark.anyio

LONG = "ж" * 150_000
"""Twice as many bytes; with them an event is over 300 KB."""
COUNT = 30
SLACK_BYTES = 1024
TOLD = ("message.received", "message")
"""How the log and a timeline call it that somebody wrote."""


async def read_through(world, path: str, auth: dict[str, str], place: str) -> list[int]:
    """Read all pages, the longest there are; returns their sizes. Nothing may come twice or be missing."""
    sizes: list[int] = []
    seen: list[str] = []
    query = {"limit": "200"}
    while True:
        status, content, _ = await world.ask("GET", path, headers=auth, params=query)
        assert status == 200, content
        page = json.loads(content)
        seen += [item["id"] for item in page["items"] if item["type"] in TOLD]
        sizes.append(len(content))
        if page["next"] is None or not page["items"]:
            break
        query[place] = page["next"]
    assert len(seen) == len(set(seen)) == COUNT
    return sizes


async def written(world) -> tuple[dict[str, str], str]:
    """Have somebody write much; returns headers for the API and the path of the timeline."""
    for number in range(COUNT):
        await world.receive(str(number), text=LONG)
    auth = await world.token("events:read", "messages:read")
    _, page = await world.call("GET", "/v1/contacts", headers=auth)
    return auth, f"/v1/contacts/{page['items'][0]['id']}/timeline"


async def test_a_page_of_long_events_ends_early_and_the_next_goes_on(world):
    auth, timeline = await written(world)
    for path, place in (("/v1/events", "after"), (timeline, "cursor")):
        sizes = await read_through(world, path, auth, place)
        assert max(sizes) <= MAX_PAGE_BYTES + SLACK_BYTES
        assert len(sizes) >= COUNT * 300_000 // MAX_PAGE_BYTES


async def test_the_check_sees_a_page_without_a_limit_of_bytes(world, monkeypatch):
    monkeypatch.setattr(events, "MAX_PAGE_BYTES", 1 << 40)
    monkeypatch.setattr(timelines, "MAX_PAGE_BYTES", 1 << 40)
    auth, timeline = await written(world)
    for path, place in (("/v1/events", "after"), (timeline, "cursor")):
        assert max(await read_through(world, path, auth, place)) > MAX_PAGE_BYTES + SLACK_BYTES


async def test_an_event_longer_than_a_page_comes_alone(world, monkeypatch):
    monkeypatch.setattr(events, "MAX_PAGE_BYTES", 1000)
    auth, _ = await written(world)
    sizes = await read_through(world, "/v1/events", auth, "after")
    assert len(sizes) >= COUNT
