"""What updates mean: every kind of message, edits, buttons, groups, topics, business chats, moves."""

from __future__ import annotations

from typing import Any

import pytest

import omnigate
from omnigate.emulators.telegram.delivery import change
from omnigate.emulators.telegram.samples import png

from .conftest import Shop, open_shop

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("kind", "as_kind"),
    [
        ("photo", "image"),
        ("document", "file"),
        ("video", "video"),
        ("animation", "video"),
        ("audio", "audio"),
        ("voice", "voice"),
        ("video_note", "video"),
        ("sticker", "sticker"),
    ],
)
async def test_every_kind_of_file_comes_with_its_bytes(shop: Shop, kind: str, as_kind: str) -> None:
    content = b"\x89PNG and so on" * 1000
    await shop.anna.sends(shop.bot, kind, content, caption="" if kind == "sticker" else "вот")
    said = await shop.said()
    (file,) = said.attachments
    assert file.kind == as_kind
    fetched = b"".join([chunk async for chunk in shop.channel.fetch(file)])
    assert fetched == content
    assert "token" not in str(file.ref)
    if kind not in ("sticker", "video_note"):
        assert said.text == "вот"


async def test_a_file_that_has_moved_is_asked_for_anew_and_a_large_one_refused(shop: Shop) -> None:
    await shop.anna.sends(shop.bot, "document", b"x" * 100)
    (file,) = (await shop.said()).attachments
    shop.telegram.faults.add(
        method="getFile", error=400, description="Bad Request: file is too big"
    )
    with pytest.raises(omnigate.Refused) as refused:
        async for _ in shop.channel.fetch(file):
            pass
    assert refused.value.code == "too_large"


async def test_entities_are_counted_as_telegram_counts(shop: Shop) -> None:
    text = "👩‍👩‍👧 смотри https://shop.example/x и @shop_bot"
    await shop.anna.writes(shop.bot, text)
    said = await shop.said()
    found = {one["type"]: one["text"] for one in said.extensions["entities"]}
    assert (said.text, found) == (text, {"url": "https://shop.example/x", "mention": "@shop_bot"})


async def test_ones_own_number_is_proven_and_anothers_is_not(shop: Shop) -> None:
    await shop.anna.shares_contact(shop.bot)
    await shop.anna.shares_contact(shop.bot, "+79160000000", "Борис")
    own, other = await shop.said(0), await shop.said(1)
    assert own.shared_contact is not None
    assert other.shared_contact is not None
    assert (own.shared_contact.own, other.shared_contact.own) == (True, False)
    number = own.shared_contact.phone
    assert own.sender.also == [f"tel:+{str(number).lstrip('+')}"]
    assert other.sender.also == []


async def test_places(shop: Shop) -> None:
    await shop.anna.shares_location(shop.bot, 55.75, 37.62)
    await shop.anna.shares_venue(shop.bot, "ГУМ")
    point, venue = (await shop.said(0)).location, (await shop.said(1)).location
    assert point is not None
    assert venue is not None
    assert (point.latitude, point.title) == (55.75, None)
    assert (venue.title, venue.address) == ("ГУМ", "Красная площадь, 3")


async def test_a_poll_and_dice_are_readable(shop: Shop) -> None:
    await shop.anna.sends_poll(shop.bot, "Когда?", ["Утром", "Вечером"])
    await shop.anna.rolls_dice(shop.bot)
    assert (await shop.said(0)).text == "[poll] Когда?\n- Утром\n- Вечером"
    assert str((await shop.said(1)).text).startswith("[dice] 🎲 ")


async def test_an_album_is_messages_of_one_group(shop: Shop) -> None:
    items = [shop.anna.medium("photo", caption="три" if number == 0 else "") for number in range(3)]
    await shop.anna.sends_album(shop.bot, *items)
    said = [await shop.said(number) for number in range(3)]
    assert len({one.album for one in said}) == 1
    assert [one.text for one in said] == ["три", None, None]


async def test_answers_quotes_and_forwards(shop: Shop) -> None:
    first = await shop.anna.writes(shop.bot, "Раз два три")
    await shop.anna.writes(shop.bot, "Это?", reply_to=first, quote="два")
    await shop.anna.forwards(shop.bot, first)
    await shop.anna.forwards(shop.bot, first, hidden=True)
    answer, named, hidden = [await shop.said(number) for number in (1, 2, 3)]
    assert answer.reply_to == f"{shop.anna.id}:{first.id}"
    assert answer.extensions["quote"]["text"] == "два"
    assert (named.forwarded_from, hidden.forwarded_from) == ("Анна", "Анна")


async def test_an_edit_names_the_message_it_changes(shop: Shop) -> None:
    message = await shop.anna.writes(shop.bot, "до")
    await shop.anna.edits(message, "после")
    edited = await shop.item(omnigate.MessageEdited)
    assert (edited.message_id, edited.text) == (f"{shop.anna.id}:{message.id}", "после")


async def test_a_place_that_is_shared_live_moves(shop: Shop) -> None:
    message = await shop.anna.shares_location(shop.bot, 55.75, 37.62, live_period=900)
    said = await shop.said()
    assert said.extensions["live_location"]["live_period"] == 900
    moved = {**message.body["location"], "latitude": 55.76}
    change(shop.telegram.world, message, {**message.body, "location": moved}, None)
    edited = await shop.item(omnigate.MessageEdited)
    assert edited.location is not None
    assert (edited.location.latitude, edited.text) == (55.76, None)


async def test_another_caption_and_another_picture_are_edits(shop: Shop) -> None:
    message = await shop.anna.sends(shop.bot, "photo", caption="до")
    other = shop.anna.medium("photo", png(40, 30), caption="после")
    change(shop.telegram.world, message, other, None)
    edited = await shop.item(omnigate.MessageEdited)
    (file,) = edited.attachments
    fetched = b"".join([chunk async for chunk in shop.channel.fetch(file)])
    assert (edited.text, fetched) == ("после", png(40, 30))


async def test_blocking_and_coming_back(shop: Shop) -> None:
    await shop.anna.starts(shop.bot)
    await shop.anna.blocks(shop.bot)
    blocked = await shop.item(omnigate.ContactBlocked)
    await shop.anna.unblocks(shop.bot)
    back = await shop.item(omnigate.ContactUnblocked)
    assert blocked.sender.address == back.sender.address == f"telegram:{shop.anna.id}"


async def test_groups_and_their_topics_are_conversations_of_several_people(shop: Shop) -> None:
    group = shop.telegram.group("Дачники", kind="supergroup", is_forum=True)
    await group.adds(shop.bot)
    await group.promotes(shop.bot)
    boris = shop.telegram.person("Борис")
    for person in (shop.anna, boris):
        await person.joins(group)
    topic = await group.opens_topic("Рассада")
    await shop.anna.writes(group, "всем", thread_id=None)
    await boris.writes(group, "по теме", thread_id=topic)

    def found(text: str) -> Any:
        return next((one for one in shop.items if getattr(one, "text", None) == text), None)

    general = await shop.until(lambda: found("всем"))
    themed = await shop.until(lambda: found("по теме"))
    assert (general.conversation, themed.conversation) == (str(group.id), f"{group.id}/{topic}")
    assert (general.sender.display_name, themed.sender.display_name) == ("Анна", "Борис")
    assert general.subject == "Дачники"
    await shop.channel.send(shop.part("ответ", conversation=themed.conversation))
    seen = await boris.chat(group).wait_for_text("ответ")
    assert seen.thread_id == topic


async def test_a_group_that_becomes_larger_is_the_same_conversation(shop: Shop) -> None:
    group = shop.telegram.group()
    await group.adds(shop.bot)
    before = group.id
    larger = await group.migrates()
    moved = await shop.item(omnigate.ConversationMoved)
    assert (moved.conversation, moved.to) == (str(before), str(larger.id))


async def test_reactions_come_where_they_are_asked_for() -> None:
    async with open_shop(reactions=True) as shop:
        await shop.until(lambda: shop.bot.made("getUpdates"))
        group = shop.telegram.group(kind="supergroup")
        await group.adds(shop.bot)
        await group.promotes(shop.bot)
        await shop.anna.joins(group)
        message = await shop.anna.writes(group, "ура")
        await shop.anna.reacts(message, "👍")
        reaction = await shop.item(omnigate.Reaction)
        assert (reaction.emoji, reaction.message_id) == (["👍"], f"{group.id}:{message.id}")


async def test_business_chats_with_what_their_owner_writes(shop: Shop) -> None:
    owner = shop.telegram.person("Хозяин")
    await owner.starts(shop.bot)
    connection = await owner.connects(shop.bot)
    await shop.anna.writes(connection, "Вы открыты?")

    def found() -> Any:
        return next(
            (one for one in shop.items if getattr(one, "text", None) == "Вы открыты?"), None
        )

    said = await shop.until(found)
    assert said.conversation == f"{connection.id}@{shop.anna.id}"
    await shop.channel.send(shop.part("Да", conversation=said.conversation))
    await owner.answers(connection, shop.anna, "Заходите")
    echo = await shop.item(omnigate.EchoMessage)
    assert (echo.text, echo.author) == ("Заходите", "Хозяин")
    assert echo.recipient.address == f"telegram:{shop.anna.id}"
    assert not [one for one in shop.items if getattr(one, "text", None) == "Да"]


async def test_posts_of_a_channel_come_where_they_are_asked_for() -> None:
    async with open_shop(channel_posts=True) as shop:
        await shop.until(lambda: shop.bot.made("getUpdates"))
        channel = shop.telegram.group("Новости", kind="channel")
        await channel.adds(shop.bot, "administrator")
        await channel.posts("Скидки!")

        def found() -> Any:
            return next(
                (one for one in shop.items if getattr(one, "text", None) == "Скидки!"), None
            )

        said = await shop.until(found)
        assert said.sender.display_name == "Новости"


async def test_what_nobody_knows_yet_is_readable_and_kept(shop: Shop) -> None:
    await shop.anna.sends_raw(shop.bot, {"hologram": {"file_id": "x", "depth": 3}})
    said = await shop.said()
    assert said.text == "[hologram]"
    assert said.extensions["hologram"]["depth"] == 3
