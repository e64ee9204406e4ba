"""Talking over the WebSocket: acknowledgement, resume, several tabs, hostile clients."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

import omnigate

pytestmark = pytest.mark.anyio


async def test_a_message_is_stored_before_it_is_acknowledged(chat, new_cid):
    session = await chat.session(context={"page": "https://shop.example.org/cart"})
    cid = new_cid()
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"text": "Здравствуйте"}, cid)
        ack = await tab.wait_for("ack")
    [item] = chat.items(omnigate.InboundMessage)
    assert item.text == "Здравствуйте"
    assert item.conversation == session["visitor"]
    assert item.sender.address == f"webchat:{session['visitor']}"
    assert not item.sender.verified
    assert item.context.page == "https://shop.example.org/cart"
    [event] = await chat.host.history(session["visitor"])
    assert ack["cid"] == cid
    assert ack["d"]["seq"] == event.sequence
    assert ack["d"]["id"] == event.envelope.data["message"]["id"]


async def test_nothing_is_acknowledged_when_the_store_fails(chat, new_cid):
    session = await chat.session()
    async with chat.tab(session) as tab:
        chat.store.failure = omnigate.Overloaded("full", retry_after_seconds=3)
        cid = new_cid()
        await tab.send("msg.send", {"text": "once"}, cid)
        refused = await tab.receive()
        assert (refused["t"], refused["cid"], refused["d"]["code"]) == ("error", cid, "busy")
        assert refused["d"]["retry_after_seconds"] == 3
        chat.store.failure = None
        await tab.send("msg.send", {"text": "once"}, cid)
        assert (await tab.wait_for("ack", "error"))["t"] == "ack"
    [item] = chat.items(omnigate.InboundMessage)
    assert item.context is not None, (
        "the context of a message that failed comes with its repetition"
    )


async def test_a_repeated_message_is_stored_once_and_acknowledged_alike(chat, new_cid):
    session = await chat.session()
    cid = new_cid()
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"text": "hello"}, cid)
        first = await tab.wait_for("ack")
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"text": "hello"}, cid)
        assert await tab.wait_for("ack") == first
    assert len(chat.items(omnigate.InboundMessage)) == 1


async def test_two_visitors_may_use_the_same_client_id(chat, new_cid):
    cid = new_cid()
    for text in ("first", "second"):
        async with chat.tab(await chat.session()) as tab:
            await tab.send("msg.send", {"text": text}, cid)
            await tab.wait_for("ack")
    assert [item.text for item in chat.items(omnigate.InboundMessage)] == ["first", "second"]


async def test_an_answer_reaches_every_tab_and_nobody_else(chat, new_cid):
    session = await chat.session()
    stranger = await chat.session()
    async with chat.tab(session) as one, chat.tab(session) as two, chat.tab(stranger) as other:
        await one.send("msg.send", {"text": "hello"}, new_cid())
        echo = await two.wait_for("msg.new")
        assert (echo["d"]["direction"], echo["d"]["text"]) == ("in", "hello")
        author = {"name": "Ольга", "avatar_url": "https://shop.example.org/olga.png"}
        buttons = [[{"label": "Yes", "kind": "reply", "value": "yes"}]]
        message_id = chat.say(session["visitor"], "Hi!", author=author, buttons=buttons)
        await one.wait_for("ack")
        for tab in (one, two):
            new = await tab.wait_for("msg.new")
            while new["d"]["direction"] == "in":
                new = await tab.wait_for("msg.new")
            assert new["d"]["id"] == message_id
            assert new["d"]["author"]["name"] == "Ольга"
            assert new["d"]["buttons"][0][0]["value"] == "yes"
            assert new["seq"] == 2
        await other.send("ping", {})
        assert (await other.receive())["t"] == "pong"


async def test_a_resume_returns_what_was_missed_once_and_in_order(chat, new_cid):
    session = await chat.session()
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        seen = (await tab.wait_for("msg.new"))["seq"]
    for text in ("one", "two", "three"):
        chat.say(session["visitor"], text)
    async with chat.tab(session, after=seen) as tab:
        missed = [await tab.receive() for _ in range(3)]
        await tab.send("ping", {})
        assert (await tab.receive())["t"] == "pong"
    assert [frame["d"]["text"] for frame in missed] == ["one", "two", "three"]
    assert [frame["seq"] for frame in missed] == [2, 3, 4]


async def test_tokens_and_conversations_survive_a_restart(open_chat, new_cid):
    before = await open_chat()
    session = await before.session()
    async with before.tab(session) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        seen = (await tab.wait_for("msg.new"))["seq"]
    before.store.say(session["visitor"], "while you were away")
    after = await open_chat(store=before.store)
    async with after.tab(session, after=seen) as tab:
        assert (await tab.wait_for("msg.new"))["d"]["text"] == "while you were away"


async def test_who_never_wrote_is_asked_for_the_context_again_after_a_restart(open_chat):
    before = await open_chat()
    session = await before.session()
    after = await open_chat(store=before.store)
    async with after.raw_socket() as tab:
        await tab.send("hello", {"connection_token": session["connection_token"], "after": 0})
        assert await tab.close_code() == 4001


@pytest.mark.parametrize("after", [1, 10**6])
async def test_a_cursor_beyond_the_log_starts_anew(chat, after):
    async with chat.tab(await chat.session(), after=after) as tab:
        assert (await tab.receive())["t"] == "resync"


async def test_who_missed_more_than_the_limit_starts_anew(chat):
    session = await chat.session()
    for number in range(502):
        chat.store.say(session["visitor"], str(number))
    async with chat.tab(session, after=1) as tab:
        assert (await tab.receive())["t"] == "resync"
        chat.say(session["visitor"], "now")
        assert (await tab.receive())["d"]["text"] == "now"
    async with chat.tab(session, after=3) as tab:
        texts = [(await tab.receive())["d"]["text"] for _ in range(500)]
    assert texts == [*map(str, range(3, 502)), "now"]


async def test_what_the_company_does_to_a_conversation_is_shown(chat):
    session = await chat.session()
    conversation = session["visitor"]
    async with chat.tab(session) as tab:
        status = {"status": "closed", "by": "api"}
        chat.record(conversation, "conversation.closed", {"status": status})
        assert (await tab.receive())["d"] == {"status": "closed"}
        chat.record(conversation, "conversation.reopened", {"status": {**status, "status": "open"}})
        assert (await tab.receive())["d"] == {"status": "open"}
        author = omnigate.Author(name="Bot", kind="bot")
        await chat.channel.signal(conversation, omnigate.AgentTyping(author=author))
        typing = await tab.receive()
        assert (typing["t"], typing["d"]["active"]) == ("typing", True)
        assert typing["d"]["author"]["name"] == "Bot"
        await chat.channel.signal(conversation, omnigate.AgentRead(message_id="msg_1"))
        assert await tab.receive() == {"t": "read", "d": {"id": "msg_1"}}


async def test_agents_who_have_read_all_have_read_the_latest_message(chat, new_cid):
    session = await chat.session()
    async with chat.tab(session) as tab:
        await chat.channel.signal(session["visitor"], omnigate.AgentRead())
        for text in ("one", "two"):
            await tab.send("msg.send", {"text": text}, new_cid())
            ack = await tab.wait_for("ack")
        chat.say(session["visitor"], "hi")
        await chat.channel.signal(session["visitor"], omnigate.AgentRead())
        assert (await tab.wait_for("read"))["d"]["id"] == ack["d"]["id"]


async def test_a_sent_part_is_named_after_its_conversation(chat):
    part = omnigate.OutboundPart(
        id="msg_1.0",
        message="msg_1",
        index=0,
        parts=1,
        conversation="abc",
        address=omnigate.Address("webchat:abc"),
        text="hi",
    )
    first = await chat.channel.send(part)
    assert first == await chat.channel.send(part)
    assert first.external_id == "msg_1@abc"


async def test_the_daemon_sends_everybody_off_when_it_stops(chat):
    running = asyncio.create_task(chat.channel.run())
    async with chat.tab(await chat.session()) as tab:
        await asyncio.sleep(0)
        running.cancel()
        assert await tab.close_code() == 1012
    with pytest.raises(asyncio.CancelledError):
        await running
    session = await chat.session()
    async with chat.tab(session) as late:
        assert await late.close_code() == 1012
    again = asyncio.create_task(chat.channel.run())
    await asyncio.sleep(0)
    async with chat.tab(session) as tab:
        await tab.send("ping", {})
        assert (await tab.receive())["t"] == "pong"
    again.cancel()


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://shop.example.org.evil.example"]
)
async def test_a_page_of_another_origin_gets_no_socket(chat, origin):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with chat.raw_socket(origin=origin):
            pass
    assert refused.value.status == 403


async def test_a_socket_without_the_subprotocol_is_refused(chat):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with chat.http.ws_connect(f"{chat.base}/socket", origin="https://shop.example.org"):
            pass
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("junk", 4010),
        ("{}", 4010),
        ('{"t":"ping","d":{}}', 4010),
        ('{"t":"hello","d":{"connection_token":5}}', 4010),
        ('{"t":"hello","d":{"connection_token":"x","after":-1}}', 4010),
        ('{"t":"hello","d":{"connection_token":"a.b"}}', 4001),
        ('{"t":"hello","d":{"connection_token":"é.ü"}}', 4001),
    ],
)
async def test_a_socket_that_does_not_greet_properly_is_closed(chat, first, code):
    async with chat.raw_socket() as tab:
        await tab.socket.send_str(first)
        assert await tab.close_code() == code


async def test_a_binary_frame_is_not_the_protocol(chat):
    async with chat.tab(await chat.session()) as tab:
        await tab.socket.send_bytes(b"\0\1")
        assert await tab.close_code() == 4010


async def test_a_frame_over_64_kib_ends_the_connection(chat):
    async with chat.tab(await chat.session()) as tab:
        await tab.socket.send_str(json.dumps({"t": "ping", "d": {"x": "y" * 70_000}}))
        assert await tab.close_code() == 1009


CID = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"text"',
        "{",
        "[" * 5000,
        '{"t":"msg.send","cid":"CID"}',
        '{"t":"msg.send","cid":"short","d":{"text":"x"}}',
        '{"t":"msg.send","d":{"text":"no cid"}}',
        '{"t":"msg.send","cid":"CID","d":{"text":{"a":1}}}',
        '{"t":"msg.send","cid":"CID","d":{"text":"   "}}',
        '{"t":"msg.send","cid":"CID","d":{}}',
        '{"t":"msg.send","cid":"CID","d":{"text":"\\ud800"}}',
        '{"t":"msg.send","cid":"CID","d":{"text":"x","attachments":["1","2","3","4","5","6","7","8","9","10","11"]}}',
        '{"t":"nothing","d":{}}',
        '{"t":"hello","d":{"connection_token":"x"}}',
        '{"t":"read","d":{"ids":[]}}',
        '{"t":"read","d":{"ids":["msg_1"]}}',
        '{"t":"rating","cid":"CID","d":{"score":6}}',
        '{"t":"rating","cid":"CID","d":{"score":NaN}}',
        '{"t":"location","cid":"CID","d":{"latitude":NaN,"longitude":1}}',
        '{"t":"location","cid":"CID","d":{"latitude":91,"longitude":1}}',
        '{"t":"context.update","d":{"context":5}}',
        '{"t":"form.submit","cid":"CID","d":{"form":"other","fields":{}}}',
        '{"t":"invite","d":{"rule":"x","action":"hacked"}}',
    ],
)
async def test_junk_is_answered_with_an_error_and_stores_nothing(chat, text):
    async with chat.tab(await chat.session()) as tab:
        await tab.socket.send_str(text.replace("CID", CID))
        answer = await tab.receive()
        assert answer["t"] == "error"
        assert answer["d"]["code"] == "bad_frame"
        assert answer["d"]["message"]
        await tab.send("ping", {})
        assert (await tab.receive())["t"] == "pong"
    assert chat.store.items == []


async def test_the_error_of_a_bad_frame_names_its_client_id(chat):
    async with chat.tab(await chat.session()) as tab:
        await tab.send("rating", {"score": "x"}, CID)
        assert (await tab.receive())["cid"] == CID


async def test_a_message_may_not_be_too_long(open_chat, new_cid):
    chat = await open_chat(limits={"text_characters": 16_000})
    async with chat.tab(await chat.session()) as tab:
        for text in ("x" * 16_001, "я" * 9_000):
            await tab.send("msg.send", {"text": text}, new_cid())
            assert (await tab.receive())["d"]["code"] == "too_long"
    assert chat.store.items == []


async def test_too_many_messages_are_slowed_down_and_none_is_lost_silently(open_chat, new_cid):
    chat = await open_chat(limits={"messages_per_10_seconds": 3})
    async with chat.tab(await chat.session()) as tab:
        for number in range(5):
            await tab.send("msg.send", {"text": str(number)}, new_cid())
        answers = [await tab.wait_for("ack", "error") for _ in range(5)]
    assert [answer["t"] for answer in answers] == ["ack", "ack", "ack", "error", "error"]
    assert answers[3]["d"]["code"] == "rate"
    assert 0 < answers[3]["d"]["retry_after_seconds"] <= 4


async def test_many_visitors_of_one_network_are_slowed_down_together(open_chat, new_cid):
    chat = await open_chat(limits={"messages_per_10_seconds_per_network": 2})
    answers = []
    for _ in range(3):
        async with chat.tab(await chat.session()) as tab:
            await tab.send("msg.send", {"text": "buy now"}, new_cid())
            answers.append((await tab.wait_for("ack", "error"))["t"])
    assert answers == ["ack", "ack", "error"]


async def test_a_flood_of_frames_ends_the_connection(chat):
    async with chat.tab(await chat.session()) as tab:
        for _ in range(310):
            await tab.socket.send_str('{"t":"ping","d":{}}')
        assert await tab.close_code() == 4008


async def test_one_visitor_has_only_so_many_connections(open_chat):
    chat = await open_chat(limits={"connections_per_visitor": 2})
    session = await chat.session()
    async with chat.tab(session), chat.tab(session), chat.raw_socket() as third:
        await third.send("hello", {"connection_token": session["connection_token"]})
        assert await third.close_code() == 4008


async def test_presence_is_told_once_for_all_tabs(chat):
    session = await chat.session()
    async with chat.tab(session), chat.tab(session):
        pass
    online = [item for item in chat.host.emitted if isinstance(item, omnigate.Presence)]
    assert online == [omnigate.Presence(conversation=session["visitor"], online=True)]
