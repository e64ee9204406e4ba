"""The web chat keeps what every channel must keep."""

from __future__ import annotations

import pytest
from omnigate_webchat.channel import Webchat

import omnigate
from omnigate.testing import ChannelConformance
from omnigate.testing.junk import JUNK


class TestWebchat(ChannelConformance):
    channel_class = Webchat

    def config(self, platform_url):
        return {
            "allowed_origins": ["https://shop.example.org"],
            "identity_secret": "canary-of-the-identity-secret",
        }


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["session", "commands", "upload"])
async def test_junk_is_answered_by_a_problem_and_stores_nothing(chat, path):
    token = (await chat.session())["connection_token"]
    for junk in JUNK:
        for content_type in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
            status, problem, answer = await chat.call(
                "POST", path, token=token, data=junk, headers={"Content-Type": content_type}
            )
            if (path, status) == ("session", 200) or status == 429:
                continue  # an empty object asks for a session; a flood is slowed down
            assert 400 <= status < 500, f"{junk[:40]!r} was answered with {status}"
            assert answer.content_type == "application/problem+json"
            assert problem["status"] == status
    assert chat.store.items == []
    assert chat.store.files == {}


@pytest.mark.anyio
async def test_junk_on_a_socket_stores_nothing_and_hurts_nobody_else(chat):
    session = await chat.session()
    async with chat.tab(session) as tab:
        for junk in JUNK:
            text = junk.decode(errors="replace")
            if len(text.encode()) > 60_000:
                continue  # ends the connection, as another test says
            await tab.socket.send_str(text)
            assert (await tab.receive())["t"] == "error"
        await tab.send("ping", {})
        assert (await tab.receive())["t"] == "pong"
    assert chat.store.items == []
    assert [item for item in chat.host.emitted if not isinstance(item, omnigate.Presence)] == []
