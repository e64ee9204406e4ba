"""Links to carry on in another channel: made when asked for, one live at a time, nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate

pytestmark = pytest.mark.anyio

WAYS = (
    omnigate.HandoverWay("tg", "telegram", "https://t.me/acme?start=abc"),
    omnigate.HandoverWay("mail", "email", "mailto:hello+abc@acme.example"),
    omnigate.HandoverWay("odd", "odd", "javascript:alert(1)"),
)


async def links(tab: Any, cid: str, **wanted: Any) -> dict[str, Any]:
    await tab.send("handover", wanted, cid)
    frame = await tab.wait_for("ack", "error")
    data: dict[str, Any] = frame["d"]
    return data


async def test_links_come_with_codes_and_only_when_asked_for(chat, new_cid):
    chat.host.ways = WAYS
    session = await chat.session()
    assert session["config"]["continue"] is True
    assert chat.host.handed_over == {}
    async with chat.tab(session) as tab:
        told = (await links(tab, new_cid()))["handover"]
    assert [way["url"] for way in told["ways"]] == [way.url for way in WAYS[:2]]
    code = omnigate.qr_path(WAYS[0].url)
    assert code is not None
    assert told["ways"][0]["qr"] == {"size": code.size, "path": code.path}
    assert told["expires_in_seconds"] > 0
    assert list(chat.host.handed_over) == [session["visitor"]]


async def test_a_visitor_who_never_wrote_is_a_conversation_then(chat, new_cid):
    chat.host.ways = WAYS
    session = await chat.session(context={"page": "https://shop.example.org/roses"})
    async with chat.tab(session) as tab:
        await links(tab, new_cid())
    [begun] = chat.items(omnigate.ContactUpdated)
    assert begun.conversation == session["visitor"]
    assert begun.context.page == "https://shop.example.org/roses"


async def test_who_asks_again_gets_the_same_unless_new_ones_are_wanted(chat, new_cid):
    chat.host.ways = WAYS
    session = await chat.session()
    async with chat.tab(session) as tab:
        await links(tab, new_cid())
        first = chat.host.handed_over[session["visitor"]]
        await links(tab, new_cid())
        assert chat.host.handed_over[session["visitor"]].token == first.token
        await links(tab, new_cid(), renew=True)
        assert chat.host.handed_over[session["visitor"]].token != first.token
        assert first.id in chat.host.open_handovers, "a phone may just have read the first"


async def test_links_that_are_good_for_nothing_any_more_are_not_shown_again(chat, new_cid):
    chat.host.ways = WAYS
    session = await chat.session()
    async with chat.tab(session) as tab:
        await links(tab, new_cid())
        first = chat.host.handed_over[session["visitor"]]
        chat.host.open_handovers.clear()  # one of them was used, on a phone
        await links(tab, new_cid())
        second = chat.host.handed_over[session["visitor"]]
        assert second.token != first.token
        await links(tab, new_cid())
        assert chat.host.handed_over[session["visitor"]].token == second.token


async def test_links_in_the_place_of_used_ones_count_as_well(chat, new_cid):
    chat.host.ways = WAYS
    async with chat.tab(await chat.session()) as tab:
        codes = []
        for _ in range(7):
            codes.append((await links(tab, new_cid())).get("code"))
            chat.host.open_handovers.clear()
    assert codes == [None] * 6 + ["rate"]


async def test_too_many_links_are_refused(chat, new_cid):
    chat.host.ways = WAYS
    async with chat.tab(await chat.session()) as tab:
        codes = [(await links(tab, new_cid(), renew=True)).get("code") for _ in range(7)]
    assert codes == [None] * 6 + ["rate"]


async def test_only_the_channels_of_the_configuration_are_offered(open_chat, new_cid):
    chat = await open_chat(continue_in=["mail"])
    chat.host.ways = WAYS
    async with chat.tab(await chat.session()) as tab:
        told = await links(tab, new_cid())
    assert [way["channel"] for way in told["handover"]["ways"]] == ["mail"]


@pytest.mark.parametrize("continue_in", [False, [], ["nowhere"]])
async def test_where_nothing_is_offered_nothing_is_made(open_chat, new_cid, continue_in):
    chat = await open_chat(continue_in=continue_in)
    chat.host.ways = WAYS
    session = await chat.session()
    assert session["config"]["continue"] is False
    async with chat.tab(session) as tab:
        assert (await links(tab, new_cid()))["code"] == "not_found"
    assert chat.host.handed_over == {}
    assert chat.items(omnigate.ContactUpdated) == []


async def test_without_other_channels_there_is_no_button(chat, new_cid):
    session = await chat.session()
    assert session["config"]["continue"] is False
    async with chat.tab(session) as tab:
        assert (await links(tab, new_cid()))["code"] == "not_found"


async def test_strangers_have_links_of_their_own(chat, new_cid):
    chat.host.ways = WAYS
    for _ in range(2):
        async with chat.tab(await chat.session()) as tab:
            await links(tab, new_cid())
    assert len({made.token for made in chat.host.handed_over.values()}) == 2
