"""One customer on the site, in a messenger and on the phone, with the real daemon between them.

A real browser, an emulated Telegram and an emulated Asterisk; the daemon is killed in the middle of each
step. That conversations change hands in the middle of a burst while it dies is in ``test_transfers``, and of
one customer's in ``test_carrying_on``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.bots import Platform, give, rows
from tests.e2e.switch import NUMBER, Switch, again, once
from tests.e2e.visitors import PAGE, Visitor

SCOPES = ("messages:send", "messages:read", "events:read", "contacts:write", "calls")
TOKENS_STAY_GOOD = """
from omnigate.store import arriving
arriving.Arrivals.flush = lambda self: None
"""
WHO_SHARES_A_PHONE_IS_ONE = """
from omnigate.store import identity
identity.contradiction = lambda *people, **more: None
"""
IS_CONNECTED = '"channel": "phone", "event": "channel up"'


@pytest.fixture
def switch(platform: Platform) -> Iterator[Switch]:
    switch = Switch(platform)
    yield switch
    switch.end()


@pytest.fixture
def bot(platform: Platform) -> Any:
    return platform.telegram.add_bot("acme_garden_bot")


@pytest.fixture
def daemon(new_daemon: Any, receiver: Any, platform: Platform, switch: Switch, bot: Any) -> Any:
    """A daemon with the site, the bot and the phones, running."""
    daemon = new_daemon()
    give(daemon, platform, bot, "poll")
    switch.give(daemon)
    daemon.start()
    daemon.allow(*SCOPES)
    receiver.page = PAGE.format(address=daemon.address)
    return daemon


def story(daemon: Any, contact: str) -> list[tuple[str, str, str]]:
    """Return kind of channel, type and words of everything said and called, the oldest first."""
    told = daemon.get(f"/v1/contacts/{contact}/timeline?order=oldest&limit=200")["items"]
    return [
        (one["channel"]["kind"], one["type"], _words(one["data"][one["type"]]))
        for one in told
        if one["type"] in ("message", "call")
    ]


def _words(data: dict[str, Any]) -> str:
    return str(data.get("text") or data["state"])


@pytest.mark.timeout(300)
def test_a_customer_goes_from_the_chat_to_telegram_to_the_phone_and_never_has_to_repeat_anything(
    daemon: Any,
    receiver: Any,
    platform: Platform,
    switch: Switch,
    bot: Any,
    context: BrowserContext,
    until: Any,
) -> None:
    visitor = Visitor(context.new_page(), receiver.site)
    visitor.writes("Are the tulips in stock?")
    [asked] = until(lambda: receiver.crm.of("message.received"), "the CRM hears of it")
    visitor_id = asked.json["contact"]["id"]
    daemon.send({"conversation": asked.json["conversation"]["id"]}, "They are, red ones.")
    expect(visitor.panel.locator(".msg.out").last).to_contain_text("red ones")

    token = re.fullmatch(
        r"https://t\.me/acme_garden_bot\?start=([a-z0-9]+)", visitor.way("Telegram")
    )[1]  # type: ignore[index]
    daemon.kill()
    anna = platform.telegram.person("Anna")
    platform.do(anna.starts(bot, token))
    daemon.start()
    [merged] = until(lambda: once(receiver.crm.of("contact.merged")), "both are one")
    assert merged.json["data"]["contact"]["id"] == visitor_id
    started = next(
        one
        for one in until(lambda: receiver.crm.of("conversation.started"), "it began")
        if one.json["channel"]["kind"] == "telegram"
    )
    handover = started.json["conversation"]["context"]["handover"]
    assert (handover["kind"], handover["title"], handover["proven"]) == ("webchat", "Garden", True)
    said = [one["text"] for one in handover["messages"]]
    assert said == ["Are the tulips in stock?", "They are, red ones."]
    again(daemon)
    platform.do(anna.writes(bot, "I am on the tram now"))
    until(lambda: "I am on the tram now" in receiver.crm.texts(), "the CRM hears of it")

    visitor.asks_for_a_call(NUMBER)
    switch.is_now(switch.agent, "ringing")
    switch.follows(daemon, until)
    switch.touch(switch.agent.answer)
    switch.is_now(switch.customer, "ringing")
    switch.follows(daemon, until)
    switch.touch(switch.customer.answer)
    switch.is_now(switch.customer, "talking")
    before = len(daemon.log())
    switch.follows(daemon, until)
    until(lambda: IS_CONNECTED in daemon.log()[before:], "it has heard whether they still talk")
    until(lambda: receiver.crm.of("call.answered"), "the CRM hears that they answered")
    switch.talk_is_long()
    switch.touch(switch.customer.hang_up)
    ended = until(lambda: once(receiver.crm.of("call.ended")), "the CRM hears of the end")
    assert [one.json["data"]["call"]["state"] for one in ended] == ["completed"]
    assert switch.rung == [1, 1], "nobody was called twice"
    until(lambda: len(once(receiver.crm.of("contact.merged"))) == 2, "the number is theirs")
    assert daemon.get(f"/v1/contacts/{visitor_id}")["id"] == visitor_id
    assert story(daemon, visitor_id) == [
        ("webchat", "message", "Are the tulips in stock?"),
        ("webchat", "message", "They are, red ones."),
        ("telegram", "message", "/start …"),
        ("telegram", "message", "I am on the tram now"),
        ("call", "call", "completed"),
    ]
    shown = daemon.omnigate("contact", "show", visitor_id)
    assert "Are the tulips in stock?" in shown
    assert "I am on the tram now" in shown


class Scene(NamedTuple):
    """Who there is."""

    daemon: Any
    receiver: Any
    platform: Platform
    switch: Switch
    bot: Any
    until: Any


@pytest.fixture
def scene(
    daemon: Any, receiver: Any, platform: Platform, switch: Switch, bot: Any, until: Any
) -> Scene:
    return Scene(daemon, receiver, platform, switch, bot, until)


def test_a_stranger_with_a_used_a_foreign_or_an_invented_token_learns_and_becomes_nothing(
    scene: Scene,
) -> None:
    strangers_come(scene)


def test_a_daemon_that_takes_a_token_twice_is_found_out(scene: Scene) -> None:
    with pytest.raises(AssertionError, match="good once"):
        strangers_come(scene, TOKENS_STAY_GOOD)


def strangers_come(scene: Scene, sabotage: str = "") -> None:
    """Have strangers try tokens that are not theirs, and look at what comes of it."""
    daemon, receiver, platform, _, bot, until = scene
    if sabotage:
        again(daemon, sabotage)
    daemon.say("My address is Lime Street 5", "c-1")
    [asked] = until(lambda: receiver.crm.of("message.received"), "the CRM hears of it")
    conversation = asked.json["conversation"]["id"]

    def token(*channels: str) -> str:
        body = {"conversation": conversation, "channels": list(channels)}
        status, made = daemon.request("POST", "/v1/handovers", body, token=daemon.token)
        assert status == 201, made
        return str(made["token"])

    used, foreign = token("bot"), token("site")
    anna = platform.telegram.person("Anna")
    platform.do(anna.starts(bot, used))
    until(lambda: len(receiver.crm.of("message.received")) == 2, "Anna has come")
    again(daemon, sabotage)
    strangers = [platform.telegram.person(name) for name in ("Boris", "Clara", "Dora")]
    for stranger, word in zip(strangers, (used, foreign, "a" * 26), strict=True):
        platform.do(stranger.starts(bot, word))
    until(lambda: len(once(receiver.crm.of("message.received"))) == 5, "the strangers have come")
    began = sorted(
        (
            one.json
            for one in once(receiver.crm.of("conversation.started"))
            if one.json["channel"]["kind"] == "telegram"
        ),
        key=lambda one: one["contact"]["display_name"],
    )
    assert [one["contact"]["display_name"] for one in began] == ["Anna", "Boris", "Clara", "Dora"]
    came = [one["conversation"]["context"].get("handover") is not None for one in began]
    assert came == [True, False, False, False], "a token is good once, and where it was made for"
    assert len({one["contact"]["id"] for one in began}) == 4
    assert "Lime Street" not in json.dumps(began[1:])
    for stranger in strangers:
        seen = platform.call(lambda who=stranger: who.chat(bot).messages)  # type: ignore[misc]
        assert [one.mine for one in seen] == [True], "nothing is said about the token"
    assert rows(daemon, "SELECT count(*) FROM handover WHERE used_at IS NOT NULL") == [(1,)]
    told = [daemon.get(f"/v1/{what}?limit=200") for what in ("messages", "conversations", "events")]
    assert foreign not in json.dumps(told), (
        "who reads what was written cannot use what is good still"
    )


def test_two_customers_who_share_a_phone_stay_two_and_it_is_reported(scene: Scene) -> None:
    contacts = share_a_phone(scene)
    daemon, receiver, until = scene.daemon, scene.receiver, scene.until
    [conflict] = until(lambda: once(receiver.crm.of("contact.conflict")), "it is reported")
    told = conflict.json["data"]["conflict"]
    assert {told["id"], told["other"]} == set(contacts)
    assert told["address"] == f"tel:{NUMBER}"
    again(daemon)
    are_two(daemon, contacts)
    [open_] = daemon.get("/v1/contacts/conflicts")["items"]
    assert open_["conflict"] == told["conflict"]
    assert len(once(receiver.crm.of("contact.conflict"))) == 1
    assert scene.switch.rung == [2, 2]


def test_a_daemon_that_makes_one_of_two_who_share_a_phone_is_found_out(scene: Scene) -> None:
    again(scene.daemon, WHO_SHARES_A_PHONE_IS_ONE)
    contacts = share_a_phone(scene)
    crm = scene.receiver.crm
    scene.until(lambda: crm.of("contact.merged"), "it makes them one")
    with pytest.raises(AssertionError, match="they are two"):
        are_two(scene.daemon, contacts)


def are_two(daemon: Any, contacts: list[str]) -> None:
    assert [daemon.get(f"/v1/contacts/{one}")["id"] for one in contacts] == contacts, "they are two"


def share_a_phone(scene: Scene) -> list[str]:
    """Have two people answer the same number, each proven by Telegram; return their contacts."""
    daemon, receiver, platform, switch, bot, until = scene
    switch.agent.habit = switch.customer.habit = "answers"
    contacts = []
    for number, name in enumerate(("Anna", "Boris"), 1):
        person = platform.telegram.person(name)
        platform.do(person.starts(bot))
        heard = until(lambda name=name: of(receiver, name), f"{name} has come")
        contacts.append(heard[0].json["contact"]["id"])
        asked = {"number": NUMBER, "conversation": heard[0].json["conversation"]["id"]}
        status, call = daemon.request("POST", "/v1/calls", asked, token=daemon.token)
        assert status == 202, call
        switch.is_now(switch.customer, "talking")
        state_is(until, daemon, call["id"], "bridged")
        switch.talk_is_long()
        switch.touch(switch.customer.hang_up)
        until(lambda n=number: len(once(receiver.crm.of("call.ended"))) == n, "it is over")
    return contacts


def of(receiver: Any, name: str) -> list[Any]:
    """Return what somebody has written."""
    written = receiver.crm.of("message.received")
    return [one for one in written if one.json["contact"]["display_name"] == name]


def state_is(until: Any, daemon: Any, call_id: str, state: str) -> None:
    """Wait until the daemon knows that a call is in a state."""
    until(lambda: daemon.get(f"/v1/calls/{call_id}")["state"] == state, f"the call is {state}")


def test_a_call_that_ends_while_the_daemon_is_dead_is_told_and_rings_nobody_again(
    scene: Scene,
) -> None:
    for stage in ("agent rings", "customer rings", "they talk"):
        call_ends_meanwhile(scene, stage)


def call_ends_meanwhile(scene: Scene, stage: str) -> None:
    """Have somebody called, and hang up at a stage of that at which the daemon dies."""
    daemon, switch, until = scene.daemon, scene.switch, scene.until
    rung, told = switch.rung, len(_ends(scene.receiver))
    status, call = daemon.request("POST", "/v1/calls", {"number": NUMBER}, token=daemon.token)
    assert status == 202, call
    switch.is_now(switch.agent, "ringing")
    if stage != "agent rings":
        switch.touch(switch.agent.answer)
        switch.is_now(switch.customer, "ringing")
    if stage == "they talk":
        switch.touch(switch.customer.answer)
        switch.is_now(switch.customer, "talking")
    states = {"agent rings": "agent_ringing", "customer rings": "customer_ringing"}
    state_is(until, daemon, call["id"], states.get(stage, "bridged"))
    daemon.kill()
    # Nobody follows it now: whoever hangs up does so alone.
    phone = switch.agent
    switch.touch(phone.decline if phone.state == "ringing" else phone.hang_up)
    daemon.start()
    until(lambda: daemon.get(f"/v1/calls/{call['id']}")["ended_at"], "it is known how it ended")
    switch.is_now(switch.agent, "idle")
    switch.is_now(switch.customer, "idle")
    more = [now - before for now, before in zip(switch.rung, rung, strict=True)]
    assert more == [1, 0 if stage == "agent rings" else 1], stage
    until(lambda: len(_ends(scene.receiver)) > told, "the CRM is told")
    assert len(_ends(scene.receiver)) == told + 1


def _ends(receiver: Any) -> list[Any]:
    return [*once(receiver.crm.of("call.ended")), *once(receiver.crm.of("call.missed"))]
