"""Who is there: the visitor for the company, the company for the visitor."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from omnigate_webchat import hub as hub_module

import omnigate

pytestmark = pytest.mark.anyio


def presences(chat) -> list[bool]:
    return [item.online for item in chat.host.emitted if isinstance(item, omnigate.Presence)]


async def test_a_visitor_is_gone_some_time_after_the_last_tab(chat, monkeypatch, wait_until):
    monkeypatch.setattr(hub_module, "_ABSENCE_SECONDS", 0.05)
    async with chat.tab(await chat.session()):
        assert presences(chat) == [True]
    await wait_until(lambda: presences(chat) == [True, False])
    assert not chat.channel._hub._leaving


async def test_a_change_of_page_is_no_departure(chat):
    session = await chat.session()
    for _ in range(3):
        async with chat.tab(session):
            pass
    assert presences(chat) == [True]


async def test_a_visitor_who_says_to_be_done_closes_the_conversation(chat, new_cid):
    async with chat.tab(await chat.session()) as tab:
        await tab.send("msg.send", {"text": "Thank you"}, new_cid())
        await tab.wait_for("ack")
        await tab.send("close", {}, new_cid())
        await tab.wait_for("ack")
    assert len(chat.items(omnigate.ConversationClosed)) == 1


async def test_the_end_of_working_hours_reaches_open_tabs(open_chat, monkeypatch):
    chat = await open_chat(hours={"time_zone": "UTC", "days": {"mon": ["09:00-18:00"]}})
    async with chat.tab(await chat.session()) as tab:
        answers = iter([True])
        monkeypatch.setattr(omnigate.Hours, "is_open", lambda hours, now: next(answers, False))
        monkeypatch.setattr(
            omnigate.Hours,
            "next_change",
            lambda hours, now: datetime.now(UTC) + timedelta(seconds=0.1),
        )
        running = asyncio.create_task(chat.channel.run())
        assert await tab.receive() == {"t": "online", "d": {"online": False}}
        running.cancel()
        assert await tab.close_code() == 1012


async def test_a_session_outside_hours_says_so(open_chat):
    chat = await open_chat(hours={"time_zone": "UTC", "days": {}})
    session = await chat.session()
    assert session["config"]["online"] is False
    async with chat.raw_socket() as tab:
        await tab.send("hello", {"connection_token": session["connection_token"]})
        assert (await tab.receive())["d"]["online"] is False


async def test_a_plain_request_to_the_socket_is_refused(chat):
    status, problem, _ = await chat.call("GET", "socket")
    assert status == 400
    assert "WebSocket" in problem["detail"]
