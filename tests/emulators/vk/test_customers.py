"""What a customer can do, and what he sees of what the community does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.emulators.vk import Community, Person, VkEmulator
from tests.emulators.clock import Clock
from tests.emulators.vk.conftest import Ask
from tests.emulators.vk.refusals import GOOD, keyboard, text

pytestmark = pytest.mark.anyio


def link(label: str) -> dict[str, Any]:
    return {"action": {"type": "open_link", "link": "https://example.org", "label": label}}


async def send(ask: Ask, person: Person, number: int, **more: Any) -> None:
    arguments = {"message": f"Message {number}", **more}
    body = await ask("messages.send", peer_id=person.id, random_id=number, **arguments)
    assert "response" in body, body


async def test_a_customer_sees_texts_edits_and_deletions(shop: Community, anna: Person, ask: Ask):
    await anna.writes(shop, "Hello")
    chat = anna.chat(shop)
    with pytest.raises(LookupError, match="has written nothing"):
        assert chat.last.text
    for number in (1, 2, 3):
        await send(ask, anna, number)
    assert chat.texts == ["Message 1", "Message 2", "Message 3"]
    await ask("messages.edit", peer_id=anna.id, cmid=3, message="Changed")
    await ask("messages.delete", peer_id=anna.id, cmids=2, delete_for_all=1)
    await ask("messages.delete", peer_id=anna.id, cmids=4)  # for the community alone
    assert chat.texts == ["Changed", "Message 3"]
    assert chat.received[0].update_time is not None
    assert len(chat.messages) == 3


async def test_waiting_ends_when_it_is_seen_and_else_says_what_is_there(
    shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    await send(ask, anna, 1)
    assert await anna.chat(shop).wait_for(lambda chat: chat.texts) == ["Message 1"]
    with pytest.raises(TimeoutError, match=r"there is: \['Message 1'\]"):
        await anna.chat(shop).wait_for(lambda chat: "Message 2" in chat.texts, 0.01)


async def test_a_keyboard_is_shown_until_another_comes_or_it_is_taken_away(
    shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    chat = anna.chat(shop)
    await send(ask, anna, 1, keyboard=keyboard([text("Old")]))
    await send(ask, anna, 2, keyboard=keyboard([text("New"), link("Site")]))
    await send(ask, anna, 3, keyboard=keyboard([text("Inline")], inline=True))
    assert chat.keyboard is not None
    assert chat.keyboard["author_id"] == -shop.id
    with pytest.raises(LookupError, match="no button 'Old'"):
        await anna.presses(shop, "Old")
    assert await anna.presses(shop, "Site") is None
    for label in ("New", "Inline"):
        await anna.presses(shop, label)
        assert chat.messages[-1].text == label
    await send(ask, anna, 4, keyboard=keyboard())
    assert chat.keyboard is None
    with pytest.raises(LookupError, match="no button 'New'"):
        await anna.presses(shop, "New")


async def test_a_one_time_keyboard_goes_with_the_press(shop: Community, anna: Person, ask: Ask):
    await anna.writes(shop, "Hello")
    button = text("Yes", payload={"answer": "да"})
    await send(ask, anna, 1, keyboard=keyboard([button], one_time=True))
    assert anna.chat(shop).keyboard is not None
    pressed = await anna.presses(shop, "Yes")
    assert not isinstance(pressed, str | None)
    assert pressed.payload == '{"answer":"да"}'  # a text, as it comes in message_new
    assert shop.journal.events[-1].object["message"]["payload"] == '{"answer":"да"}'
    assert anna.chat(shop).keyboard is None


async def test_a_callback_button_comes_as_an_event_with_its_payload_as_an_object(
    shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    button = {"action": {"type": "callback", "label": "Go", "payload": {"a": 1}}}
    await send(ask, anna, 1, keyboard=keyboard([button], inline=True))
    event_id = await anna.presses(shop, "Go")
    event = shop.journal.events[-1]
    assert event.type == "message_event"
    assert event.object == {
        "user_id": anna.id,
        "peer_id": anna.id,
        "event_id": event_id,
        "payload": {"a": 1},
        "conversation_message_id": 2,
    }


async def test_a_location_button_and_a_button_of_a_carousel_can_be_pressed(
    shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    await send(ask, anna, 1, keyboard=keyboard([{"action": {"type": "location"}}]))
    elements = [{"title": "Bike", "description": "City", "buttons": [text("Buy")]}]
    template = json.dumps({"type": "carousel", "elements": elements})
    await send(ask, anna, 2, template=template)
    await anna.presses(shop, "location")
    assert (anna.chat(shop).messages[-1].geo or {})["coordinates"]["latitude"] == 59.93
    await anna.presses(shop, "Buy")
    assert anna.chat(shop).messages[-1].text == "Buy"


async def test_typing_is_seen_for_some_seconds_or_until_the_message(
    shop: Community, anna: Person, ask: Ask, clock: Clock
):
    await anna.writes(shop, "Hello")
    chat = anna.chat(shop)
    await ask("messages.setActivity", peer_id=anna.id, type="typing")
    assert chat.activity == "typing"
    clock.now += 11
    assert chat.activity is None
    await ask("messages.setActivity", peer_id=anna.id, type="audiomessage")
    await send(ask, anna, 1)
    assert chat.activity is None
    assert chat.activities == ["typing", "audiomessage"]


async def test_a_cropped_message_is_whole_only_when_it_is_fetched(
    shop: Community, anna: Person, ask: Ask
):
    message = await anna.sends(shop, "photo", text="я" * 3000, is_cropped=True)
    event = shop.journal.events[-1].object["message"]
    assert event["is_cropped"] is True
    assert (len(event["text"]), event["attachments"]) == (100, [])
    fetched = await ask(
        "messages.getByConversationMessageId",
        peer_id=anna.id,
        conversation_message_ids=message.cmid,
    )
    (whole,) = fetched["response"]["items"]
    assert (len(whole["text"]), len(whole["attachments"])) == (3000, 1)
    assert "is_cropped" not in whole


async def test_our_own_send_comes_back_as_a_reply_with_its_random_id(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    await anna.writes(shop, "Hello")
    await send(ask, anna, 77)
    own = shop.journal.events[-1]
    admin = vk.person("Oleg")
    shop.answer_as(admin, anna, "By hand")
    by_hand = shop.journal.events[-1]
    assert (own.type, own.object["random_id"], "admin_author_id" in own.object) == (
        "message_reply",
        77,
        False,
    )
    assert (by_hand.type, by_hand.object["random_id"], by_hand.object["admin_author_id"]) == (
        "message_reply",
        0,
        admin.id,
    )


@pytest.mark.parametrize("why", ["deleted", "blocked", "closed"])
async def test_who_cannot_write_does_not(why: str, shop: Community, anna: Person):
    if why == "deleted":
        anna.account = "deleted"
    elif why == "blocked":
        shop.block(anna)
    else:
        shop.messages_enabled = False
    events = len(shop.journal.events)
    with pytest.raises(PermissionError):
        await anna.writes(shop, "Hello")
    assert len(shop.journal.events) == events


async def test_denying_holds_until_the_next_message(shop: Community, anna: Person, ask: Ask):
    await anna.writes(shop, "Hello")
    await anna.denies(shop)
    allowed = "messages.isMessagesFromGroupAllowed"
    who = {"group_id": shop.id, "user_id": anna.id}
    assert (await ask(allowed, **who))["response"] == {"is_allowed": 0}
    await anna.writes(shop, "Again")
    assert (await ask(allowed, **who))["response"] == {"is_allowed": 1}


async def test_profiles_are_what_was_asked_for_and_no_phone_number(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    gone = vk.person("Ivan", "Ivanov")
    gone.account = "deleted"
    fields = "screen_name,city,sex,photo_200,contacts,mobile_phone"
    body = await ask("users.get", user_ids=f"anna,id{gone.id},999999", fields=fields)
    first, second = body["response"]
    assert first == {
        "id": anna.id,
        "first_name": "Anna",
        "last_name": "Petrova",
        "can_access_closed": True,
        "is_closed": False,
        "screen_name": "anna",
        "city": {"id": 2, "title": "Moscow"},
        "sex": 1,
        "photo_200": anna.photo,
    }
    assert (second["first_name"], second["deactivated"]) == ("DELETED", "deleted")
    assert "Ivanov" not in json.dumps(second)


async def test_a_chat_of_several_tells_the_community_what_happens(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask
):
    ivan = vk.person("Ivan")
    chat = vk.multichat(shop, anna, "Friends", [ivan])
    chat.write(ivan, "Hello all")
    chat.rename("Bikers")
    chat.leave(ivan)
    with pytest.raises(LookupError, match="Ivan is not in the chat"):
        chat.write(ivan, "Unheard")
    chat.join(ivan)
    seen = [one.object["message"] for one in shop.journal.events]
    assert {one["peer_id"] for one in seen} == {chat.peer_id}
    assert chat.peer_id == 2_000_000_001
    assert [one["conversation_message_id"] for one in seen] == [1, 2, 3, 4, 5]
    assert {one["id"] for one in seen} == {0}
    assert [one.get("action", {}).get("type") for one in seen] == [
        "chat_invite_user",
        None,
        "chat_title_update",
        "chat_kick_user",
        "chat_invite_user_by_link",
    ]
    await ask("messages.send", peer_id=chat.peer_id, **GOOD)
    assert chat.view(shop).texts == ["Hello"]


async def test_the_same_seed_gives_the_same_platform():
    first, again, other = (VkEmulator(seed=seed).add_community() for seed in (3, 3, 4))
    assert (first.id, first.token) == (again.id, again.token)
    assert first.token != other.token


async def test_calls_are_kept_with_arguments_time_and_outcome(
    vk: VkEmulator, shop: Community, anna: Person, ask: Ask, clock: Clock
):
    await ask("messages.send", peer_id=anna.id, **GOOD)
    await ask("messages.send", access_token="wrong")
    (call,) = vk.calls_of("messages.send")
    assert (call.arguments["message"], call.at, call.community) == ("Hello", clock.now, shop)
    assert call.error is not None
    assert call.error.code == 901
    (stray,) = vk.turned_away
    assert (stray.method, stray.error.code) == ("messages.send", 5)


async def test_a_link_leads_to_the_conversation_and_its_ref_comes_with_the_first_message(
    shop: Community, anna: Person
):
    assert anna.follows("https://vk.me/shop?ref=w_4hJq0bR2nVtQ&ref_source=site") is shop
    first, second = await anna.writes(shop, "Hello"), await anna.writes(shop, "Again")
    assert (first.ref, first.ref_source) == ("w_4hJq0bR2nVtQ", "site")
    assert (second.ref, second.ref_source) == (None, None)
    for link in ("http://vk.me/shop", "https://t.me/shop", "https://vk.me/other"):
        with pytest.raises(LookupError):
            anna.follows(link)


async def test_an_old_client_says_that_it_shows_no_keyboards(shop: Community, anna: Person):
    anna.client |= {"keyboard": False, "inline_keyboard": False, "button_actions": ["text"]}
    await anna.writes(shop, "Hello")
    info = shop.journal.events[-1].object["client_info"]
    assert (info["keyboard"], info["carousel"]) == (False, True)
