"""What events mean: every kind of attachment, answers, forwards, buttons, edits, echoes, chats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from omnigate_vk.places import message_name

import omnigate
from omnigate.emulators.vk.attachments import KINDS

from .conftest import Shop, open_shop

pytestmark = pytest.mark.anyio

FILES = {
    "photo": "image",
    "doc": "file",
    "audio_message": "voice",
    "graffiti": "image",
    "sticker": "sticker",
}
WORDS = {
    "video": "[video] Video https://vk.com/video",
    "audio": "[audio] Artist - Title",
    "link": "[link] Example https://example.org/",
    "market": "[market] City bike 15 000 rub https://vk.com/product",
    "wall": "[wall] A post https://vk.com/wall",
    "wall_reply": "[wall reply] A comment https://vk.com/wall",
    "gift": "[gift]",
    "poll": "[poll] Which one?\n- Answer 1\n- Answer 2",
    "story": "[story] https://vk.com/story",
    "call": "[call] reached 61 s",
    "article": "[article] An article https://vk.com/@example-an-article",
    "podcast": "[podcast] Issue 1 https://vk.com/podcast",
    "video_playlist": "[video playlist] Videos https://vk.com/video/playlist/",
}


def test_the_tables_name_every_kind_of_attachment() -> None:
    assert FILES.keys() | WORDS.keys() == set(KINDS)


@pytest.mark.parametrize("kind", FILES)
async def test_a_file_comes_with_its_bytes(shop: Shop, kind: str) -> None:
    made = shop.vk.world.make.any(kind, shop.anna.id)
    await shop.anna.sends(shop.community, made, text="вот")
    said = await shop.said()
    (file,) = said.attachments
    assert (said.text, file.kind) == ("вот", FILES[kind])
    fetched = b"".join([chunk async for chunk in shop.channel.fetch(file)])
    assert fetched
    if made.data is not None:
        assert fetched == made.data


@pytest.mark.parametrize("kind", WORDS)
async def test_what_is_no_file_is_readable_and_kept_as_it_is(shop: Shop, kind: str) -> None:
    await shop.anna.sends(shop.community, kind)
    said = await shop.said()
    assert str(said.text).startswith(WORDS[kind])
    assert said.extensions["attachments"][0]["type"] == kind


async def test_the_largest_photo_is_taken_and_all_attachments_come(shop: Shop) -> None:
    kinds = ["photo", "photo", "doc", "video", "sticker"]
    await shop.anna.sends(shop.community, *kinds)
    said = await shop.said()
    assert [one.kind for one in said.attachments] == ["image", "image", "file", "sticker"]
    assert (said.attachments[0].width, said.attachments[0].height) == (1080, 720)
    assert said.attachments[2].name == "offer.pdf"
    assert str(said.text).startswith("[video]")


async def test_an_attachment_of_tomorrow_is_a_word_and_kept_raw(shop: Shop) -> None:
    made = shop.vk.world.make.link()
    made.kind, made.body = "holo_gram", {"depth": 3}
    await shop.anna.sends(shop.community, made, text="вот")
    said = await shop.said()
    assert said.text == "вот\n[holo gram]"
    assert said.extensions["attachments"] == [{"type": "holo_gram", "holo_gram": {"depth": 3}}]


async def test_a_file_whose_address_has_expired_is_asked_for_anew(shop: Shop) -> None:
    made = shop.vk.world.make.doc(shop.anna.id, b"%PDF", "offer.pdf")
    await shop.anna.sends(shop.community, "photo", made)
    file = (await shop.said()).attachments[1]
    shop.vk.world.shelf.forget(made.body["url"])
    made.body["url"] = shop.vk.world.shelf.put(b"%PDF", "offer.pdf", "application/pdf")
    assert b"".join([chunk async for chunk in shop.channel.fetch(file)]) == b"%PDF"
    shop.vk.world.shelf.forget(made.body["url"])
    with pytest.raises(omnigate.Refused, match="no longer"):
        async for _ in shop.channel.fetch(file):
            pass


async def test_a_place_on_the_map(shop: Shop) -> None:
    await shop.anna.shares_location(shop.community, 55.75, 37.62)
    place = {"title": "ГУМ", "city": "Москва", "country": "Россия"}
    coordinates = {"latitude": 55.7, "longitude": 37.6}
    await shop.anna.writes(shop.community, geo={"coordinates": coordinates, "place": place})
    first, second = (await shop.said(0)).location, (await shop.said(1)).location
    assert first is not None
    assert second is not None
    assert (first.latitude, first.longitude) == (55.75, 37.62)
    assert (second.title, second.address) == ("ГУМ", "Москва, Россия")


async def test_answers_and_forwards_with_what_they_carry(shop: Shop) -> None:
    first = await shop.anna.writes(shop.community, "Раз два три")
    boris = shop.vk.person("Борис", "Иванов")
    other = await boris.sends(shop.community, "photo", text="смотри")
    await shop.anna.writes(shop.community, "Это?", reply_to=first)
    await shop.anna.writes(shop.community, "Перешлю", forwarded=[other, first])
    answer, forward = await shop.said(2), await shop.said(3)
    assert answer.reply_to == message_name(shop.anna.id, first.cmid)
    assert forward.text == "Перешлю\n[forwarded] смотри\n[forwarded] Раз два три"
    assert [one.kind for one in forward.attachments] == ["image"]
    assert str(forward.forwarded_from).startswith(("vk:", "Борис"))
    assert len(forward.extensions["fwd_messages"]) == 2


async def test_a_pressed_button_of_ours_brings_its_value(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "Привет")
    rows = [[omnigate.Button(label="Да", value="yes"), omnigate.Button(label="Нет")]]
    await shop.channel.send(shop.part("Ну?", buttons=rows))
    await shop.anna.presses(shop.community, "Да")
    await shop.anna.presses(shop.community, "Нет")
    yes, no = await shop.said(1), await shop.said(2)
    assert (yes.text, yes.button) == ("Да", "yes")
    assert (no.text, no.button) == ("Нет", "Нет")


async def test_a_foreign_payload_comes_as_it_is(shop: Shop) -> None:
    await shop.anna.starts(shop.community)
    said = await shop.said()
    assert said.button == '{"command":"start"}'
    assert said.extensions["payload"] == {"command": "start"}


async def test_a_callback_button_is_reported_and_stops_spinning(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "Привет")
    action = {"type": "callback", "label": "Ещё", "payload": '{"button":"more"}'}
    board = {"inline": True, "buttons": [[{"action": action}]]}
    sent = await shop.channel.send(shop.part("Ну?", extensions={"vk": {"keyboard": board}}))
    press = await shop.anna.presses(shop.community, "Ещё")
    pressed = await shop.item(omnigate.ButtonPressed)
    assert (pressed.payload, pressed.message_id) == ("more", sent.external_id)
    chat = shop.anna.chat(shop.community)
    answers = await shop.until(lambda: chat.answers)
    assert [one.event_id for one in answers] == [press]


async def test_a_link_brings_its_token_and_where_from(shop: Shop) -> None:
    link = shop.channel.handover_link("w_4hJq0bR2nVtQ")
    assert link == "https://vk.me/shop?ref=w_4hJq0bR2nVtQ&ref_source=omnigate"
    assert shop.anna.follows(link) is shop.community
    await shop.anna.writes(shop.community, "Здравствуйте")
    said = await shop.said()
    assert said.handover == "w_4hJq0bR2nVtQ"
    assert said.context is not None
    assert said.context.custom == {"ref": "w_4hJq0bR2nVtQ", "ref_source": "omnigate"}


async def test_a_widget_brings_its_key(shop: Shop) -> None:
    await shop.anna.allows(shop.community, "w_abc")
    await shop.anna.denies(shop.community)
    await shop.anna.allows(shop.community)
    said = await shop.said()
    assert (said.handover, said.automatic) == ("w_abc", True)
    blocked = await shop.item(omnigate.ContactBlocked)
    assert blocked.sender.address == f"vk:{shop.anna.id}"
    await shop.item(omnigate.ContactUnblocked, 1)


async def test_the_blacklist(shop: Shop) -> None:
    shop.community.block(shop.anna, comment="spam")
    shop.community.unblock(shop.anna)
    blocked = await shop.item(omnigate.ContactBlocked)
    assert str(blocked.reason).endswith("spam")
    await shop.item(omnigate.ContactUnblocked)


async def test_whoever_forbade_messages_and_writes_may_be_written_to(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "раз")
    await shop.item(omnigate.ContactUpdated)
    await shop.anna.denies(shop.community)
    await shop.item(omnigate.ContactBlocked)
    before = len(shop.of(omnigate.ContactUnblocked))
    await shop.anna.writes(shop.community, "два")
    await shop.item(omnigate.ContactUnblocked, before)


async def test_an_edit_names_the_message_it_changes(shop: Shop) -> None:
    message = await shop.anna.writes(shop.community, "до")
    await shop.anna.edits(shop.community, message, "после")
    edited = await shop.item(omnigate.MessageEdited)
    assert edited.message_id == message_name(shop.anna.id, message.cmid)
    assert edited.text == "после"


async def test_a_message_that_came_cut_is_fetched_whole(shop: Shop) -> None:
    text = "ж" * 300
    message = await shop.anna.sends(shop.community, "photo", text=text, is_cropped=True)
    said = await shop.said()
    assert (len(str(said.text)), said.extensions["is_cropped"]) == (100, True)
    whole = await shop.item(omnigate.MessageEdited)
    assert whole.message_id == message_name(shop.anna.id, message.cmid)
    assert (whole.text, [one.kind for one in whole.attachments]) == (text, ["image"])


async def test_typing_is_forwarded_and_not_stored(shop: Shop) -> None:
    await shop.anna.types(shop.community)
    await shop.until(lambda: shop.host.emitted)
    assert shop.host.emitted[0].conversation == str(shop.anna.id)
    assert not shop.items


async def test_reading_marks_everything_sent_before_as_read(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "Привет")
    sent = [
        (await shop.channel.send(shop.part(str(number), id=f"msg_{number}.0"))).external_id
        for number in range(3)
    ]
    await shop.anna.reads(shop.community)
    await shop.item(omnigate.Receipt, 2)
    receipts = shop.of(omnigate.Receipt)
    assert [one.message_id for one in receipts] == sent
    assert {one.state for one in receipts} == {"read"}
    await shop.channel.send(shop.part("ещё", id="msg_4.0"))
    await shop.anna.reads(shop.community)
    await shop.item(omnigate.Receipt, 3)
    assert len(shop.of(omnigate.Receipt)) == 4


async def test_what_was_sent_before_a_restart_is_read_too(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "Привет")
    olga = shop.vk.person("Ольга")
    for number in range(3):
        shop.community.answer_as(olga, shop.anna, str(number))
    await shop.item(omnigate.EchoMessage, 2)
    await shop.anna.reads(shop.community)
    await shop.item(omnigate.Receipt, 2)
    read = {one.message_id for one in shop.of(omnigate.Receipt)}
    assert read == {one.message_id for one in shop.of(omnigate.EchoMessage)}


async def test_reactions(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "Привет")
    sent = await shop.channel.send(shop.part("Сто"))
    seen = shop.anna.chat(shop.community).last
    for reaction in (4, 31, None):
        await shop.anna.reacts(shop.community, seen, reaction)
    await shop.item(omnigate.Reaction, 2)
    reactions = shop.of(omnigate.Reaction)
    assert [one.emoji for one in reactions] == [["👍"], ["vk:31"], []]
    assert reactions[0].message_id == sent.external_id


async def test_what_an_administrator_answers_is_an_echo(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "Привет")
    olga = shop.vk.person("Ольга", "Админ")
    message = shop.community.answer_as(olga, shop.anna, "Здравствуйте!")
    echo = await shop.item(omnigate.EchoMessage)
    assert (echo.text, echo.author) == ("Здравствуйте!", f"vk:{olga.id}")
    assert echo.message_id == message_name(shop.anna.id, message.cmid)
    assert echo.recipient.address == f"vk:{shop.anna.id}"


async def test_what_we_sent_ourselves_is_no_echo_not_even_before_the_answer_comes(
    shop: Shop,
) -> None:
    await shop.anna.writes(shop.community, "Привет")
    shop.vk.faults.add(method="messages.send", cut="after")  # told of by event, not by answer
    with pytest.raises(omnigate.Uncertain):
        await shop.channel.send(shop.part("Сто"))
    await shop.anna.writes(shop.community, "дальше")
    await shop.said(1)
    assert not shop.of(omnigate.EchoMessage)


async def test_what_we_sent_before_a_restart_is_no_echo_and_what_others_forge_is(
    shop: Shop,
) -> None:
    await shop.anna.writes(shop.community, "Привет")
    await shop.channel.send(shop.part("Сто"))
    ours = shop.anna.chat(shop.community).last
    async with open_shop(
        vk=shop.vk, community=shop.community, store=shop.host.store, running=False
    ) as again:
        event = {"type": "message_reply", "event_id": "a", "group_id": shop.community.id}
        body: dict[str, Any] = {**event, "object": ours.to_json()}
        parse = again.channel.parse
        assert parse(omnigate.Request.of(json.dumps(body).encode())) == []
        forged = json.loads(str(ours.payload))
        forged["omnigate"] = forged["omnigate"][:-1] + "x"
        body["object"]["payload"] = json.dumps(forged)
        (echo,) = parse(omnigate.Request.of(json.dumps(body).encode()))
        assert isinstance(echo, omnigate.EchoMessage)


async def test_our_own_edits_are_not_reported_and_an_administrators_are(shop: Shop) -> None:
    await shop.anna.writes(shop.community, "Привет")
    sent = await shop.channel.send(shop.part("Сто"))
    await shop.channel.change(shop.change("edit", sent.external_id, text="Двести"))
    olga = shop.vk.person("Ольга")
    message = shop.community.answer_as(olga, shop.anna, "до")
    message.text = "после"
    shop.community.say(message, "message_edit")
    edited = await shop.item(omnigate.MessageEdited)
    assert edited.text == "после"
    assert len(shop.of(omnigate.MessageEdited)) == 1


async def test_a_chat_of_several_people(shop: Shop) -> None:
    boris = shop.vk.person("Борис", "Иванов")
    chat = shop.vk.multichat(shop.community, shop.anna, "Дача", [boris])
    chat.write(boris, "Привет всем")
    chat.rename("Баня")
    invited, said, renamed = [await shop.said(number) for number in range(3)]
    assert {one.conversation for one in (invited, said, renamed)} == {str(chat.peer_id)}
    assert said.sender.address == f"vk:{boris.id}"
    assert (renamed.text, renamed.automatic) == ("[chat title update: Баня]", True)
    assert (said.automatic, invited.automatic) == (False, True)
    sent = await shop.channel.send(shop.part("Всем привет", conversation=str(chat.peer_id)))
    assert sent.external_id == message_name(chat.peer_id, chat.view(shop.community).last.cmid)


# ---- people ---------------------------------------------------------------------------------------


async def test_a_name_follows_once_and_again_when_it_changes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await shop.anna.writes(shop.community, str(number))
    update = await shop.item(omnigate.ContactUpdated)
    sender = update.sender
    assert (sender.display_name, sender.username) == ("Анна Петрова", "anna")
    assert sender.address == f"vk:{shop.anna.id}"
    await shop.anna.writes(shop.community, "ещё")
    assert (await shop.said(3)).sender.display_name == "Анна Петрова"
    assert len(shop.of(omnigate.ContactUpdated)) == 1
    shop.anna.last_name = "Иванова"
    monkeypatch.setattr("omnigate_vk.people._FRESH_SECONDS", 0.0)
    await shop.anna.writes(shop.community, "и ещё")
    again = await shop.item(omnigate.ContactUpdated, 1)
    assert again.sender.display_name == "Анна Иванова"
    await shop.anna.writes(shop.community, "всё")
    asked = len(shop.vk.calls_of("users.get"))
    await shop.until(lambda: len(shop.vk.calls_of("users.get")) > asked or asked >= 3)
    assert len(shop.of(omnigate.ContactUpdated)) == 2


async def test_many_people_are_asked_for_at_once() -> None:
    async with open_shop() as shop:
        people = [shop.vk.person(f"Name {number}") for number in range(60)]
        for person in people:
            await person.writes(shop.community, "Привет")
        await shop.until(lambda: len(shop.of(omnigate.ContactUpdated)) == 60)
        assert len(shop.vk.calls_of("users.get")) <= 5


async def test_people_are_asked_for_again_when_vk_did_not_say() -> None:
    async with open_shop() as shop:
        shop.vk.faults.add(method="users.get", error=6)
        await shop.anna.writes(shop.community, "Привет")
        assert (await shop.item(omnigate.ContactUpdated)).sender.display_name == "Анна Петрова"


async def test_one_person_in_two_communities_is_one_contact() -> None:
    async with open_shop() as one, open_shop(vk=one.vk, anna=one.anna) as other:
        await one.anna.writes(one.community, "раз")
        await one.anna.writes(other.community, "два")
        senders: list[Any] = [(await one.said()).sender, (await other.said()).sender]
        assert senders[0].address == senders[1].address


async def test_the_language_of_the_client_is_known() -> None:
    async with open_shop() as shop:
        shop.anna.lang_id = 3
        await shop.anna.writes(shop.community, "Hello")
        assert (await shop.said()).sender.locale == "en"
