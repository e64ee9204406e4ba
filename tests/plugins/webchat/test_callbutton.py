"""Calls that visitors ask for: who may, what the calling channel is told, and what the visitor sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from omnigate_webchat.callview import shown_state, view_of
from omnigate_webchat.phone import dial_codes, looks_like_number

import omnigate

pytestmark = pytest.mark.anyio

NUMBER = "8 (916) 123-45-67"
WANTED = {"number": NUMBER, "region": "RU", "consent": True}
OFFER = omnigate.CallOffer(
    is_open=True, region="RU", regions=("RU", "DE"), consent={"ru": "Согласен", "*": "I agree"}
)


@pytest.fixture
async def open_calling(open_chat: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that starts a chat of a site that calls people."""

    async def start(store: Any = None, *, session_seconds: float = 0, **button: Any) -> Any:
        settings = {"channel": "phone", "session_seconds": session_seconds, **button}
        chat = await open_chat(store, call=settings)
        chat.host.offers["phone"] = OFFER
        return chat

    return start


@pytest.fixture
async def calling(open_calling: Callable[..., Any]) -> Any:
    return await open_calling()


async def answer(tab: Any, kind: str, data: dict[str, Any], cid: str) -> dict[str, Any]:
    """Send a command and return what answers it; pushed frames are passed over."""
    await tab.send(kind, data, cid)
    while True:
        frame: dict[str, Any] = await tab.wait_for("ack", "error")
        if frame["cid"] == cid:
            return frame


async def test_the_calling_channel_learns_what_the_server_knows(calling, new_cid):
    session = await calling.session()
    async with calling.tab(session) as tab:
        forged = {**WANTED, "ip": "8.8.8.8", "site": "https://bank.example", "agent": "boss"}
        asked = await answer(tab, "call.request", forged, new_cid())
    assert asked["t"] == "ack"
    view = asked["d"]["call"]
    assert (view["state"], view["open"], view["seconds_left"]) == ("starting", True, 30)
    [call] = calling.host.open_calls.values()
    assert (call.customer, call.source, call.agent) == (NUMBER, "widget", None)
    assert call.from_conversation == session["visitor"]
    wanted = calling.host.wanted[call.id]
    assert (wanted.ip, wanted.site) == ("127.0.0.1", "https://shop.example.org")
    assert (wanted.region, wanted.consent) == ("RU", True)


async def test_a_conversation_begins_with_the_call_and_has_its_context(calling, new_cid):
    session = await calling.session(context={"page": "https://shop.example.org/pay"})
    async with calling.tab(session) as tab:
        await answer(tab, "call.request", WANTED, new_cid())
    [begun] = calling.items(omnigate.ContactUpdated)
    assert begun.context is not None
    assert begun.context.page == "https://shop.example.org/pay"


async def test_the_same_wish_twice_is_one_call(calling, new_cid):
    session = await calling.session()
    cid = new_cid()
    async with calling.tab(session) as tab, calling.tab(session) as other:
        first = await answer(tab, "call.request", WANTED, cid)
        again = await answer(tab, "call.request", WANTED, cid)
        elsewhere = await answer(other, "call.request", WANTED, new_cid())
    assert len(calling.host.open_calls) == 1
    called = {frame["d"]["call"]["id"] for frame in (first, again, elsewhere)}
    assert called == set(calling.host.open_calls)


async def test_every_tab_hears_how_it_goes(calling, new_cid):
    session = await calling.session()
    async with calling.tab(session) as tab, calling.tab(session) as other:
        await answer(tab, "call.request", WANTED, new_cid())
        assert (await other.wait_for("call"))["d"]["call"]["state"] == "starting"
        [call] = calling.host.open_calls.values()
        stages: tuple[tuple[Any, str], ...] = (
            ("agent_ringing", "starting"),
            ("customer_ringing", "ringing"),
            ("customer_answered", "connecting"),
            ("bridged", "talking"),
            ("completed", "ended"),
        )
        for state, shown in stages:
            now = call.model_copy(update={"state": state})
            calling.channel.call_changed(session["visitor"], now)
            view = (await other.wait_for("call"))["d"]["call"]
            assert (view["state"], view["open"]) == (shown, shown != "ended")


async def test_nobody_hears_of_the_call_of_another(calling, new_cid):
    session, stranger = await calling.session(), await calling.session()
    async with calling.tab(session) as tab, calling.tab(stranger) as far:
        asked = await answer(tab, "call.request", WANTED, new_cid())
        call_id = asked["d"]["call"]["id"]
        refused = await answer(far, "call.cancel", {"id": call_id}, new_cid())
        assert refused["d"]["code"] == "not_found"
        await far.send("ping", {})
        assert (await far.receive())["t"] == "pong"
    assert calling.host.open_calls[call_id].state == "requested"


async def test_it_is_taken_back(calling, new_cid):
    session = await calling.session()
    async with calling.tab(session) as tab:
        asked = await answer(tab, "call.request", WANTED, new_cid())
        call_id = asked["d"]["call"]["id"]
        taken_back = await answer(tab, "call.cancel", {"id": call_id}, new_cid())
    assert taken_back["d"]["call"]["state"] == "cancelled"
    assert calling.host.open_calls[call_id].state == "cancelled"


async def test_a_connection_begins_with_the_call_as_it_is(calling, new_cid):
    session = await calling.session()
    async with calling.tab(session) as tab:
        await answer(tab, "call.request", WANTED, new_cid())
    async with calling.raw_socket() as tab:
        hello = {"connection_token": session["connection_token"], "after": 0}
        await tab.send("hello", hello)
        welcome = await tab.receive()
    assert welcome["d"]["call"]["state"] == "starting"
    stranger = await calling.session()
    async with calling.raw_socket() as tab:
        await tab.send("hello", {"connection_token": stranger["connection_token"], "after": 0})
        assert (await tab.receive())["d"]["call"] is None


async def test_a_poll_tells_a_call_that_is_not_as_the_client_knows_it(calling, new_cid):
    session = await calling.session()
    token = session["connection_token"]
    body = {"frames": [{"t": "call.request", "cid": new_cid(), "d": WANTED}]}
    _, answered, _ = await calling.call("POST", "commands", token=token, json=body)
    tag = answered["frames"][0]["d"]["call"]["tag"]
    _, page, _ = await calling.call("GET", "events?after=0&wait=0&call=", token=token)
    assert [frame["d"]["call"]["tag"] for frame in page["frames"] if frame["t"] == "call"] == [tag]
    _, page, _ = await calling.call("GET", f"events?after=0&wait=0&call={tag}", token=token)
    assert not [frame for frame in page["frames"] if frame["t"] == "call"]
    [call] = calling.host.open_calls.values()
    calling.channel.call_changed(
        session["visitor"], call.model_copy(update={"state": "customer_ringing"})
    )
    _, page, _ = await calling.call("GET", f"events?after=0&wait=0&call={tag}", token=token)
    assert [frame["d"]["call"]["state"] for frame in page["frames"]] == ["ringing"]


async def test_a_call_survives_a_restart_of_the_daemon(open_calling, new_cid):
    before = await open_calling()
    session = await before.session()
    async with before.tab(session) as tab:
        await answer(tab, "call.request", WANTED, new_cid())
    after = await open_calling(before.store)
    again = await after.session(visitor_token=session["visitor_token"])
    async with after.tab(again) as tab:
        running = asyncio.create_task(after.channel.run())
        try:
            # Who was back before the daemon had looked is told as well.
            assert (await tab.wait_for("call"))["d"]["call"]["state"] == "starting"
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_who_has_only_just_come_has_to_wait(open_calling, new_cid):
    chat = await open_calling(session_seconds=3600)
    session = await chat.session()
    async with chat.tab(session) as tab:
        refused = await answer(tab, "call.request", WANTED, new_cid())
    assert refused["d"]["code"] == "busy"
    assert 3500 < refused["d"]["retry_after_seconds"] <= 3600
    assert chat.host.open_calls == {}
    renewed = await chat.session(visitor_token=session["visitor_token"])
    async with chat.tab(renewed) as tab:
        refused = await answer(tab, "call.request", WANTED, new_cid())
    assert refused["d"]["code"] == "busy", "a new session of the same browser makes it no younger"


async def test_of_countries_that_share_a_code_the_one_it_is_known_for_comes_first(calling):
    codes = dict(dial_codes(None))
    first = {code: region for region, code in reversed(dial_codes(None))}
    assert (first["7"], first["1"], first["44"]) == ("RU", "US", "GB")
    assert codes["KZ"] == "7"
    assert dial_codes(["KZ", "RU"]) == [("RU", "7"), ("KZ", "7")]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"consent": False}, {"consent": "required"}),
        ({"number": "112"}, {"number": "phone"}),
        ({"number": "+7916123456789"}, {"number": "phone"}),
        ({"number": "9161234567,,1@trunk&x"}, {"number": "phone"}),
        ({"number": "tel:+79161234567"}, {"number": "phone"}),
        ({"number": "٩١٦١٢٣٤٥٦٧"}, {"number": "phone"}),
        ({"number": "1-800-FLOWERS"}, {"number": "phone"}),
    ],
)
async def test_what_is_wrong_is_said_by_field(calling, new_cid, change, fields):
    session = await calling.session()
    async with calling.tab(session) as tab:
        refused = await answer(tab, "call.request", {**WANTED, **change}, new_cid())
    assert (refused["d"]["code"], refused["d"]["fields"]) == ("invalid_form", fields)
    assert calling.host.open_calls == {}
    logged = calling.host.log_lines
    codes = [each["code"] for each in logged if each["event"] == "a call is refused"]
    assert codes == ["bad_number" if "number" in fields else "no_consent"]
    assert change.get("number", "?") not in str(logged)


async def test_the_reason_of_a_refusal_stays_here(calling, new_cid):
    calling.host.refusal = omnigate.Refused("too_many", "no more than 2 calls an hour to +7916")
    session = await calling.session()
    async with calling.tab(session) as tab:
        refused = await answer(tab, "call.request", WANTED, new_cid())
        assert refused["d"] == {"code": "forbidden", "message": "this call cannot be made"}
        calling.host.refusal = omnigate.Refused("number_type", "premium rate")
        refused = await answer(tab, "call.request", WANTED, new_cid())
        assert refused["d"]["fields"] == {"number": "phone"}
        assert "premium" not in str(refused)
        # Those are logged by the channel that refuses; where there is none, by the chat.
        assert [line for line in calling.host.log_lines if "refused" in line["event"]] == []
        calling.host.refusal = omnigate.Refused("no_channel", "there is no channel 'phone'")
        await answer(tab, "call.request", WANTED, new_cid())
    lines = [line for line in calling.host.log_lines if "refused" in line["event"]]
    assert [(line["event"], line["code"]) for line in lines] == [
        ("a call is refused", "no_channel")
    ]


async def test_one_more_call_needs_a_confirmation(calling, new_cid):
    session = await calling.session()
    async with calling.tab(session) as tab:
        asked = await answer(tab, "call.request", WANTED, new_cid())
        await answer(tab, "call.cancel", {"id": asked["d"]["call"]["id"]}, new_cid())
        refused = await answer(tab, "call.request", WANTED, new_cid())
        assert refused["d"]["code"] == "confirm"
        again = await answer(tab, "call.request", {**WANTED, "again": True}, new_cid())
        assert again["d"]["call"]["state"] == "starting"
    assert len(calling.host.open_calls) == 2


async def test_a_visitor_has_so_many_calls_an_hour(open_calling, new_cid):
    chat = await open_calling(per_hour=2)
    session = await chat.session()
    async with chat.tab(session) as tab:
        for _ in range(2):
            asked = await answer(tab, "call.request", {**WANTED, "again": True}, new_cid())
            await answer(tab, "call.cancel", {"id": asked["d"]["call"]["id"]}, new_cid())
        refused = await answer(tab, "call.request", {**WANTED, "again": True}, new_cid())
    assert refused["d"]["code"] == "forbidden"


async def test_all_visitors_of_a_network_have_so_many_calls_an_hour(open_calling, new_cid):
    chat = await open_calling(per_hour_per_network=2)
    codes = []
    for _ in range(3):
        async with chat.tab(await chat.session()) as tab:
            asked = await answer(tab, "call.request", WANTED, new_cid())
            codes.append(asked["d"].get("code"))
    assert codes == [None, None, "forbidden"]


async def test_numbers_cannot_be_tried_out_one_after_the_other(calling, new_cid):
    session = await calling.session()
    codes = []
    async with calling.tab(session) as tab:
        for number in range(11):
            wanted = {**WANTED, "number": f"11{number}"}
            codes.append((await answer(tab, "call.request", wanted, new_cid()))["d"]["code"])
    assert codes == ["invalid_form"] * 10 + ["forbidden"]


async def test_the_offer_names_countries_codes_and_what_is_agreed_to(calling, new_cid):
    opens_at = datetime(2026, 11, 23, 6, tzinfo=UTC)
    calling.host.offers["phone"] = omnigate.CallOffer(
        is_open=False, opens_at=opens_at, region="RU", regions=("RU", "DE"), consent={"*": "Yes"}
    )
    async with calling.tab(await calling.session()) as tab:
        told = await answer(tab, "call.offer", {}, new_cid())
        assert told["d"]["offer"] == {
            "open": False,
            "opens_at": omnigate.rfc3339(opens_at),
            "region": "RU",
            "regions": [["RU", "7"], ["DE", "49"]],
            "consent": {"*": "Yes"},
        }
        calling.host.offers["phone"] = omnigate.CallOffer(is_open=True, region="RU")
        told = await answer(tab, "call.offer", {}, new_cid())
    assert len(told["d"]["offer"]["regions"]) > 200, "without a list, every country"


async def test_without_a_channel_that_calls_nothing_is_offered(open_chat, new_cid):
    chat = await open_chat(call={"channel": "phone"})
    session = await chat.session()
    assert session["config"]["call"] is False
    async with chat.tab(session) as tab:
        for kind, data in (("call.offer", {}), ("call.request", WANTED)):
            assert (await answer(tab, kind, data, new_cid()))["d"]["code"] == "not_found"
    chat.host.offers["phone"] = OFFER
    assert (await chat.session())["config"]["call"] is True
    plain = await open_chat()
    plain.host.offers["phone"] = OFFER
    assert (await plain.session())["config"]["call"] is False


async def test_the_end_of_a_call_is_not_told_for_ever(calling, new_cid, monkeypatch):
    from omnigate_webchat import callbutton

    session = await calling.session()
    async with calling.tab(session) as tab:
        asked = await answer(tab, "call.request", WANTED, new_cid())
        await answer(tab, "call.cancel", {"id": asked["d"]["call"]["id"]}, new_cid())
    monkeypatch.setattr(callbutton, "SHOWN_SECONDS", -1.0)
    async with calling.raw_socket() as tab:
        await tab.send("hello", {"connection_token": session["connection_token"], "after": 0})
        assert (await tab.receive())["d"]["call"] is None


def made(state: omnigate.CallState, **more: Any) -> omnigate.Call:
    return omnigate.Call(
        id="cal_" + "0" * 26,
        state=state,
        customer="+79161234567",
        requested_at=datetime(2026, 11, 22, tzinfo=UTC),
        **more,
    )


async def test_every_state_has_its_stage():
    for state in get_args(omnigate.CallState):
        assert view_of(made(state), None)["state"] == shown_state(made(state))


async def test_a_customer_who_is_rung_first_is_connected_while_the_agent_rings():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    legs = [omnigate.CallLeg(leg="customer", answered_at=now)]
    assert shown_state(made("agent_ringing", legs=legs)) == "connecting"
    legs = [omnigate.CallLeg(leg="customer", answered_at=now, ended_at=now)]
    assert shown_state(made("agent_ringing", legs=legs)) == "starting"


async def test_what_is_the_company_s_own_is_not_shown():
    call = made("agent_busy", agent="PJSIP/boss", note="secret", error="trunk 3 down")
    shown = str(view_of(call, None))
    assert not any(word in shown for word in ("boss", "secret", "trunk"))


async def test_a_later_attempt_has_another_tag():
    later = datetime(2026, 11, 22, 9, tzinfo=UTC)
    waiting = made("queued", callback_at=later)
    put_off = made("queued", callback_at=later + timedelta(minutes=5))
    assert view_of(waiting, None)["tag"] != view_of(put_off, None)["tag"]
    assert view_of(waiting, None)["callback_at"] == omnigate.rfc3339(later)


@pytest.mark.parametrize(
    "text", ["", "+", "12", "1" * 41, "+7\n9161234567", "a123456", "+7916;ext=1"]
)
async def test_what_no_number_is_written_with_is_no_number(text):
    assert not looks_like_number(text)
