"""Clients that do not read, many at once, and the promises seen to fail when they are broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from omnigate_webchat import socket as socket_module

import omnigate

pytestmark = pytest.mark.anyio


async def test_a_client_that_does_not_read_is_cut_off(chat, monkeypatch, wait_until):
    monkeypatch.setattr(socket_module, "_SEND_SECONDS", 0.2)
    session = await chat.session()
    address = urlsplit(chat.base)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
    writer.write(
        f"GET {address.path}/socket HTTP/1.1\r\nHost: x\r\nOrigin: https://shop.example.org\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: omni.v1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    hello = {"t": "hello", "d": {"connection_token": session["connection_token"], "after": 0}}
    writer.write(_masked_frame(json.dumps(hello).encode()))
    hub = chat.channel._hub
    await wait_until(lambda: hub.connections_of(session["visitor"]) == 1)
    for _ in range(400):
        chat.store.say(session["visitor"], "x" * 100_000)
    chat.channel.recorded(session["visitor"], [])
    await wait_until(lambda: hub.connections_of(session["visitor"]) == 0)
    writer.close()


def _masked_frame(payload: bytes) -> bytes:
    """Return a text frame with an all-zero mask. Source: RFC 6455 section 5.2."""
    return b"\x81" + bytes([0x80 | 126]) + len(payload).to_bytes(2, "big") + b"\0" * 4 + payload


async def test_fleeting_signs_are_dropped_not_heaped_up(chat):
    session = await chat.session()
    async with chat.tab(session) as tab:
        for _ in range(1000):
            await chat.channel.signal(session["visitor"], omnigate.AgentTyping())
        await tab.send("ping", {})
        seen = []
        while (frame := await tab.receive())["t"] != "pong":
            seen.append(frame)
    assert len(seen) <= 16


async def test_many_tabs_talk_at_once_and_each_hears_only_its_own(chat, new_cid):
    sessions = [await chat.session() for _ in range(25)]

    async def talk(session: dict[str, Any]) -> None:
        async with chat.tab(session) as tab:
            await tab.send("msg.send", {"text": session["visitor"]}, new_cid())
            await tab.wait_for("ack")
            chat.say(session["visitor"], f"hello {session['visitor']}")
            texts: list[str] = []
            while len(texts) < 2:
                texts.append((await tab.wait_for("msg.new"))["d"]["text"])
            assert sorted(texts) == sorted([session["visitor"], f"hello {session['visitor']}"])

    async with asyncio.TaskGroup() as tasks:
        for session in sessions:
            tasks.create_task(talk(session))
    assert len(chat.items(omnigate.InboundMessage)) == 25


async def test_no_connection_is_left_behind(chat, wait_until):
    session = await chat.session()
    async with chat.tab(session), chat.tab(session):
        assert chat.channel._hub.connections_of(session["visitor"]) == 2
    hub = chat.channel._hub
    await wait_until(lambda: not hub._listeners and not hub._of_visitor)


class _Forgetful:
    """A host that says it has stored what it has not: the twin of acknowledging before commit."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    async def put(self, *items: omnigate.Inbound, **more: Any) -> Sequence[omnigate.Recorded]:
        return [omnigate.Recorded("evt_0", 1, "msg_0") for _ in items]


async def test_the_check_of_acknowledgements_sees_a_store_that_lies(chat, new_cid):
    chat.channel._sockets._commands._host = _Forgetful(chat.host)
    session = await chat.session()
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        await tab.wait_for("ack")
    assert chat.items(omnigate.InboundMessage) == []


async def test_the_check_of_tickets_sees_a_message_that_takes_any(chat, new_cid, monkeypatch):
    """Without the conversation in the ticket, somebody else's file could be attached."""
    import aiohttp

    session, thief = await chat.session(), await chat.session()
    data = aiohttp.FormData()
    data.add_field("file", b"secret plans", filename="plans.txt")
    _, ticket, _ = await chat.call("POST", "upload", token=session["connection_token"], data=data)
    tickets = chat.channel._sockets._commands._tickets
    genuine = tickets.open
    monkeypatch.setattr(
        tickets,
        "open",
        lambda token: genuine(token).model_copy(update={"conversation": thief["visitor"]}),
    )
    async with chat.tab(thief) as tab:
        await tab.send("msg.send", {"attachments": [ticket["id"]]}, new_cid())
        assert (await tab.wait_for("ack", "error"))["t"] == "ack"
