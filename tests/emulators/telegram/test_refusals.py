"""Wrong calls are refused with the platform's own code and words.

The table is the fact sheet's section 7 and the published server's source; what is marked unverified
in the emulator stands here as well, so that a change of it is seen.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.emulators.telegram import Bot, Group, Person, TelegramEmulator
from omnigate.emulators.telegram.errors import NOT_MODIFIED, STALE_QUERY
from tests.emulators.telegram.conftest import Ask, Clock, asking

pytestmark = pytest.mark.anyio

LONG = "я" * 4097
BUTTONS = {"inline_keyboard": [[{"text": "Да", "callback_data": "x" * 65}]]}
ROWS = {"inline_keyboard": [[{"text": str(n), "callback_data": "x"}] for n in range(101)]}


def _keyboard(button: object, kind: str = "inline_keyboard") -> dict[str, object]:
    return {"reply_markup": {kind: [[button]]}}


def _entity(**fields: object) -> dict[str, object]:
    return {"text": "👍 привет", "entities": [fields]}


# Method, arguments beside the chat, code, description.
WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("sendMessage", {}, 400, "Bad Request: message text is empty"),
    ("sendMessage", {"text": ""}, 400, "Bad Request: message text is empty"),
    ("sendMessage", {"text": " \n "}, 400, "Bad Request: text must be non-empty"),
    ("sendMessage", {"text": LONG}, 400, "Bad Request: message is too long"),
    ("sendMessage", {"text": "😀" * 2049}, 400, "Bad Request: message is too long"),
    ("sendMessage", {"text": "x" * 32769}, 400, "Bad Request: text is too long"),
    ("sendMessage", {"text": "1", "chat_id": ""}, 400, "Bad Request: chat_id is empty"),
    ("sendMessage", {"text": "1", "chat_id": 42}, 400, "Bad Request: chat not found"),
    ("sendMessage", {"text": "1", "chat_id": -42}, 400, "Bad Request: chat not found"),
    ("sendMessage", {"text": "1", "chat_id": "@nobody"}, 400, "Bad Request: chat not found"),
    ("sendMessage", {"text": "1", "chat_id": "anna"}, 400, "Bad Request: chat not found"),
    (
        "sendMessage",
        {"text": "1", "message_thread_id": 7},
        400,
        "Bad Request: message thread not found",
    ),
    (
        "sendMessage",
        {"text": "1", "reply_parameters": {"message_id": 999_999}},
        400,
        "Bad Request: message to be replied not found",
    ),
    (
        "sendMessage",
        {"text": "1", "reply_parameters": {"chat_id": 5}},
        400,
        'Bad Request: can\'t find field "message_id"',
    ),
    (
        "sendMessage",
        {"text": "1", "reply_parameters": "{"},
        400,
        "Bad Request: can't parse reply parameters JSON object",
    ),
    ("sendMessage", {"text": "1", "parse_mode": "rst"}, 400, "Bad Request: unsupported parse_mode"),
    (
        "sendMessage",
        {"text": "<b>1", "parse_mode": "HTML"},
        400,
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
    ),
    (
        "sendMessage",
        {"text": "яя <script>", "parse_mode": "HTML"},
        400,
        'Bad Request: can\'t parse entities: Unsupported start tag "script" at byte offset 5',
    ),
    (
        "sendMessage",
        {"text": "1 < 2", "parse_mode": "HTML"},
        400,
        'Bad Request: can\'t parse entities: Unsupported start tag "" at byte offset 2',
    ),
    (
        "sendMessage",
        {"text": "Готово.", "parse_mode": "MarkdownV2"},
        400,
        (
            "Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the"
            " preceding '\\'"
        ),
    ),
    (
        "sendMessage",
        {"text": "*жирный", "parse_mode": "MarkdownV2"},
        400,
        "Bad Request: can't parse entities: Can't find end of Bold entity at byte offset 0",
    ),
    (
        "sendMessage",
        {"text": "a_b", "parse_mode": "Markdown"},
        400,
        "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 1",
    ),
    (
        "sendMessage",
        _entity(type="bold", offset=0, length=99),
        400,
        (
            "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16"
            " offset 9"
        ),
    ),
    (
        "sendMessage",
        _entity(type="bold", offset=0, length=1),
        400,
        (
            "Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at"
            " byte offset 2"
        ),
    ),
    (
        "sendMessage",
        _entity(type="shiny", offset=0, length=2),
        400,
        "Bad Request: can't parse MessageEntity: Unsupported type specified",
    ),
    (
        "sendMessage",
        _entity(type="bold", offset=0),
        400,
        "Bad Request: can't parse MessageEntity: Can't find field \"length\"",
    ),
    (
        "sendMessage",
        _entity(type="text_link", offset=0, length=2),
        400,
        "Bad Request: can't parse MessageEntity: Can't find field \"url\"",
    ),
    (
        "sendMessage",
        {"text": "1", "reply_markup": "{"},
        400,
        "Bad Request: can't parse reply keyboard markup JSON object",
    ),
    (
        "sendMessage",
        {"text": "1", "reply_markup": []},
        400,
        "Bad Request: object expected as reply markup",
    ),
    (
        "sendMessage",
        {"text": "1", "reply_markup": {"inline_keyboard": [{"text": "1"}]}},
        400,
        (
            'Bad Request: field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of'
            " Arrays"
        ),
    ),
    (
        "sendMessage",
        {"text": "1", "reply_markup": {"keyboard": ["Да"]}},
        400,
        'Bad Request: field "keyboard" must be an Array of Arrays',
    ),
    (
        "sendMessage",
        {"text": "1"} | _keyboard({"text": "Да"}),
        400,
        (
            "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline"
            " keyboard"
        ),
    ),
    (
        "sendMessage",
        {"text": "1"} | _keyboard({"callback_data": "x"}),
        400,
        "Bad Request: can't parse inline keyboard button: Can't find field \"text\"",
    ),
    (
        "sendMessage",
        {"text": "1"} | _keyboard("Да"),
        400,
        "Bad Request: can't parse inline keyboard button: InlineKeyboardButton must be an Object",
    ),
    (
        "sendMessage",
        {"text": "1"} | _keyboard(5, "keyboard"),
        400,
        "Bad Request: can't parse keyboard button: KeyboardButton must be a String or an Object",
    ),
    (
        "sendMessage",
        {"text": "1", "reply_markup": BUTTONS},
        400,
        "Bad Request: BUTTON_DATA_INVALID",
    ),
    (
        "sendMessage",
        {"text": "1", "reply_markup": ROWS},
        400,
        "Bad Request: reply markup is too long",
    ),
    ("sendPhoto", {}, 400, "Bad Request: there is no photo in the request"),
    ("sendDocument", {}, 400, "Bad Request: there is no document in the request"),
    ("sendVideoNote", {}, 400, "Bad Request: there is no video note in the request"),
    (
        "sendPhoto",
        {"photo": "AgACnonsense"},
        400,
        "Bad Request: wrong file identifier/HTTP URL specified",
    ),
    (
        "sendPhoto",
        {"photo": "https://nowhere.example/a.png"},
        400,
        "Bad Request: wrong HTTP URL specified",
    ),
    ("sendMediaGroup", {}, 400, 'Bad Request: parameter "media" is required'),
    ("sendMediaGroup", {"media": "{"}, 400, "Bad Request: can't parse media JSON object"),
    ("sendMediaGroup", {"media": {}}, 400, "Bad Request: expected an Array of InputMedia"),
    (
        "sendMediaGroup",
        {"media": [{"type": "photo"}]},
        400,
        "Bad Request: can't parse InputMedia: media not found",
    ),
    (
        "sendMediaGroup",
        {"media": [{"type": "animation", "media": "x"}]},
        400,
        "Bad Request: can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup",
    ),
    (
        "sendMediaGroup",
        {"media": [{"type": "poem", "media": "x"}]},
        400,
        'Bad Request: can\'t parse InputMedia: type "poem" is unsupported',
    ),
    ("sendLocation", {"longitude": 1}, 400, "Bad Request: latitude is empty"),
    ("sendLocation", {"latitude": 1}, 400, "Bad Request: longitude is empty"),
    ("sendContact", {"first_name": "A"}, 400, 'Bad Request: parameter "phone_number" is required'),
    (
        "sendVenue",
        {"latitude": 1, "longitude": 1},
        400,
        'Bad Request: parameter "title" is required',
    ),
    (
        "sendPoll",
        {"question": "?", "options": "x"},
        400,
        "Bad Request: can't parse options JSON object",
    ),
    (
        "sendPoll",
        {"question": "?", "options": ["1"]},
        400,
        "Bad Request: poll must have at least 2 option",
    ),
    ("sendChatAction", {}, 400, "Bad Request: wrong parameter action in request"),
    ("sendChatAction", {"action": "dance"}, 400, "Bad Request: wrong parameter action in request"),
    (
        "editMessageText",
        {"text": "1", "message_id": 999_999},
        400,
        "Bad Request: message to edit not found",
    ),
    (
        "editMessageText",
        {"text": "1", "chat_id": ""},
        400,
        "Bad Request: message identifier is not specified",
    ),
    ("deleteMessage", {}, 400, "Bad Request: message identifier is not specified"),
    (
        "deleteMessage",
        {"chat_id": "", "message_id": 1},
        400,
        "Bad Request: chat identifier is not specified",
    ),
    ("deleteMessage", {"message_id": 999_999}, 400, "Bad Request: message to delete not found"),
    ("deleteMessages", {}, 400, "Bad Request: message identifiers are not specified"),
    (
        "deleteMessages",
        {"message_ids": list(range(1, 102))},
        400,
        "Bad Request: too many message identifiers specified",
    ),
    ("setMessageReaction", {"message_id": 999_999}, 400, "Bad Request: message to react not found"),
    ("forwardMessage", {"message_id": 1}, 400, 'Bad Request: parameter "from_chat_id" is required'),
    ("answerCallbackQuery", {"callback_query_id": "1"}, 400, f"Bad Request: {STALE_QUERY}"),
    ("getFile", {}, 400, "Bad Request: file_id not specified"),
    ("getFile", {"file_id": "nonsense"}, 400, "Bad Request: invalid file_id"),
    ("getChatMember", {}, 400, "Bad Request: invalid user_id specified"),
    ("getChatMember", {"user_id": 42}, 400, "Bad Request: user not found"),
    (
        "getChatAdministrators",
        {},
        400,
        "Bad Request: there are no administrators in the private chat",
    ),
    ("createForumTopic", {"name": "x"}, 400, "Bad Request: the chat is not a forum"),
    ("setMyCommands", {"commands": "{"}, 400, "Bad Request: can't parse commands JSON object"),
    (
        "setMyCommands",
        {"commands": [{"command": "a"}]},
        400,
        "Bad Request: can't parse BotCommand: Can't find field \"description\"",
    ),
    (
        "setWebhook",
        {"url": "http://shop.example"},
        400,
        "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
    ),
    (
        "setWebhook",
        {"url": "https://shop.example:9000"},
        400,
        "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
    ),
    (
        "setWebhook",
        {"url": "https://127.0.0.1:8443"},
        400,
        "Bad Request: bad webhook: IP address 127.0.0.1 is reserved",
    ),
    (
        "setWebhook",
        {"url": "ftp://shop.example"},
        400,
        "Bad Request: invalid webhook URL specified",
    ),
    (
        "setWebhook",
        {"url": "https://nowhere.example"},
        400,
        "Bad Request: bad webhook: Failed to resolve host: Name or service not known",
    ),
    (
        "setWebhook",
        {"url": "https://shop.example", "secret_token": "x" * 257},
        400,
        "Bad Request: secret token is too long",
    ),
    (
        "setWebhook",
        {"url": "https://shop.example", "secret_token": "пароль"},
        400,
        "Bad Request: secret token contains unallowed characters",
    ),
    ("sendTelepathy", {}, 404, "Not Found: method not found"),
]


def _name(case: tuple[str, dict[str, Any], int, str]) -> str:
    method, arguments, _, description = case
    return f"{method}-{description.partition(': ')[2][:50]}-{len(json.dumps(arguments))}"


@pytest.mark.parametrize("case", WRONG, ids=map(_name, WRONG))
async def test_wrong_call_is_refused_in_the_platforms_words(case, ask: Ask, anna: Person) -> None:
    method, arguments, code, description = case
    chat = anna.id if method[:3] in ("sen", "edi", "del", "set", "cre") or "Chat" in method else 0
    given = ({"chat_id": chat} if chat else {}) | arguments

    status, body = await ask(method, **given)

    assert (status, body) == (
        code,
        {"ok": False, "error_code": code, "description": description},
    )


async def test_table_is_red_for_an_emulator_that_accepts_everything(
    anna: Person, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def accept(*_: object) -> dict[str, Any]:
        return {}

    monkeypatch.setattr(TelegramEmulator, "_execute", accept)
    for method, arguments, code, _ in WRONG:
        status, body = await ask(method, **({"chat_id": anna.id} | arguments))
        assert (status, body["ok"]) != (code, False)


async def test_same_edit_twice_is_no_edit(ask: Ask, anna: Person) -> None:
    _, sent = await ask("sendMessage", chat_id=anna.id, text="цена 10")
    edit = {"chat_id": anna.id, "message_id": sent["result"]["message_id"], "text": "цена 10"}

    status, body = await ask("editMessageText", **edit)

    assert (status, body["description"]) == (400, f"Bad Request: {NOT_MODIFIED}")


async def test_nobody_edits_what_others_wrote(ask: Ask, bot: Bot, anna: Person) -> None:
    message = await anna.writes(bot, "моё")
    edit = {"chat_id": anna.id, "message_id": message.id}

    status, body = await ask("editMessageText", **edit, text="твоё")

    assert (status, body["description"]) == (400, "Bad Request: message can't be edited")


async def test_text_is_edited_in_texts_and_captions_in_media(
    ask: Ask, bot: Bot, anna: Person
) -> None:
    _, text = await ask("sendMessage", chat_id=anna.id, text="текст")
    _, dice = await ask("sendDice", chat_id=anna.id)

    edited_dice = await ask(
        "editMessageText", chat_id=anna.id, message_id=dice["result"]["message_id"], text="1"
    )
    edited_text = await ask(
        "editMessageCaption", chat_id=anna.id, message_id=text["result"]["message_id"], caption="1"
    )

    assert edited_dice[1]["description"] == "Bad Request: there is no text in the message to edit"
    assert (
        edited_text[1]["description"] == "Bad Request: there is no caption in the message to edit"
    )


async def test_after_48_hours_nothing_is_deleted(
    ask: Ask, bot: Bot, anna: Person, clock: Clock
) -> None:
    _, sent = await ask("sendMessage", chat_id=anna.id, text="тайна")
    message_id = sent["result"]["message_id"]
    clock.now += 48 * 3600 + 1

    status, body = await ask("deleteMessage", chat_id=anna.id, message_id=message_id)

    assert (status, body["description"]) == (400, "Bad Request: message can't be deleted")


async def test_bot_that_is_blocked_or_unknown_is_told_apart(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person
) -> None:
    group = telegram.group()
    met, gone = telegram.person("Борис"), telegram.person("Вера")
    await group.adds(bot)
    await group.adds(met)
    await gone.starts(bot)
    await gone.deactivates()
    await anna.blocks(bot)

    async def said(person: Person) -> tuple[int, str]:
        status, body = await ask("sendMessage", chat_id=person.id, text="1")
        return status, body["description"]

    assert await said(anna) == (403, "Forbidden: bot was blocked by the user")
    assert await said(gone) == (403, "Forbidden: user is deactivated")
    assert await said(met) == (403, "Forbidden: bot can't initiate conversation with a user")
    assert await said(telegram.person("Гость")) == (400, "Bad Request: chat not found")
    await anna.unblocks(bot)
    assert (await ask("sendMessage", chat_id=anna.id, text="1"))[0] == 200


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
async def test_bot_out_of_a_group_is_told_how_it_left(
    kind, telegram: TelegramEmulator, ask: Ask, bot: Bot
) -> None:
    group = telegram.group(kind=kind)
    outside = await ask("sendMessage", chat_id=group.id, text="1")
    await group.adds(bot, "administrator")
    inside = await ask("sendMessage", chat_id=group.id, text="1")
    await group.removes(bot)
    thrown_out = await ask("sendMessage", chat_id=group.id, text="1")

    assert outside[1]["description"] == f"Forbidden: bot is not a member of the {kind} chat"
    assert inside[0] == 200
    assert thrown_out[1]["description"] == f"Forbidden: bot was kicked from the {kind} chat"


async def test_migrated_group_names_its_new_id(
    telegram: TelegramEmulator, ask: Ask, bot: Bot
) -> None:
    group = telegram.group()
    await group.adds(bot)
    moved: Group = await group.migrates()

    status, body = await ask("sendMessage", chat_id=group.id, text="1")

    assert (status, body["description"], body["parameters"]) == (
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        {"migrate_to_chat_id": moved.id},
    )
    assert (await ask("sendMessage", chat_id=moved.id, text="1"))[0] == 200


async def test_number_is_asked_for_in_private_chats_only(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person
) -> None:
    group = telegram.group()
    await group.adds(bot)
    keyboard = {"keyboard": [[{"text": "Мой номер", "request_contact": True}]]}

    private = await ask("sendMessage", chat_id=anna.id, text="1", reply_markup=keyboard)
    public = await ask("sendMessage", chat_id=group.id, text="1", reply_markup=keyboard)

    assert private[0] == 200
    words = "Bad Request: phone number can be requested in private chats only"
    assert public[1]["description"] == words


async def test_tokens_are_told_apart(telegram: TelegramEmulator, bot: Bot) -> None:
    """A bad form leads nowhere; a good form of nobody, or of a revoked bot, is not let in."""
    said = {}
    for name, token in {
        "no form": "nonsense",
        "nobody's": f"{bot.id}:AA{'x' * 33}",
        "good": bot.token,
    }.items():
        async with asking(telegram, token) as ask:
            said[name] = await ask("getMe")
    telegram.revoke(bot)
    async with asking(telegram, bot.token) as ask:
        said["revoked"] = await ask("getMe")

    assert said["no form"] == (404, {"ok": False, "error_code": 404, "description": "Not Found"})
    refused = (401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
    assert said["nobody's"] == said["revoked"] == refused
    assert said["good"][0] == 200


async def test_method_is_called_in_any_case(ask: Ask) -> None:
    assert (await ask("GETME"))[1]["result"] == (await ask("getme"))[1]["result"]
