"""Sessions: who a browser is, what it is told, and who gets none."""

from __future__ import annotations

import hashlib
import hmac

import pytest

import omnigate

pytestmark = pytest.mark.anyio

SECRET = "a secret of the site, long enough"


def identity(user_id: str, secret: str = SECRET, **more: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()
    return {"user_id": user_id, "hash": digest, **more}


async def test_a_session_tells_the_widget_what_it_needs_and_no_secret(open_chat):
    chat = await open_chat(
        identity_secret=SECRET,
        title={"ru": "Магазин", "en": "Shop"},
        prechat={"fields": ["name", {"name": "phone", "required": True}]},
        proactive=[{"name": "hello", "text": "Need help?", "after_seconds": 5}],
        privacy_note="We keep what you write.",
    )
    session = await chat.session(context={"language": "ru"})
    config = session["config"]
    assert config["name"] == "site"
    assert config["title"] == {"ru": "Магазин", "en": "Shop"}
    assert [field["kind"] for field in config["prechat"]["fields"]] == ["text", "phone"]
    assert config["offline"] is None
    assert config["online"] is True
    assert config["uploads"]["max_bytes"] == 20 * 1024 * 1024
    assert session["conversation"] is None
    assert session["events"] == []
    assert session["identity"] == "anonymous"
    assert session["expires_in_seconds"] == 300
    assert SECRET not in str(session)


async def test_a_browser_stays_the_same_visitor_and_sees_its_messages(chat, new_cid):
    first = await chat.session()
    async with chat.tab(first) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        await tab.wait_for("ack")
    chat.say(first["visitor"], "hi")
    second = await chat.session(visitor_token=first["visitor_token"])
    assert second["visitor"] == first["visitor"]
    assert second["conversation"]["last_seq"] == 2
    assert [frame["d"]["text"] for frame in second["events"]] == ["hello", "hi"]


@pytest.mark.parametrize("token", ["", "x", "a.b", "é.ü", "." * 3000])
async def test_a_forged_visitor_token_makes_a_new_visitor(chat, token):
    honest = await chat.session()
    session = await chat.session(visitor_token=token)
    assert session["visitor"] != honest["visitor"]


async def test_a_token_of_another_kind_opens_nothing(chat):
    session = await chat.session()
    other = await chat.session(visitor_token=session["connection_token"])
    assert other["visitor"] != session["visitor"]
    status, _, _ = await chat.call("GET", "history", token=session["visitor_token"])
    assert status == 401


async def test_a_signed_identity_is_the_same_conversation_on_every_device(open_chat, new_cid):
    chat = await open_chat(identity_secret=SECRET)
    who = identity("42", name="Анна", email="anna@example.org", phone="8 916 123-45-67")
    phone = await chat.session(identity=who)
    laptop = await chat.session(identity=who)
    assert (phone["identity"], phone["visitor"] == laptop["visitor"]) == ("verified", False)
    async with chat.tab(phone) as one, chat.tab(laptop) as two:
        await one.send("msg.send", {"text": "hello"}, new_cid())
        assert (await two.wait_for("msg.new"))["d"]["text"] == "hello"
    [item] = chat.items(omnigate.InboundMessage)
    assert item.conversation == "user:42"
    assert item.sender.address == "user:42"
    assert item.sender.also == [f"webchat:{phone['visitor']}"]
    assert item.sender.verified
    assert (item.sender.display_name, item.sender.phone) == ("Анна", "+79161234567")


@pytest.mark.parametrize(
    "wrong",
    [
        identity("42", secret="another secret, also long enough"),
        {"user_id": "42", "hash": ""},
        {"user_id": "42", "hash": "é" * 64},
        {"user_id": "42"},
        identity("4 2"),
        identity("4\u202e2"),
        identity(""),
        identity("x" * 201),
    ],
)
async def test_an_unproven_identity_is_anonymous(open_chat, new_cid, wrong):
    chat = await open_chat(identity_secret=SECRET)
    session = await chat.session(identity={**wrong, "name": "Mallory"})
    assert session["identity"] == "rejected"
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        await tab.wait_for("ack")
    [item] = chat.items(omnigate.InboundMessage)
    assert item.conversation == session["visitor"]
    assert (item.sender.verified, item.sender.also, item.sender.display_name) == (False, [], None)


async def test_without_a_secret_nobody_can_prove_anything(chat):
    session = await chat.session(identity=identity("42", secret=""))
    assert session["identity"] == "rejected"


async def test_two_people_at_one_computer_stay_two(open_chat):
    chat = await open_chat(identity_secret=SECRET)
    guest = await chat.session()
    anna = await chat.session(visitor_token=guest["visitor_token"], identity=identity("anna"))
    assert anna["visitor"] == guest["visitor"], "a guest who signs in is the same person"
    boris = await chat.session(visitor_token=anna["visitor_token"], identity=identity("boris"))
    assert boris["visitor"] != anna["visitor"]
    after_logout = await chat.session(visitor_token=boris["visitor_token"])
    assert after_logout["visitor"] not in (anna["visitor"], boris["visitor"])


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://evil.example",
        "http://shop.example.org",
        "https://shop.example.org:8443",
        "https://shop.example.org/",
        "https://SHOP.example.org",
        "https://shop.example.org https://evil.example",
    ],
)
@pytest.mark.parametrize("path", ["session", "commands", "upload"])
async def test_only_pages_of_the_allowed_origins_may_post(chat, origin, path):
    status, problem, answer = await chat.call("POST", path, origin=origin, json={})
    assert status == 403
    assert problem["status"] == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert chat.store.items == []


async def test_browsers_are_told_exactly_what_they_may(chat):
    status, _, answer = await chat.call("OPTIONS", "session")
    assert status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.org"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    status, _, answer = await chat.call("OPTIONS", "session", origin="https://evil.example")
    assert status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_refusal_can_be_read_by_the_page(chat):
    status, problem, answer = await chat.call("POST", "session", json=[1])
    assert status == 422
    assert answer.content_type == "application/problem+json"
    assert problem["errors"]
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.org"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 422),
        (b"[" * 10_000, 400),
        (b'{"visitor_token": 5}', 422),
        (b'{"identity": {"hash": "x"}}', 422),
        (b'{"identity": {"user_id": 5}}', 422),
        (b'{"context": []}', 422),
        (b'{"visitor_token": "\xff"}', 400),
        (b'{"visitor_token": "' + b"x" * 9000 + b'"}', 422),
    ],
)
async def test_junk_gets_a_problem_and_no_session(chat, body, code):
    """400 for what is malformed, 422 for what is well formed and wrong."""
    headers = {"Content-Type": "application/json"}
    status, problem, _ = await chat.call("POST", "session", data=body, headers=headers)
    assert status == code
    assert problem["title"]


async def test_a_body_that_is_not_json_by_type_is_refused(chat):
    headers = {"Content-Type": "text/plain"}
    status, _, _ = await chat.call("POST", "session", data=b"{}", headers=headers)
    assert status == 415


async def test_a_network_opens_only_so_many_sessions_a_minute(open_chat):
    chat = await open_chat(limits={"sessions_per_minute": 2})
    await chat.session()
    await chat.session()
    status, problem, answer = await chat.call("POST", "session", json={})
    assert status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert "network" in problem["detail"]


async def test_a_broken_context_does_not_cost_the_conversation(chat, new_cid):
    session = await chat.session(
        context={
            "page": "javascript:alert(1)",
            "title": "x" * 5000,
            "referrer": "https://search.example/" + "x" * 5000,
            "utm_first": {"source": "mail", "campaign": 5},
            "utm_last": "junk",
            "trail": [
                *[{"url": f"https://shop.example.org/{n}"} for n in range(30)],
                {"url": "javascript:0"},
                5,
                {"url": "https://shop.example.org/last", "at": "not a time"},
            ],
            "visits": -3,
            "language": "ru",
            "custom": {"plan": "pro", "cart": {"items": 3}, "sum": 12.5, "": "x", "n": 10**30},
            "ip": "1.2.3.4",
            "geo": {"city": "Nowhere"},
        }
    )
    async with chat.tab(session) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        await tab.wait_for("ack")
    [item] = chat.items(omnigate.InboundMessage)
    context = item.context
    assert (context.page, context.referrer, context.utm_last, context.visits) == (None,) * 4
    assert len(context.title) == 200
    assert (context.utm_first.source, context.utm_first.campaign) == ("mail", None)
    assert len(context.trail) <= 20
    assert context.trail[-1].url == "https://shop.example.org/last"
    assert context.custom == {"plan": "pro", "sum": 12.5}
    assert (context.ip, context.geo) == ("127.0.0.1", None)
    assert item.sender.locale == "ru"


async def test_the_context_travels_once_and_again_when_it_changed(chat, new_cid):
    session = await chat.session(context={"page": "https://shop.example.org/a", "custom": {"a": 1}})
    async with chat.tab(session) as tab:
        for page in (None, None, "https://shop.example.org/b"):
            if page:
                await tab.send("page", {"url": page, "title": "B"})
            await tab.send("msg.send", {"text": "hello"}, new_cid())
            await tab.wait_for("ack")
    first, second, third = chat.items(omnigate.InboundMessage)
    assert first.context.page == "https://shop.example.org/a"
    assert second.context is None
    assert (third.context.page, third.context.title) == ("https://shop.example.org/b", "B")
    assert third.context.custom == {"a": 1}


async def test_the_network_address_is_left_out_where_the_operator_says_so(open_chat, new_cid):
    chat = await open_chat(record_ip=False)
    async with chat.tab(await chat.session()) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        await tab.wait_for("ack")
    [item] = chat.items(omnigate.InboundMessage)
    assert item.context.ip is None


async def test_a_user_can_be_written_to_first_where_the_site_can_prove_it(open_chat):
    user = omnigate.Address("user:42")
    proving = await open_chat(identity_secret="0123456789abcdef0123456789abcdef")
    assert proving.channel.conversation_of(user) == "user:42"
    with pytest.raises(omnigate.Refused, match="identity_secret") as refused:
        (await open_chat()).channel.conversation_of(user)
    assert refused.value.code == "no_address"


async def test_a_visitor_cannot_be_written_to_first(chat):
    with pytest.raises(omnigate.Refused) as refused:
        chat.channel.conversation_of(omnigate.Address("webchat:never-seen"))
    assert refused.value.code == "no_address"
    with pytest.raises(omnigate.Refused) as refused:
        chat.channel.conversation_of(omnigate.Address("tel:+79161234567"))
    assert refused.value.code == "no_recipient"
