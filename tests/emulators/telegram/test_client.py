"""A well-kept client library calls every method over the wire and parses every answer."""

from __future__ import annotations

from pathlib import Path

import aiogram
import pytest
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    KeyboardButton,
    LinkPreviewOptions,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
)

from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from omnigate.emulators.telegram.methods import METHODS
from omnigate.emulators.telegram.samples import SAMPLES, png
from omnigate.testing.receiver import LoopbackReceiver
from tests.emulators.telegram.conftest import SHOP

pytestmark = pytest.mark.anyio

MEDIA = ("document", "video", "animation", "audio", "voice", "video_note", "sticker", "photo")


def _upload(kind: str) -> BufferedInputFile:
    return BufferedInputFile(SAMPLES[kind].content, SAMPLES[kind].name or f"{kind}.bin")


async def test_text_with_everything_that_can_go_with_it(
    client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    question = await anna.writes(bot, "Сколько стоит чайник?")
    sent = await client.send_message(
        anna.id,
        "😀 Чайник: 10 ₽, см. https://shop.example",
        entities=[MessageEntity(type="bold", offset=3, length=6)],
        reply_parameters=ReplyParameters(message_id=question.id, quote="чайник"),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        protect_content=True,
        reply_markup=InlineKeyboardMarkup(
            inline_keyboard=[
                [
                    InlineKeyboardButton(text="Купить", callback_data="buy", style="success"),
                    InlineKeyboardButton(text="Сайт", url="https://shop.example"),
                ]
            ]
        ),
    )

    seen = anna.chat(bot).last
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.message_id == question.id
    assert sent.quote is not None
    assert sent.quote.text == "чайник"
    assert [(e.type, e.offset, e.length) for e in sent.entities or []] == [
        ("bold", 3, 6),
        ("url", 21, 20),
    ]
    assert sent.has_protected_content
    assert (seen.labels, seen.reply_to, seen.quote) == (["Купить", "Сайт"], question.id, "чайник")


async def test_reply_keyboards_come_and_go(client: aiogram.Bot, bot: Bot, anna: Person) -> None:
    rows = [[KeyboardButton(text="Мой номер", request_contact=True), KeyboardButton(text="Нет")]]
    markup = ReplyKeyboardMarkup(keyboard=rows, one_time_keyboard=True, resize_keyboard=True)
    sent = await client.send_message(anna.id, "Ваш номер?", reply_markup=markup)
    shown = [button["text"] for button in anna.chat(bot).keyboard[0]]
    await client.send_message(anna.id, "Спасибо", reply_markup=ReplyKeyboardRemove())
    removed = anna.chat(bot).keyboard
    await client.send_message(anna.id, "Ответьте", reply_markup=ForceReply())

    assert sent.reply_markup is None, "a reply keyboard is no part of the message"
    assert (shown, removed) == (["Мой номер", "Нет"], [])


@pytest.mark.parametrize("kind", MEDIA)
async def test_media_are_uploaded_sent_again_by_id_and_fetched(
    kind, client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    send = getattr(client, f"send_{kind}")
    more = {} if kind in ("video_note", "sticker") else {"caption": "Вот *он*"}

    sent = await send(anna.id, _upload(kind), **more)
    medium = getattr(sent, kind)
    medium = medium[-1] if kind == "photo" else medium
    again = await send(anna.id, medium.file_id)
    fetched = await client.download(medium.file_id)

    seen = anna.chat(bot).received
    assert fetched is not None
    assert fetched.read() == SAMPLES[kind].content
    assert [message.media for message in seen] == [SAMPLES[kind].content] * 2
    assert [message.kind for message in seen] == [kind] * 2
    assert seen[0].text == more.get("caption", "")
    same = getattr(again, kind)
    same = same[-1] if kind == "photo" else same
    assert same.file_unique_id == medium.file_unique_id


async def test_photo_and_file_by_address(
    client: aiogram.Bot, bot: Bot, anna: Person, hook: LoopbackReceiver
) -> None:
    hook.answer(200, png(40, 30), {"content-type": "image/png"})

    photo = await client.send_photo(anna.id, f"{SHOP}/kettle.png")
    document = await client.send_document(anna.id, f"{SHOP}/kettle.png")

    assert photo.photo is not None
    assert (photo.photo[-1].width, photo.photo[-1].height) == (40, 30)
    assert document.document is not None
    assert document.document.file_name == "kettle.png"


async def test_albums(client: aiogram.Bot, bot: Bot, anna: Person) -> None:
    mixed = await client.send_media_group(
        anna.id,
        [
            InputMediaPhoto(media=BufferedInputFile(png(20, 20), "a.png"), caption="Альбом"),
            InputMediaVideo(media=_upload("video")),
        ],
    )
    files = await client.send_media_group(
        anna.id, [InputMediaDocument(media=_upload("document")) for _ in range(10)]
    )

    groups = [message.media_group_id for message in mixed + files]
    assert groups == [groups[0]] * 2 + [groups[2]] * 10
    assert groups[0] != groups[2]
    assert anna.chat(bot).received[0].text == "Альбом"


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([InputMediaPhoto(media=_upload("photo"))], "too few messages to send as an album"),
        (
            [InputMediaPhoto(media=_upload("photo"))] * 11,
            "too many messages to send as an album",
        ),
        (
            [
                InputMediaDocument(media=_upload("document")),
                InputMediaPhoto(media=_upload("photo")),
            ],
            "document can't be mixed with other media types",
        ),
        (
            [InputMediaAudio(media=_upload("audio")), InputMediaVideo(media=_upload("video"))],
            "audio can't be mixed with other media types",
        ),
    ],
    ids=["one", "eleven", "document", "audio"],
)
async def test_albums_that_cannot_be(items, words, client: aiogram.Bot, anna: Person) -> None:
    with pytest.raises(TelegramBadRequest, match=words):
        await client.send_media_group(anna.id, items)


async def test_places_contacts_polls_and_dice(client: aiogram.Bot, bot: Bot, anna: Person) -> None:
    await client.send_location(anna.id, 55.75, 37.61)
    await client.send_venue(anna.id, 55.75, 37.61, "ГУМ", "Красная площадь, 3")
    await client.send_contact(anna.id, "+79001234567", "Борис")
    poll = await client.send_poll(anna.id, "Когда?", ["утром", "вечером"])
    dice = await client.send_dice(anna.id)
    stopped = await client.stop_poll(anna.id, poll.message_id)
    await client.send_message_draft(anna.id, 1, text="Пишу…")

    assert stopped.is_closed
    assert dice.dice is not None
    assert 1 <= dice.dice.value <= 6
    kinds = [message.kind for message in anna.chat(bot).received]
    assert kinds == ["location", "venue", "contact", "poll", "dice"]


async def test_changing_what_was_sent(client: aiogram.Bot, bot: Bot, anna: Person) -> None:
    text = await client.send_message(anna.id, "цена 10")
    photo = await client.send_photo(anna.id, _upload("photo"), caption="старое")
    buttons = InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text="Да", callback_data="yes")]]
    )
    await client.edit_message_text("цена 12", chat_id=anna.id, message_id=text.message_id)
    await client.edit_message_reply_markup(
        chat_id=anna.id, message_id=text.message_id, reply_markup=buttons
    )
    await client.edit_message_caption(chat_id=anna.id, message_id=photo.message_id, caption="новое")
    await client.edit_message_media(
        InputMediaDocument(media=_upload("document")),
        chat_id=anna.id,
        message_id=photo.message_id,
    )
    await client.set_message_reaction(
        anna.id, text.message_id, reaction=[ReactionTypeEmoji(emoji="👍")]
    )
    await client.pin_chat_message(anna.id, text.message_id)
    full = await client.get_chat(anna.id)
    await client.unpin_chat_message(anna.id)
    first, second = anna.chat(bot).received
    await client.delete_message(anna.id, text.message_id)
    await client.delete_messages(anna.id, [photo.message_id, 999_999])

    assert (first.text, first.labels, first.edited) == ("цена 12", ["Да"], True)
    assert first.reactions == ["👍"]
    assert second.kind == "document"
    assert full.pinned_message is not None
    assert anna.chat(bot).received == []
    assert anna.chat(bot).deleted == [text.message_id, photo.message_id]


async def test_sending_on(client: aiogram.Bot, bot: Bot, anna: Person) -> None:
    source = await anna.writes(bot, "перешлите")

    forwarded = await client.forward_message(anna.id, anna.id, source.id)
    copied = await client.copy_message(anna.id, anna.id, source.id)

    assert forwarded.forward_origin is not None
    assert copied.message_id == anna.chat(bot).last.id
    assert [message.forwarded for message in anna.chat(bot).received] == [True, False]


async def test_typing_fades(client: aiogram.Bot, bot: Bot, anna: Person, clock) -> None:
    await client.send_chat_action(anna.id, "typing")
    typing = anna.chat(bot).actions
    clock.now += 6
    faded = anna.chat(bot).actions
    await client.send_chat_action(anna.id, "upload_photo")
    await client.send_message(anna.id, "готово")

    assert (typing, faded, anna.chat(bot).actions) == (["typing"], [], [])


async def test_presses_are_answered_once(client: aiogram.Bot, bot: Bot, anna: Person) -> None:
    buttons = InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text="Да", callback_data="q1:yes")]]
    )
    await client.send_message(anna.id, "Согласны?", reply_markup=buttons)
    press = await anna.presses(anna.chat(bot).last, "Да")
    (update,) = await client.get_updates()
    assert update.callback_query is not None

    await update.callback_query.answer("Принято", show_alert=True).as_(client)

    assert update.callback_query.data == "q1:yes"
    assert await anna.sees_answer(press) == {"text": "Принято", "show_alert": "true"}
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await client.answer_callback_query(press.id)


async def test_asking_about_chats(
    telegram: TelegramEmulator, client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    group = telegram.group("Клуб", kind="supergroup", username="club", is_forum=True)
    await group.adds(bot, "administrator")
    await anna.joins(group)
    me = await client.get_me()
    by_name = await client.get_chat("@club")
    people = await client.get_chat_member_count(group.id)
    administrators = await client.get_chat_administrators(group.id)
    member = await client.get_chat_member(group.id, anna.id)
    photos = await client.get_user_profile_photos(anna.id)
    topic = await client.create_forum_topic(group.id, "Возвраты")
    sent = await client.send_message(group.id, "тут", message_thread_id=topic.message_thread_id)
    left = await client.leave_chat(group.id)

    assert (me.id, me.is_bot, me.username) == (bot.id, True, "shop_bot")
    assert (by_name.id, by_name.is_forum, people) == (group.id, True, 3)
    assert {entry.status for entry in administrators} == {"creator", "administrator"}
    assert member.status == "member"
    assert photos.total_count == 0
    assert sent.is_topic_message
    assert left
    with pytest.raises(TelegramForbiddenError, match="bot is not a member of the supergroup"):
        await client.send_message(group.id, "ещё")


async def test_commands(client: aiogram.Bot) -> None:
    await client.set_my_commands([BotCommand(command="start", description="Начать")])
    assert [command.command for command in await client.get_my_commands()] == ["start"]
    await client.delete_my_commands()
    assert await client.get_my_commands() == []


async def test_business_account(client: aiogram.Bot, bot: Bot, telegram: TelegramEmulator) -> None:
    owner, customer = telegram.person("Владелец"), telegram.person("Покупатель")
    connection = await owner.connects(bot)
    message = await customer.writes(connection, "Есть чайник?")
    await customer.edits(message, "Есть два чайника?")
    told = await client.get_business_connection(connection.id)
    sent = await client.send_message(customer.id, "Есть", business_connection_id=connection.id)
    await client.read_business_message(connection.id, customer.id, message.id)
    await customer.deletes(message)
    updates = await client.get_updates(timeout=0)

    assert told.is_enabled
    assert sent.business_connection_id == connection.id
    assert customer.chat(connection).texts == ["Есть"]
    with pytest.raises(TelegramBadRequest, match="chat not found"):  # no way for these chats
        await client.delete_message(customer.id, sent.message_id)
    assert await client.delete_business_messages(connection.id, [sent.message_id])
    assert customer.chat(connection).texts == []
    assert [update.event_type for update in updates] == [
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
    ]


async def test_webhook_is_set_looked_at_and_deleted(
    client: aiogram.Bot, hook: LoopbackReceiver
) -> None:
    await client.set_webhook(
        f"{SHOP}/hook",
        certificate=BufferedInputFile(b"-----BEGIN", "cert.pem"),
        secret_token="s3cret",
        max_connections=7,
        allowed_updates=["message", "callback_query"],
    )
    info = await client.get_webhook_info()
    with pytest.raises(TelegramConflictError, match="can't use getUpdates method"):
        await client.get_updates()
    await client.delete_webhook()

    assert (info.url, info.max_connections) == (f"{SHOP}/hook", 7)
    assert info.has_custom_certificate
    assert info.allowed_updates == ["callback_query", "message"]
    assert (await client.get_webhook_info()).url == ""


async def test_logging_out_closes_the_door_for_ten_minutes(client: aiogram.Bot, clock) -> None:
    with pytest.raises(TelegramRetryAfter):
        await client.close()
    await client.log_out()
    with pytest.raises(TelegramBadRequest, match="Logged out"):
        await client.get_me()
    clock.now += 601
    assert (await client.get_me()).is_bot


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"error": 429, "retry_after": 3}, TelegramRetryAfter),
        ({"error": 400, "migrate_to": -1_000_000_000_077}, TelegramMigrateToChat),
        ({"error": 400, "description": "chat not found"}, TelegramBadRequest),
        ({"error": 401}, TelegramUnauthorizedError),
        ({"error": 403}, TelegramForbiddenError),
        ({"error": 404}, TelegramNotFound),
        ({"error": 409}, TelegramConflictError),
        ({"error": 500}, TelegramServerError),
    ],
    ids=lambda value: str(value.get("error")) if isinstance(value, dict) else value.__name__,
)
async def test_refusals_are_what_the_client_takes_them_for(
    fault, error, telegram: TelegramEmulator, client: aiogram.Bot, bot: Bot, anna: Person
) -> None:
    telegram.faults.add(method="sendMessage", **fault)

    with pytest.raises(error) as caught:
        await client.send_message(anna.id, "привет")

    assert anna.chat(bot).received == []
    if error is TelegramRetryAfter:
        assert caught.value.retry_after == 3
    if error is TelegramMigrateToChat:
        assert caught.value.migrate_to_chat_id == -1_000_000_000_077
    await client.send_message(anna.id, "привет")  # the fault is spent


def test_every_method_is_one_that_the_client_knows() -> None:
    known = {
        method.__api_method__
        for name in dir(aiogram.methods)
        if hasattr(method := getattr(aiogram.methods, name), "__api_method__")
        and isinstance(method.__api_method__, str)
    }
    assert set(METHODS) <= known


def test_every_method_is_called_in_this_module() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    words = {name.lower(): name for name in METHODS}
    called = source.replace("_", "").lower()
    indirectly = {f"send{kind.replace('_', '')}" for kind in MEDIA}
    missing = [
        name
        for lower, name in words.items()
        if f".{lower}(" not in called
        and lower not in indirectly
        and lower not in ("answercallbackquery", "getfile")
    ]
    assert missing == []
