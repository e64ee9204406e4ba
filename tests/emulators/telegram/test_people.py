"""Whatever people do, bots hear of it as the platform tells it; a client library reads every update."""

from __future__ import annotations

from typing import Any

import pytest
from aiogram.types import Update

from omnigate.emulators.telegram import Bot, CannotDo, Person, TelegramEmulator
from omnigate.emulators.telegram.samples import SAMPLES, png
from tests.emulators.telegram.conftest import Ask, asking

pytestmark = pytest.mark.anyio


def _heard(bot: Bot) -> list[Any]:
    updates = [Update.model_validate(update.body) for update in bot.updates.pending]
    bot.updates.clear()
    return updates


def _message(bot: Bot) -> Any:
    (update,) = _heard(bot)
    return update.event


async def test_start_with_a_payload_is_a_command(bot: Bot, anna: Person) -> None:
    await anna.starts(bot, "w_4hJq0bR2nVtQ")
    message = _message(bot)

    assert message.text == "/start w_4hJq0bR2nVtQ"
    assert [(e.type, e.offset, e.length) for e in message.entities] == [("bot_command", 0, 6)]
    assert (message.from_user.username, message.from_user.language_code) == ("anna", "ru")
    assert (message.chat.id, message.chat.type) == (anna.id, "private")


@pytest.mark.parametrize("payload", ["a" * 65, "привет", "a b"])
async def test_link_with_a_wrong_payload_cannot_be_pressed(payload, bot: Bot, anna: Person) -> None:
    with pytest.raises(CannotDo):
        await anna.starts(bot, payload)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
async def test_every_medium_is_told_and_can_be_fetched(
    kind, bot: Bot, anna: Person, ask: Ask, telegram: TelegramEmulator
) -> None:
    await anna.sends(bot, kind, caption="вот" if kind not in ("sticker", "video_note") else "")
    message = _message(bot)
    medium = message.photo[-1] if kind == "photo" else getattr(message, kind)
    _, answer = await ask("getFile", file_id=medium.file_id)

    content = telegram.world.files.read(bot.id, answer["result"]["file_path"])
    assert content == SAMPLES[kind].content
    assert message.content_type == kind
    if kind == "photo":
        sides = [size.width for size in message.photo]
        assert sides == sorted(sides), "the largest is the last"
        assert len({size.file_unique_id for size in message.photo}) == len(sides)
    if kind == "animation":
        assert message.document.file_id == message.animation.file_id


async def test_album_is_several_messages_of_one_group(bot: Bot, anna: Person) -> None:
    await anna.sends_album(
        bot, anna.medium("photo", png(9, 9), caption="раз"), anna.medium("video")
    )
    first, second = (update.event for update in _heard(bot))

    assert first.media_group_id == second.media_group_id
    assert (first.caption, second.caption) == ("раз", None)
    assert second.message_id == first.message_id + 1


async def test_own_and_foreign_contacts_are_told_apart(bot: Bot, anna: Person) -> None:
    await anna.shares_contact(bot)
    own = _message(bot).contact
    await anna.shares_contact(bot, "+79990001122", "Борис")
    other = _message(bot).contact

    assert own.user_id == anna.id
    assert (other.user_id, other.phone_number) == (None, "+79990001122")


async def test_places_polls_and_dice(bot: Bot, anna: Person) -> None:
    await anna.shares_location(bot, horizontal_accuracy=12.5)
    await anna.shares_venue(bot)
    await anna.sends_poll(bot, "Когда?", ["утром", "вечером"])
    await anna.rolls_dice(bot, "🎯")
    location, venue, poll, dice = (update.event for update in _heard(bot))

    assert location.location.horizontal_accuracy == 12.5
    assert venue.location == venue.venue.location
    assert [option.text for option in poll.poll.options] == ["утром", "вечером"]
    assert dice.dice.emoji == "🎯"


async def test_replies_quotes_and_forwards(bot: Bot, anna: Person) -> None:
    first = await anna.writes(bot, "Сколько стоит чайник?")
    await anna.writes(bot, "А этот?", reply_to=first, quote="чайник")
    await anna.forwards(bot, first)
    await anna.forwards(bot, first, hidden=True)
    _, reply, forward, hidden = (update.event for update in _heard(bot))

    assert reply.reply_to_message.message_id == first.id
    assert reply.reply_to_message.reply_to_message is None
    assert reply.quote.text == "чайник"
    assert forward.forward_origin.sender_user.id == anna.id
    assert hidden.forward_origin.sender_user_name == "Анна"


async def test_edits_are_told_and_deletions_are_not(bot: Bot, anna: Person) -> None:
    text = await anna.writes(bot, "было")
    photo = await anna.sends(bot, "photo", caption="было")
    await anna.edits(text, "стало")
    await anna.edits(photo, "стало")
    await anna.deletes(text)
    updates = _heard(bot)[2:]

    assert [update.event_type for update in updates] == ["edited_message"] * 2
    assert updates[0].event.text == "стало"
    assert updates[0].event.edit_date is not None
    assert (updates[1].event.caption, bool(updates[1].event.photo)) == ("стало", True)


async def test_only_what_one_wrote_can_be_edited(bot: Bot, anna: Person, ask: Ask) -> None:
    await ask("sendMessage", chat_id=anna.id, text="моё")
    with pytest.raises(CannotDo):
        await anna.edits(anna.chat(bot).last, "твоё")


async def test_blocking_and_coming_back(bot: Bot, anna: Person) -> None:
    await anna.blocks(bot)
    with pytest.raises(CannotDo):
        await anna.writes(bot, "эй")
    await anna.starts(bot)
    blocked, unblocked, start = _heard(bot)

    assert blocked.event_type == unblocked.event_type == "my_chat_member"
    assert blocked.event.new_chat_member.status == "kicked"
    assert unblocked.event.new_chat_member.status == "member"
    assert start.event.text == "/start"


async def test_keyboard_sends_text_number_or_place(bot: Bot, anna: Person, ask: Ask) -> None:
    rows = [
        [{"text": "Номер", "request_contact": True}],
        [{"text": "Место", "request_location": True}],
        ["Нет"],
    ]
    await ask("sendMessage", chat_id=anna.id, text="?", reply_markup={"keyboard": rows})
    for label in ("Номер", "Место", "Нет"):
        await anna.taps(bot, label)
    with pytest.raises(CannotDo):
        await anna.taps(bot, "Чего нет")
    number, place, text = (update.event for update in _heard(bot))

    assert number.contact.user_id == anna.id
    assert place.location is not None
    assert text.text == "Нет"


async def test_privacy_mode_shows_commands_replies_and_service_messages(
    telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    group, nosy = telegram.group(), telegram.add_bot("nosy_bot", reads_groups=True)
    await group.adds(bot)
    await group.adds(nosy)
    await anna.joins(group)
    bot.updates.clear()
    nosy.updates.clear()
    async with _asking(telegram, bot) as ask:
        await ask("sendMessage", chat_id=group.id, text="Я бот")
    said = list(group.chat.messages.values())[-1]

    await anna.writes(group, "болтовня")
    await anna.writes(group, "/help")
    await anna.writes(group, "/help@shop_bot")
    await anna.writes(group, "/help@nosy_bot")
    await anna.writes(group, "отвечаю", reply_to=said)
    await group.renames("Другое имя")

    own = [update.event.text or "service" for update in _heard(bot)]
    assert own == ["/help", "/help@shop_bot", "отвечаю", "service"]
    assert len(_heard(nosy)) == 6, "but never what another bot says"


async def test_group_life(telegram: TelegramEmulator, bot: Bot, anna: Person) -> None:
    group = telegram.group()
    await group.adds(bot)
    moved = await group.migrates()
    await moved.removes(bot)
    kinds = [
        (update.event_type, getattr(update.event, "content_type", None)) for update in _heard(bot)
    ]

    assert kinds == [
        ("my_chat_member", None),
        ("message", "new_chat_members"),
        ("message", "migrate_to_chat_id"),
        ("message", "migrate_from_chat_id"),
        ("message", "left_chat_member"),
        ("my_chat_member", None),
    ]
    with pytest.raises(CannotDo):
        await anna.writes(moved, "я не здесь")


async def test_channels_and_topics(telegram: TelegramEmulator, bot: Bot, anna: Person) -> None:
    channel = telegram.group("Новости", kind="channel")
    await channel.adds(bot, "administrator")
    post = await channel.posts("Скидки")
    await channel.edits(post, "Скидки!")
    forum = telegram.group("Форум", kind="supergroup", is_forum=True)
    await forum.adds(bot, "administrator")
    await anna.joins(forum)
    topic = await forum.opens_topic("Возвраты")
    await anna.writes(forum, "в теме", thread_id=topic)
    updates = _heard(bot)

    posts = [update for update in updates if update.event_type.endswith("channel_post")]
    assert [update.event_type for update in posts] == ["channel_post", "edited_channel_post"]
    assert posts[0].event.from_user is None
    assert posts[0].event.sender_chat.id == channel.id
    last = updates[-1].event
    assert (last.message_thread_id, last.is_topic_message) == (topic, True)


async def test_names_change_without_a_word(bot: Bot, anna: Person) -> None:
    await anna.renames(first_name="Анна Петровна", username="")
    nothing = _heard(bot)
    await anna.writes(bot, "это я")

    assert nothing == []
    sender = _message(bot).from_user
    assert (sender.first_name, sender.username) == ("Анна Петровна", None)


async def test_waiting_ends_with_what_was_waited_for_or_in_its_time(
    bot: Bot, anna: Person, ask: Ask
) -> None:
    with pytest.raises(TimeoutError):
        await anna.chat(bot).wait_for_text("привет", seconds=0.05)
    await ask("sendMessage", chat_id=anna.id, text="привет")

    seen = await anna.chat(bot).wait_for_text("привет")
    assert (seen.from_bot, seen.mine) == (True, False)


def _asking(telegram: TelegramEmulator, bot: Bot) -> Any:
    return asking(telegram, bot.token)


async def test_owner_and_bot_of_a_business_account_are_told_apart(
    telegram: TelegramEmulator, bot: Bot, anna: Person
) -> None:
    owner = telegram.person("Владелец")
    connection = await owner.connects(bot)
    await anna.writes(connection, "Есть чайник?")
    await owner.answers(connection, anna, "Есть")
    async with asking(telegram, bot.token) as ask:
        _, sent = await ask(
            "sendMessage", chat_id=anna.id, text="И кофе", business_connection_id=connection.id
        )
        edit = {"message_id": sent["result"]["message_id"], "text": "И чай"}
        await ask("editMessageText", chat_id=anna.id, business_connection_id=connection.id, **edit)
    _, question, answer = _heard(bot)

    assert question.event.from_user.id == anna.id
    assert answer.event.from_user.id == owner.id
    assert answer.event.sender_business_bot is None
    assert sent["result"]["from"]["id"] == owner.id
    assert sent["result"]["sender_business_bot"]["id"] == bot.id
    assert [message.from_bot for message in anna.chat(connection).received] == [False, True]
    assert anna.chat(connection).last.text == "И чай"
