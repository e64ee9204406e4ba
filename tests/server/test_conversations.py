"""``/v1/conversations``: shown, closed, reopened, transferred, and signals to their channel."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate
from omnigate.testing import FakeHost
from tests.server.world import ALL

pytestmark = pytest.mark.anyio


class TestConversations:
    async def test_is_closed_and_reopened_with_events(self, world):
        await world.receive()
        auth = await world.token(*ALL)
        path = f"/v1/conversations/{await world.conversation()}"
        status, shown = await world.call(
            "POST", f"{path}/close", headers=auth, json={"note": "done"}
        )
        assert (status, shown["status"]) == (200, "closed")
        status, shown = await world.call("POST", f"{path}/reopen", headers=auth)
        assert (status, shown["status"]) == (200, "open")
        _, page = await world.call("GET", "/v1/events?types=conversation.*", headers=auth)
        kinds = [(item["type"], item["data"]["status"]["note"]) for item in page["items"]]
        assert kinds[-2:] == [("conversation.closed", "done"), ("conversation.reopened", None)]

    async def test_is_transferred_to_a_backend_that_exists(self, world):
        await world.receive()
        auth = await world.token(*ALL)
        path = f"/v1/conversations/{await world.conversation()}/transfer"
        status, shown = await world.call("POST", path, headers=auth, json={"backend": "crm"})
        assert (status, shown["owner"]) == (200, "crm")
        status, _ = await world.call("POST", path, headers=auth, json={"backend": "nobody"})
        assert status == 422

    async def test_shows_channel_contact_and_messages(self, world):
        await world.receive(context=omnigate.Context(page="https://shop.example/"))
        auth = await world.token(*ALL)
        conversation = await world.conversation()
        _, shown = await world.call("GET", f"/v1/conversations/{conversation}", headers=auth)
        assert shown["channel"] == {"name": "app", "kind": "test"}
        assert shown["contact"]["display_name"] == "anna"
        assert shown["context"]["page"] == "https://shop.example/"
        _, page = await world.call(
            "GET", f"/v1/conversations/{conversation}/messages", headers=auth
        )
        assert [item["text"] for item in page["items"]] == ["hello"]

    async def test_signals_reach_the_channel_once_and_its_trouble_is_nobodys(
        self, world_with, runner
    ):
        class Shows(omnigate.Channel):
            kind = "shows"
            capabilities = omnigate.Capabilities(typing=True)
            seen: list[Any] = []

            async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
                raise omnigate.Refused("no", "never")

            async def signal(self, conversation: str, signal: omnigate.Signal) -> None:
                self.seen.append((conversation, signal))
                raise omnigate.RetryLater("not now")

        channel = Shows(omnigate.ChannelConfig(), FakeHost())
        async with world_with(channels=[runner("app", channel=channel)]) as world:
            await world.receive()
            auth = await world.token(*ALL)
            path = f"/v1/conversations/{await world.conversation()}"
            body = {"active": True, "author": {"name": "Ivan"}}
            assert (await world.call("POST", f"{path}/typing", headers=auth, json=body))[0] == 204
            assert (await world.call("POST", f"{path}/read", headers=auth))[0] == 204
        assert channel.seen == [
            ("anna", omnigate.AgentTyping(active=True, author=omnigate.Author(name="Ivan"))),
            ("anna", omnigate.AgentRead()),
        ]
