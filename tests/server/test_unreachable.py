"""Writing to those whom nothing can reach: it is said at once, and nothing is queued."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

import omnigate
from omnigate.flow import recipients
from tests.server.phone import Phone

pytestmark = pytest.mark.anyio


class Visited(omnigate.Channel):
    """Writes to those who have been there, as a chat on a page does."""

    kind = "visited"
    capabilities = omnigate.Capabilities()

    def __init__(self) -> None:
        """Needs neither configuration nor host."""

    def conversation_of(self, address: omnigate.Address) -> str:
        if address.scheme == "tel":
            raise omnigate.Refused("bad_address", "write visitor:…")
        raise omnigate.Refused("no_address", f"{address} has not been here")

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


class Voice(Phone):
    """Calls people, and reads texts out to them."""

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


@pytest.fixture
async def world(world_with: Any, runner: Any) -> AsyncIterator[Any]:
    channels = [
        runner("app"),
        runner("site", "visited", channel=Visited()),
        runner("calls", "call", channel=Phone()),
        runner("voice", "call", channel=Voice()),
    ]
    async with world_with(channels=channels) as opened:
        yield opened


async def come(world: Any, address: str, channel: str) -> str:
    """Have somebody write; return their contact."""
    said = omnigate.InboundMessage(
        external_id=f"{channel}-{address}",
        conversation=f"room of {address}",
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address(address)),
        text="hello",
    )
    await world.inbox.put(world.channels[channel].key, [said])
    _, page = await world.operate("GET", "/v1/contacts", params={"address": address})
    return str(page["items"][0]["id"])


async def write(world: Any, **to: str) -> list[tuple[int, str | None]]:
    """Try to write, and to see what that would come to; return status and code of both."""
    body = {"to": to, "text": "your order is here"}
    answers = []
    for path in ("/v1/messages?dry_run=true", "/v1/messages"):
        status, answer = await world.operate("POST", path, json=body)
        answers.append((status, answer.get("code")))
    return answers


REFUSED = [(422, "no_address")] * 2
TAKEN = [(200, None), (202, None)]


async def test_who_has_not_been_there_is_not_written_to(world: Any) -> None:
    assert await write(world, channel="site", address="visitor:never") == REFUSED
    contact = await come(world, "visitor:elsewhere", "app")
    assert await write(world, channel="site", address="visitor:elsewhere") == REFUSED
    assert await write(world, channel="site", contact=contact) == REFUSED
    assert await world.stored("message_part") == 0


async def test_who_has_been_there_is_written_to_where_they_were(world: Any) -> None:
    contact = await come(world, "visitor:anna", "site")
    assert await write(world, channel="site", address="visitor:anna") == TAKEN
    assert await write(world, channel="site", contact=contact) == TAKEN
    _, page = await world.operate("GET", "/v1/conversations", params={"channel": "site"})
    (only,) = page["items"]
    assert only["external_id"] == "room of visitor:anna"


async def test_what_is_no_address_of_a_channel_is_none_wherever_somebody_was(world: Any) -> None:
    await come(world, "tel:+79161234567", "site")
    refused = [(422, "bad_address")] * 2
    assert await write(world, channel="site", address="tel:+79161234567") == refused


async def test_without_the_look_at_who_was_there_nobody_is_reached(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "find_at", lambda connection, channel, address: None)
    with pytest.raises(AssertionError):
        await test_who_has_been_there_is_written_to_where_they_were(world)


async def test_a_channel_that_only_calls_refuses_text_at_once(world: Any) -> None:
    to = {"address": "tel:+79161234567"}
    assert await write(world, channel="calls", **to) == [(422, "not_supported")] * 2
    assert await world.stored("message_part") == 0
    assert await write(world, channel="voice", **to) == TAKEN
