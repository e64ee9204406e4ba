"""Commands besides messages: receipts, forms, ratings, context, location, typing."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate

pytestmark = pytest.mark.anyio


async def ask(
    tab: Any, kind: str, data: dict[str, Any], cid: str | None = None
) -> list[dict[str, Any]]:
    """Send a command and a ping; return the answers before the pong."""
    await tab.send(kind, data, cid)
    await tab.send("ping", {})
    answers = []
    while (frame := await tab.receive())["t"] != "pong":
        answers.append(frame)
    return answers


async def test_receipts_are_stored_for_own_messages_only(chat):
    session, other = await chat.session(), await chat.session()
    mine = chat.say(session["visitor"], "for you")
    foreign = chat.say(other["visitor"], "for somebody else")
    unknown = "msg_" + "0" * 26
    async with chat.tab(session, after=1) as tab:
        assert await ask(tab, "read", {"ids": [mine, foreign, unknown, mine]}) == []
        await ask(tab, "read", {"ids": [mine]})
        await ask(tab, "delivered", {"ids": [foreign]})
    [receipt] = chat.items(omnigate.Receipt)
    assert receipt.conversation == session["visitor"]
    assert receipt.message_id == f"{mine}@{session['visitor']}"
    assert receipt.state == "read"


async def test_nobody_can_use_up_the_receipt_of_another(chat):
    session, other = await chat.session(), await chat.session()
    message = chat.say(session["visitor"], "for you")
    async with chat.tab(other) as tab:
        await ask(tab, "read", {"ids": [message]})
    async with chat.tab(session, after=1) as tab:
        await ask(tab, "read", {"ids": [message]})
    assert len(chat.items(omnigate.Receipt)) == 1


async def test_too_many_receipts_at_once_are_refused(chat):
    session = await chat.session()
    ids = [f"msg_{number:026d}" for number in range(100)]
    async with chat.tab(session) as tab:
        for _ in range(3):
            assert await ask(tab, "read", {"ids": ids}) == []
        [refused] = await ask(tab, "read", {"ids": ids})
        assert refused["d"]["code"] == "rate"


PRECHAT = {
    "fields": [
        {"name": "name", "required": True},
        "email",
        "phone",
        {"name": "topic", "kind": "select", "options": ["Sales", "Support"]},
    ],
    "consent": "I agree",
}


async def test_a_filled_in_form_becomes_profile_and_custom_fields(open_chat, new_cid):
    chat = await open_chat(prechat=PRECHAT)
    fields = {
        "name": " Анна ",
        "email": "anna@example.org",
        "phone": "8 (916) 123-45-67",
        "topic": "Sales",
    }
    data = {"form": "prechat", "fields": fields, "consent": True}
    cid = new_cid()
    async with chat.tab(await chat.session()) as tab:
        assert [answer["t"] for answer in await ask(tab, "form.submit", data, cid)] == ["ack"]
        assert [answer["t"] for answer in await ask(tab, "form.submit", data, cid)] == ["ack"]
    [item] = chat.items(omnigate.ContactUpdated)
    assert item.sender.display_name == "Анна"
    assert item.sender.email == "anna@example.org"
    assert item.sender.phone == "+79161234567"
    assert item.context.custom == {"topic": "Sales"}


@pytest.mark.parametrize(
    ("fields", "consent", "faults"),
    [
        ({}, True, {"name": "required"}),
        ({"name": "  "}, True, {"name": "required"}),
        ({"name": "A"}, False, {"consent": "required"}),
        ({"name": "A", "email": "nonsense"}, True, {"email": "email"}),
        ({"name": "A", "email": "a@b"}, True, {"email": "email"}),
        ({"name": "A", "phone": "12"}, True, {"phone": "phone"}),
        ({"name": "A", "topic": "Other"}, True, {"topic": "option"}),
        ({"name": "A" * 501}, True, {"name": "too_long"}),
        ({"name": "A", "admin": "yes"}, True, {"admin": "unknown"}),
    ],
)
async def test_a_form_names_every_field_at_fault(open_chat, new_cid, fields, consent, faults):
    chat = await open_chat(prechat=PRECHAT)
    async with chat.tab(await chat.session()) as tab:
        data = {"form": "prechat", "fields": fields, "consent": consent}
        [refused] = await ask(tab, "form.submit", data, new_cid())
    assert refused["d"]["code"] == "invalid_form"
    assert refused["d"]["fields"] == faults
    assert chat.store.items == []


async def test_a_form_that_is_not_configured_does_not_exist(chat, new_cid):
    async with chat.tab(await chat.session()) as tab:
        for form in ("prechat", "offline"):
            data = {"form": form, "fields": {"message": "x"}, "consent": True}
            [refused] = await ask(tab, "form.submit", data, new_cid())
            assert refused["d"]["code"] == "not_found"
    assert chat.store.items == []


async def test_an_offline_form_is_a_message(open_chat, new_cid):
    chat = await open_chat(offline={"fields": ["email", {"name": "message", "required": True}]})
    fields = {"email": "anna@example.org", "message": "Call me\ntomorrow"}
    async with chat.tab(await chat.session()) as tab:
        data = {"form": "offline", "fields": fields}
        cid = new_cid()
        await tab.send("form.submit", data, cid)
        assert (await tab.wait_for("ack"))["d"]["id"].startswith("msg_")
        assert (await tab.wait_for("msg.new"))["d"]["cid"] == cid
    [item] = chat.items(omnigate.InboundMessage)
    assert item.text == "Call me\ntomorrow"
    assert item.sender.email == "anna@example.org"
    assert item.extensions == {"form": "offline"}


async def test_a_rating_needs_a_conversation_and_counts_once(chat, new_cid):
    session = await chat.session()
    cid = new_cid()
    async with chat.tab(session) as tab:
        [refused] = await ask(tab, "rating", {"score": 5}, new_cid())
        assert refused["d"]["code"] == "not_found"
        chat.say(session["visitor"], "hi")
        for _ in range(2):
            answers = await ask(tab, "rating", {"score": 4, "comment": "good"}, cid)
            assert "ack" in [answer["t"] for answer in answers]
    [item] = chat.items(omnigate.Rating)
    assert (item.score, item.comment) == (4, "good")


async def test_context_is_kept_until_there_is_a_conversation_and_stored_after(chat, new_cid):
    async with chat.tab(await chat.session()) as tab:
        update = {"context": {"custom": {"plan": "free"}}}
        [ack] = await ask(tab, "context.update", update, new_cid())
        assert ack["d"] == {"seq": None, "id": None}
        assert chat.store.items == []
        await ask(tab, "msg.send", {"text": "hello"}, new_cid())
        await ask(tab, "context.update", {"context": {"custom": {"plan": "pro"}}})
    [message] = chat.items(omnigate.InboundMessage)
    [update] = chat.items(omnigate.ContactUpdated)
    assert message.context.custom == {"plan": "free"}
    assert update.context.custom == {"plan": "pro"}


async def test_a_location_is_taken_only_where_it_is_asked_for(open_chat, new_cid):
    place = {"latitude": 55.75, "longitude": 37.62, "accuracy_metres": 20}
    chat = await open_chat()
    async with chat.tab(await chat.session()) as tab:
        [refused] = await ask(tab, "location", place, new_cid())
        assert refused["d"]["code"] == "forbidden"
    chat = await open_chat(location=True)
    async with chat.tab(await chat.session()) as tab:
        await ask(tab, "location", place, new_cid())
        await ask(tab, "msg.send", {"text": "I am here"}, new_cid())
    [message] = chat.items(omnigate.InboundMessage)
    assert message.context.location == omnigate.Location(**place)


@pytest.mark.parametrize(
    ("peek", "draft"), [(False, None), (True, "my card is •••• •••• •••• 1111")]
)
async def test_drafts_are_shown_only_where_configured_and_never_stored(open_chat, peek, draft):
    chat = await open_chat(peek=peek)
    session = await chat.session()
    async with chat.tab(session) as tab:
        await ask(tab, "typing", {"draft": "my card is 4111 1111 1111 1111"})
        await ask(tab, "typing", {})
    typing = [item for item in chat.host.emitted if isinstance(item, omnigate.Typing)]
    assert [item.draft for item in typing] == [draft, None]
    assert chat.store.items == []


async def test_typing_is_thinned_out(chat):
    async with chat.tab(await chat.session()) as tab:
        for _ in range(50):
            await tab.send("typing", {"draft": "x" * 5000})
        await ask(tab, "typing", {})
    typing = [item for item in chat.host.emitted if isinstance(item, omnigate.Typing)]
    assert 1 <= len(typing) <= 11


async def test_a_page_view_is_told_and_a_strange_link_is_not(chat):
    async with chat.tab(await chat.session()) as tab:
        await ask(tab, "page", {"url": "https://shop.example.org/b", "title": "B"})
        await ask(tab, "page", {"url": "javascript:alert(1)", "title": "B"})
    [view] = [item for item in chat.host.emitted if isinstance(item, omnigate.PageView)]
    assert (view.url, view.title) == ("https://shop.example.org/b", "B")


async def test_the_backend_sees_which_invitation_was_accepted(open_chat, new_cid):
    chat = await open_chat(proactive=[{"name": "hello", "text": "Need help?"}])
    async with chat.tab(await chat.session()) as tab:
        await ask(tab, "invite", {"rule": "hello", "action": "shown"})
        await ask(tab, "invite", {"rule": "hello", "action": "accepted"})
        [refused] = await ask(tab, "invite", {"rule": "other", "action": "shown"})
        assert refused["d"]["code"] == "not_found"
        await ask(tab, "msg.send", {"text": "yes please"}, new_cid())
    [message] = chat.items(omnigate.InboundMessage)
    assert message.context.custom == {"invitation": "hello"}


async def test_a_pressed_button_arrives_with_its_payload(chat, new_cid):
    async with chat.tab(await chat.session()) as tab:
        await ask(tab, "msg.send", {"text": "Yes", "button": "yes"}, new_cid())
    [message] = chat.items(omnigate.InboundMessage)
    assert (message.text, message.button) == ("Yes", "yes")
