"""Customers who carry on from the site in VK, those who only seem to, and who is told what of whom.

A real browser, an emulated VK and an emulated Asterisk around the real daemon, which is killed meanwhile.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from omnigate.emulators.vk import Community, Person
from tests.browser import OPEN_ROOTS
from tests.e2e.stubborn import Stubborn
from tests.e2e.switch import NUMBER, Switch, again, once
from tests.e2e.test_transfers import expected, faults, owned
from tests.e2e.test_vk import Platform, give
from tests.e2e.visitors import PAGE, Visitor

SCOPES = ("messages:send", "messages:read", "events:read", "contacts:write", "calls")
PROOFS = ("verified", "call", "handover")
OWNERS = ("person", "bot", "person", "bot")
"""Who gets both conversations, one after the other."""
MESSAGES_BETWEEN = 4
"""So many at least are written between two transfers."""
PACE_SECONDS = 0.02
ALL_PROOFS_COUNT = """
from omnigate.store import identity
same = identity.Identities.same
identity.Identities.same = lambda self, *people, **more: same(self, *people, **more | {"proof": "verified"})
"""


class Scene(NamedTuple):
    """Who there is."""

    daemon: Any
    receiver: Any
    vk: Platform
    shop: Community
    switch: Switch
    browser: Browser
    until: Any

    @property
    def crm(self) -> Any:
        """Who hears of everything."""
        return self.receiver.at("archive")

    def person(self, name: str) -> Person:
        return self.vk.call(lambda: self.vk.vk.person(name, "Petrova"))

    def visitor(self) -> Visitor:
        """Have somebody new open the site."""
        context = self.browser.new_context(locale="en-GB")
        context.add_init_script(OPEN_ROOTS)
        return Visitor(context.new_page(), self.receiver.site)

    def comes(self, who: Person, link: str, text: str) -> None:
        """Have somebody follow a link into VK and write."""
        assert self.vk.call(lambda: who.follows(link)) is self.shop
        self.vk.do(who.writes(self.shop, text))

    def heard(self, text: str) -> Any:
        """Return what the CRM got of a message, once it did."""
        return self.until(
            lambda: [one for one in self.crm.of("message.received") if one.text == text],
            f"the CRM hears: {text}",
        )[0].json

    def said_in(self, conversation: str) -> list[str | None]:
        """Return what was written in a conversation, in the order in which the CRM got it."""
        return [
            one.text
            for one in once(self.crm.of("message.received"))
            if one.json["conversation"]["id"] == conversation
        ]

    def began(self, contact: str) -> dict[str, Any]:
        """Return the conversation in VK of a contact as it was told at its start."""
        found = self.until(
            lambda: [
                one.json["conversation"]
                for one in self.crm.of("conversation.started")
                if one.json["contact"]["id"] == contact and one.json["channel"]["kind"] == "vk"
            ],
            "the CRM hears that it began",
        )
        return dict(found[0])


@pytest.fixture
def scene(new_daemon: Any, receiver: Any, until: Any, browser: Browser) -> Iterator[Scene]:
    """A daemon with the site, the community and the phones, running; a bot answers, a person may."""
    vk = Platform(speed=20.0)
    switch = Switch(vk)
    shop = vk.call(lambda: vk.vk.add_community("Shop", "shop"))
    daemon = owned(new_daemon, receiver)
    give(daemon, vk, shop, "poll")
    switch.give(daemon)
    path = daemon.folder / "omnigate.toml"
    path.write_text(f"{path.read_text()}[identity]\nmerge_on = {json.dumps(PROOFS)}\n")
    daemon.start()
    daemon.allow(*SCOPES)
    receiver.page = PAGE.format(address=daemon.address)
    yield Scene(daemon, receiver, vk, shop, switch, browser, until)
    for context in browser.contexts:
        context.close()
    switch.end()
    vk.end()


@pytest.mark.timeout(300)
def test_a_customer_goes_from_the_chat_to_vk_and_is_handed_to_and_fro_while_they_write(
    scene: Scene,
) -> None:
    daemon, crm = scene.daemon, scene.crm
    visitor, anna = scene.visitor(), scene.person("Anna")
    visitor.writes("Are the tulips in stock?")
    asked = scene.heard("Are the tulips in stock?")
    daemon.send({"conversation": asked["conversation"]["id"]}, "They are, red ones.")
    expect(visitor.panel.locator(".msg.out").last).to_contain_text("red ones")

    link = visitor.shows("VK")
    shown_since = visitor.way("VK")
    assert shown_since != link
    daemon.kill()
    scene.comes(anna, link, "I am on the tram now")
    daemon.start()
    came = scene.heard("I am on the tram now")
    assert came["contact"]["id"] == asked["contact"]["id"], "they are one"
    [merged] = scene.until(
        lambda: once(crm.of("contact.merged")), "the CRM hears that both are one"
    )
    assert merged.json["data"]["contact"]["id"] == asked["contact"]["id"]
    handover = came["conversation"]["context"]["handover"]
    assert (handover["kind"], handover["title"], handover["proven"]) == ("webchat", "Garden", True)
    said = [one["text"] for one in handover["messages"]]
    assert said == ["Are the tulips in stock?", "They are, red ones."]
    assert scene.began(asked["contact"]["id"])["context"]["handover"] == handover

    strangers_come(scene, link, shown_since, asked["conversation"]["id"])
    scene.comes(anna, link, "Is it open on Sunday?")
    later = scene.heard("Is it open on Sunday?")["conversation"]
    assert later["context"]["handover"] == handover, (
        "who comes by the same link again is where they were"
    )
    assert len(once(crm.of("contact.merged"))) == 1
    is_handed_to_and_fro(scene, visitor, anna, asked["contact"]["id"])


def strangers_come(scene: Scene, link: str, shown_since: str, conversation: str) -> None:
    """Have others follow a link that was used, one that is over with it, and such as were never good here."""
    body = {"conversation": conversation, "channels": ["app"]}
    status, made = scene.daemon.request("POST", "/v1/handovers", body, token=scene.daemon.token)
    assert status == 201, made
    used, over = (one.partition("?ref=")[2].partition("&")[0] for one in (link, shown_since))
    words = {"Boris": used, "Clara": str(made["token"]), "Dora": "a" * len(used), "Eva": over}
    for name, word in words.items():
        scene.comes(scene.person(name), link.replace(used, word), f"It is {name}")
    comers = [scene.heard(f"It is {name}") for name in words]
    assert len({one["contact"]["id"] for one in comers}) == len(comers)
    began = [scene.began(one["contact"]["id"]) for one in comers]
    assert not any((one["context"] or {}).get("handover") for one in began), "it was nobody's link"
    assert "tulips" not in json.dumps(began)
    told = [scene.daemon.get(f"/v1/{what}?limit=200") for what in ("messages", "events")]
    for word in (used, over, str(made["token"])):
        assert word not in json.dumps([told, [one.json for one in scene.crm.deliveries]])


def is_handed_to_and_fro(scene: Scene, visitor: Visitor, anna: Person, contact: str) -> None:
    """Have both of a customer's conversations change hands while they write in both, and the daemon die."""
    daemon, ended, caller = scene.daemon, threading.Event(), Stubborn(scene.daemon)
    listed = daemon.get(f"/v1/conversations?contact={contact}")["items"]
    ids = {one["channel"]["kind"]: one["id"] for one in listed}
    written: list[str] = []
    moves: list[str] = []

    def write() -> None:
        while not ended.wait(PACE_SECONDS):
            text = f"{len(written)}"
            scene.vk.do(anna.writes(scene.shop, text))
            written.append(text)

    def move() -> None:
        for backend in OWNERS:
            for conversation in (ids["vk"], ids["webchat"]):
                more = len(written) + MESSAGES_BETWEEN
                scene.until(lambda more=more: len(written) >= more, "more is written")
                path = f"/v1/conversations/{conversation}/transfer"
                caller.persist("POST", path, {"backend": backend}, 200, daemon.token)
                moves.append(backend)

    threads = [threading.Thread(target=one) for one in (write, move)]
    for one in threads:
        one.start()
    chatted = []
    for number in range(2 * len(OWNERS)):
        least = number + 1
        chatted.append(f"in the chat {number}")
        visitor.types(chatted[-1])
        if least == len(OWNERS):
            again(daemon)
        scene.until(lambda: len(moves) >= least or caller.problems, "it changes hands")  # noqa: B023  # used at once
    ended.set()
    for one in threads:
        one.join(60)
    visitor.all_sent()
    assert caller.problems == []
    scene.until(lambda: written[-1] in scene.crm.texts(), "the last is told")
    # Who died between the answer and noting it down asks once more; nothing else repeats.
    scene.until(lambda: not faults(daemon, scene.receiver), "each owner has its own, in order")
    assert expected(daemon).moves == len(moves), "all of it was one story"
    came = {kind: scene.said_in(one) for kind, one in ids.items()}
    assert came["webchat"] == ["Are the tulips in stock?", *chatted]
    assert [text for text in came["vk"] if str(text).isdigit()] == written
    assert {one.json["contact"]["id"] for one in scene.crm.of("message.received")} >= {contact}


def who_proves(scene: Scene, *proofs: str) -> None:
    """Have only these proofs count from here on."""
    path = scene.daemon.folder / "omnigate.toml"
    start, _, _ = path.read_text().partition("merge_on = ")
    path.write_text(f"{start}merge_on = {json.dumps(proofs)}\n")
    scene.daemon.operator.post("/admin/reload")


def follows_a_link(scene: Scene) -> None:
    """Have somebody follow another's link where links prove nothing, and look who is told what."""
    who_proves(scene, "verified", "call")
    visitor, clara = scene.visitor(), scene.person("Clara")
    visitor.writes("My address is Lime Street 5")
    first = scene.heard("My address is Lime Street 5")
    link = visitor.way("VK")
    assert visitor.way("VK") == link, "opened twice, and nobody has come by it"
    scene.comes(clara, link, "Where is my parcel?")
    came = scene.heard("Where is my parcel?")
    assert visitor.way("VK") != link, "what was used is not shown again"
    handover = came["conversation"]["context"]["handover"]
    assert handover["conversation"] == first["conversation"]["id"], (
        "it is told where they come from"
    )
    assert (handover["title"], handover["proven"]) == ("Garden", False), "they are two"
    stay_apart(scene, {first["contact"]["id"]: "Lime Street", came["contact"]["id"]: "parcel"})
    visitor.panel.page.reload()
    shown = visitor.panel.get_by_role("log")
    expect(shown).to_contain_text("Lime Street")
    expect(shown).not_to_contain_text("parcel")
    is_erased(scene, visitor, first["contact"]["id"])


def is_erased(scene: Scene, visitor: Visitor, contact: str) -> None:
    """Have a visitor be erased who has been shown links, and go on to another channel all the same."""
    link = visitor.way("VK")
    path = f"/v1/contacts/{contact}"
    assert scene.daemon.request("DELETE", path, token=scene.daemon.token)[0] in (200, 204)
    visitor.writes("Do you deliver at all?")
    fresh = scene.heard("Do you deliver at all?")["conversation"]["id"]
    assert visitor.way("VK") != link, "links of what is gone lead nowhere"
    scene.comes(scene.person("Dora"), visitor.way("VK"), "It is me")
    handover = scene.heard("It is me")["conversation"]["context"]["handover"]
    assert handover["conversation"] == fresh


def answers_a_call(scene: Scene) -> None:
    """Have somebody be called at another's number where calls prove nothing, and look who is told what."""
    who_proves(scene, "verified", "handover")
    daemon, switch = scene.daemon, scene.switch
    switch.agent.habit = switch.customer.habit = "answers"
    message = {
        "external_id": "b-1",
        "conversation": "boris",
        "sender": {"address": f"tel:{NUMBER}", "verified": True},
        "text": "My order is 7",
    }
    status, answer = daemon.request("POST", "/channels/app/messages", message)
    assert status == 202, answer
    boris = scene.heard("My order is 7")["contact"]["id"]
    visitor = scene.visitor()
    visitor.writes("Call me about the roses")
    asked = scene.heard("Call me about the roses")
    visitor.asks_for_a_call(NUMBER)
    switch.is_now(switch.customer, "talking")
    [call] = scene.until(lambda: daemon.get("/v1/calls")["items"], "it is known")
    path = f"/v1/calls/{call['id']}"
    scene.until(lambda: daemon.get(path)["state"] == "bridged", "it is known that they talk")
    switch.talk_is_long()
    switch.touch(switch.customer.hang_up)
    [ended] = scene.until(lambda: once(scene.crm.of("call.ended")), "the CRM hears of the end")
    assert ended.json["data"]["call"]["state"] == "completed"
    assert ended.json["data"]["call"]["from_conversation"] == asked["conversation"]["id"]
    assert ended.json["contact"]["id"] == boris, "who has the number was called"
    handover = ended.json["conversation"]["context"]["handover"]
    assert (handover["proven"], handover["messages"]) == (False, []), "they are two"
    stay_apart(scene, {asked["contact"]["id"]: "roses", boris: "order"})
    assert "order" not in visitor.panel.inner_text()


def stay_apart(scene: Scene, said: dict[str, str]) -> None:
    """Check that these are different contacts, and that what one has said stands at no other one."""
    told = scene.daemon.get("/v1/events?limit=200")["items"]
    assert [one for one in told if one["type"] == "contact.merged"] == [], "they are two"
    for who, word in said.items():
        assert scene.daemon.get(f"/v1/contacts/{who}")["id"] == who, "they are two"
        told = json.dumps(scene.daemon.get(f"/v1/contacts/{who}/timeline?limit=200"))
        assert word in told
        assert not [other for other in said.values() if other != word and other in told]


@pytest.mark.timeout(300)
def test_who_follows_a_link_or_answers_a_call_is_told_and_stays_apart_where_that_proves_nothing(
    scene: Scene,
) -> None:
    follows_a_link(scene)
    answers_a_call(scene)


@pytest.mark.timeout(300)
def test_a_daemon_that_merges_by_a_proof_that_is_left_out_is_found_out(scene: Scene) -> None:
    again(scene.daemon, ALL_PROOFS_COUNT)
    for walk in (follows_a_link, answers_a_call):
        with pytest.raises(AssertionError, match="they are two"):
            walk(scene)
