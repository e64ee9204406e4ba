"""Long poll, batches of commands and history: the same conversation without a WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import omnigate

pytestmark = pytest.mark.anyio


async def test_a_poll_returns_at_once_what_is_there(chat):
    session = await chat.session()
    chat.say(session["visitor"], "hi")
    status, body, _ = await chat.call("GET", "events?after=0", token=session["connection_token"])
    assert status == 200
    assert body["frames"][0]["d"]["text"] == "hi"
    assert body["last_seq"] == 1


async def test_a_poll_waits_for_an_answer(chat, wait_until):
    session = await chat.session()
    token = session["connection_token"]
    poll = asyncio.create_task(chat.call("GET", "events?after=0&wait=20", token=token))
    await wait_until(lambda: chat.host.emitted)  # the visitor is present: the poll waits
    chat.say(session["visitor"], "hi")
    _, body, _ = await poll
    assert [frame["d"]["text"] for frame in body["frames"]] == ["hi"]


async def test_a_waiting_poll_shows_that_an_agent_types(chat, wait_until):
    session = await chat.session()
    token = session["connection_token"]
    poll = asyncio.create_task(chat.call("GET", "events?wait=20", token=token))
    await wait_until(lambda: chat.host.emitted)
    await chat.channel.signal(session["visitor"], omnigate.AgentTyping())
    _, body, _ = await poll
    assert body["frames"][0]["t"] == "typing"


async def test_a_poll_with_nothing_new_ends_in_time(chat):
    session = await chat.session()
    token = session["connection_token"]
    for wait in (0, 1):
        status, body, _ = await chat.call("GET", f"events?after=0&wait={wait}", token=token)
        assert (status, body) == (200, {"frames": [], "last_seq": 0})


async def test_a_waiting_poll_ends_when_the_daemon_stops(chat, wait_until):
    session = await chat.session()
    running = asyncio.create_task(chat.channel.run())
    token = session["connection_token"]
    poll = asyncio.create_task(chat.call("GET", "events?wait=25", token=token))
    await wait_until(lambda: chat.host.emitted)
    running.cancel()
    status, body, _ = await asyncio.wait_for(poll, 5)
    assert (status, body["frames"]) == (200, [])


async def test_commands_in_a_batch_are_carried_out_in_order(chat, new_cid):
    session = await chat.session()
    cids = [new_cid(), new_cid()]
    frames = [
        {"t": "msg.send", "cid": cids[0], "d": {"text": "one"}},
        {"t": "msg.send", "cid": cids[1], "d": {"text": "two"}},
        {"t": "msg.send", "cid": "bad", "d": {}},
        {"t": "ping", "d": {}},
        {"t": 5},
    ]
    status, body, _ = await chat.call(
        "POST", "commands", token=session["connection_token"], json={"frames": frames}
    )
    assert status == 200
    assert [frame["t"] for frame in body["frames"]] == ["ack", "ack", "error", "pong", "error"]
    assert [frame["cid"] for frame in body["frames"][:3]] == [*cids, "bad"]
    assert [item.text for item in chat.items(omnigate.InboundMessage)] == ["one", "two"]


@pytest.mark.parametrize("path", ["events?wait=0", "history", "commands", "upload"])
@pytest.mark.parametrize("token", [None, "", "x", "a.b", "%00"])
async def test_nothing_is_read_or_done_without_a_token(chat, path, token):
    method = "GET" if path.startswith(("events", "history")) else "POST"
    body: dict[str, Any] = {"json": {"frames": []}} if method == "POST" else {}
    status, problem, _ = await chat.call(method, path, token=token, **body)
    assert status == 401
    assert problem["status"] == 401


async def test_a_token_opens_only_its_own_conversation(chat):
    mine, other = await chat.session(), await chat.session()
    chat.say(other["visitor"], "private")
    token = mine["connection_token"]
    for path in ("events?wait=0", "history", f"history?conversation={other['visitor']}"):
        status, body, _ = await chat.call("GET", path, token=token)
        assert (status, body["frames"]) == (200, [])


@pytest.mark.parametrize("body", [{}, [], {"frames": {}}, {"frames": [5]}, {"frames": [{}] * 21}])
async def test_a_batch_that_is_none_is_refused(chat, body):
    session = await chat.session()
    status, problem, _ = await chat.call(
        "POST", "commands", token=session["connection_token"], json=body
    )
    assert status == 422
    assert problem["errors"]


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=1e9",
        "after=٣",
        "after=" + "9" * 400,
        "wait=99999",
        "before=-1",
    ],
)
async def test_numbers_that_are_none_are_refused(chat, query):
    session = await chat.session()
    path = f"history?{query}" if query.startswith("before") else f"events?{query}"
    status, _, _ = await chat.call("GET", path, token=session["connection_token"])
    assert status == 400


async def test_a_poll_far_behind_is_told_to_start_anew(chat):
    session = await chat.session()
    for number in range(502):
        chat.store.say(session["visitor"], str(number))
    token = session["connection_token"]
    for after in (1, 9999):
        _, body, _ = await chat.call("GET", f"events?after={after}&wait=0", token=token)
        assert [frame["t"] for frame in body["frames"]] == ["resync"]
    _, body, _ = await chat.call("GET", "events?after=2&wait=0", token=token)
    assert len(body["frames"]) == 500


async def test_history_goes_back_page_by_page_to_the_beginning(chat):
    session = await chat.session()
    conversation = session["visitor"]
    for number in range(130):
        chat.store.say(conversation, str(number))
        if number % 2:
            message = chat.store.say(conversation, "x")[1].envelope.data["message"]
            chat.store.record(conversation, "message.delivered", {"message": message})
    texts: list[str] = []
    query, pages = "", 0
    while True:
        path = f"history?limit=50{query}"
        _, body, _ = await chat.call("GET", path, token=session["connection_token"])
        pages += 1
        texts = [frame["d"]["text"] for frame in body["frames"]] + texts
        assert all(frame["t"] == "msg.new" for frame in body["frames"])
        if not body["more"]:
            break
        query = f"&before={body['before']}"
    assert pages == 4
    assert [text for text in texts if text != "x"] == [str(number) for number in range(130)]


async def test_a_token_expires(open_chat, monkeypatch):
    chat = await open_chat()
    session = await chat.session()
    import time

    now = time.time()
    monkeypatch.setattr(chat.channel._polls._connections._passes, "_clock", lambda: now + 301)
    status, _, _ = await chat.call("GET", "history", token=session["connection_token"])
    assert status == 401
