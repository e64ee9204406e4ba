"""Calls of the Bot API that are wrong, with the platform's own code and words.

The table is the fact sheet's section 7 and the published server's source; what is marked unverified
in the emulator stands here as well, so that a change of it is seen.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram.errors import STALE_QUERY

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
