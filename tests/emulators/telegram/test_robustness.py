"""Whatever a bot calls with whatever arguments, the answer is the platform's envelope, never a crash."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from omnigate.emulators.telegram import Bot, Person, TelegramEmulator
from omnigate.emulators.telegram.methods import METHODS
from tests.emulators.telegram.conftest import SHOP, Ask
from tests.seeds import draw_seed

pytestmark = pytest.mark.anyio

CALLS = 3000
BUTTONS = {"inline_keyboard": [[{"text": "Да", "callback_data": "x"}]]}
REPLY = {"message_id": 1, "quote": "x", "allow_sending_without_reply": True}
BOLD = [{"type": "bold", "offset": 0, "length": 1}]
TEXT: dict[str, Any] = {
    "text": "привет",
    "entities": BOLD,
    "reply_markup": BUTTONS,
    "reply_parameters": REPLY,
    "link_preview_options": {"is_disabled": True},
}
MEDIUM = {"caption": "привет", "caption_entities": BOLD, "reply_markup": BUTTONS}
ITEM = {"type": "photo", "media": "x", "caption": "привет"}

# Calls that are right or nearly so; then a part of each is spoilt.
CALLED: dict[str, dict[str, Any]] = {
    "sendMessage": TEXT,
    "sendMessageDraft": TEXT | {"draft_id": 1},
    "editMessageText": TEXT,
    "editMessageCaption": MEDIUM,
    "editMessageMedia": {"media": ITEM, "reply_markup": BUTTONS},
    "editMessageReplyMarkup": {"reply_markup": BUTTONS},
    "sendPhoto": MEDIUM | {"photo": "x"},
    "sendDocument": MEDIUM | {"document": "x"},
    "sendMediaGroup": {"media": [ITEM, ITEM], "reply_parameters": REPLY},
    "sendPoll": {"question": "?", "options": ["а", {"text": "б"}], "reply_markup": BUTTONS},
    "sendLocation": {"latitude": 1, "longitude": 1},
    "sendVenue": {"latitude": 1, "longitude": 1, "title": "x", "address": "x"},
    "sendContact": {"phone_number": "+7", "first_name": "x"},
    "sendDice": {"emoji": "🎲"},
    "sendChatAction": {"action": "typing"},
    "setMessageReaction": {"reaction": [{"type": "emoji", "emoji": "👍"}]},
    "deleteMessages": {"message_ids": [1, 2]},
    "setMyCommands": {"commands": [{"command": "a", "description": "b"}], "scope": {"type": "x"}},
    "forwardMessage": {"from_chat_id": 1},
    "copyMessage": {"from_chat_id": 1, "caption": "x"},
    "getChatMember": {"user_id": 1},
    "getUserProfilePhotos": {"user_id": 1},
    "setWebhook": {"url": SHOP, "secret_token": "x", "allowed_updates": ["message"]},
    "getUpdates": {"offset": 1, "limit": 5, "allowed_updates": ["message"]},
    "answerCallbackQuery": {"callback_query_id": "1"},
    "getFile": {"file_id": "x"},
    "createForumTopic": {"name": "x"},
}


def _value(random: Random, depth: int = 0) -> Any:
    """Draw what may be an argument, or a part of one."""
    plain: list[Any] = [
        "",
        "привет",
        "<b>x</b>",
        "*x*",
        "HTML",
        "{",
        "[]",
        "typing",
        "a\ud83d".encode("utf-8", "replace").decode(),
        0,
        1,
        -1,
        2**70,
        1.5,
        True,
        None,
    ]
    if depth > 2 or random.random() < 0.5:
        return random.choice(plain)
    if random.random() < 0.5:
        return [_value(random, depth + 1) for _ in range(random.randint(0, 3))]
    names = ("type", "text", "offset", "length", "url", "media", "message_id", "emoji", "quote")
    more = ("callback_data", "keyboard", "inline_keyboard", "user", "custom_emoji_id", "caption")
    keys = random.sample(names + more, random.randint(0, 5))
    return {key: _value(random, depth + 1) for key in keys}


def _spoil(random: Random, value: Any, depth: int = 0) -> Any:
    """Replace a part of a value by anything."""
    if depth > 3 or not isinstance(value, dict | list) or not value or random.random() < 0.2:
        return _value(random)
    if isinstance(value, list):
        at = random.randrange(len(value))
        return [*value[:at], _spoil(random, value[at], depth + 1), *value[at + 1 :]]
    name = random.choice(list(value))
    if random.random() < 0.2:
        return {key: inner for key, inner in value.items() if key != name}
    return value | {name: _spoil(random, value[name], depth + 1)}


async def test_no_call_crashes_the_emulator(
    telegram: TelegramEmulator, ask: Ask, bot: Bot, anna: Person
) -> None:
    seed = draw_seed()
    random = Random(seed)
    group = telegram.group(kind="supergroup", is_forum=True)
    await group.adds(bot, "administrator")
    telegram.internet.route(SHOP, "http://127.0.0.1:9")
    message = await anna.sends(bot, "photo")
    _, sent = await ask("sendMessage", chat_id=anna.id, text="текст")
    answered = {200: 0, 400: 0}
    for _ in range(CALLS):
        method = random.choice(list(METHODS))
        if method in ("logOut", "leaveChat"):
            continue
        known = {"chat_id": random.choice([anna.id, group.id]), "timeout": 0}
        known["message_id"] = random.choice([message.id, sent["result"]["message_id"]])
        arguments = known | CALLED.get(method, {})
        for _ in range(random.randint(0, 2)):
            arguments = _spoil(random, arguments) if arguments else {}
            arguments = arguments if isinstance(arguments, dict) else {}
        if method == "getUpdates":
            arguments["timeout"] = 0
        status, body = await ask(method, **arguments)
        shown = f"seed {seed}: {method} {json.dumps(arguments)} {body}"
        assert status < 500, shown
        assert body["ok"] is (status == 200), shown
        assert status == 200 or body["error_code"] == status, shown
        answered[status] = answered.get(status, 0) + 1

    assert answered[200] > CALLS // 20, answered
    assert answered[400] > CALLS // 20, answered
