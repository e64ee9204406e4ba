"""Updates that no person of the emulator causes: rare kinds, kinds of tomorrow, and wrong ones.

Source: fact sheet, section 2, for the kinds; their fields are those that the types of the Bot API
require. What is wrong is made up: a receiver has to survive all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

Json = dict[str, Any]


def _inline_query(random: Random, user: Json, chat: Json, now: int) -> Json:
    return {"id": _number(random), "from": user, "query": "ищу чайник", "offset": ""}


def _chosen_inline_result(random: Random, user: Json, chat: Json, now: int) -> Json:
    return {"result_id": _number(random), "from": user, "query": "чайник"}


def _shipping_query(random: Random, user: Json, chat: Json, now: int) -> Json:
    address = ("country_code", "state", "city", "street_line1", "street_line2", "post_code")
    return {
        "id": _number(random),
        "from": user,
        "invoice_payload": "order-1",
        "shipping_address": dict.fromkeys(address, "RU"),
    }


def _pre_checkout_query(random: Random, user: Json, chat: Json, now: int) -> Json:
    order = {"currency": "RUB", "total_amount": random.randint(1, 10**6), "invoice_payload": "1"}
    return {"id": _number(random), "from": user, **order}


def _purchased_paid_media(random: Random, user: Json, chat: Json, now: int) -> Json:
    return {"from": user, "paid_media_payload": "album-7"}


def _poll(random: Random, user: Json, chat: Json, now: int) -> Json:
    votes = random.randint(0, 50)
    flags = ("is_closed", "allows_multiple_answers", "allows_revoting", "members_only")
    return {
        "id": _number(random),
        "question": "Вам удобно?",
        "options": [{"persistent_id": "0", "text": "Да", "voter_count": votes}],
        "total_voter_count": votes,
        "is_anonymous": True,
        "type": "regular",
        **dict.fromkeys(flags, False),
    }


def _poll_answer(random: Random, user: Json, chat: Json, now: int) -> Json:
    chosen = random.randint(0, 9)
    return {
        "poll_id": _number(random),
        "user": user,
        "option_ids": [chosen],
        "option_persistent_ids": [str(chosen)],
    }


def _message_reaction_count(random: Random, user: Json, chat: Json, now: int) -> Json:
    reaction = {"type": {"type": "emoji", "emoji": "👍"}, "total_count": random.randint(1, 9)}
    return {"chat": chat, "message_id": 7, "date": now, "reactions": [reaction]}


def _chat_join_request(random: Random, user: Json, chat: Json, now: int) -> Json:
    return {"chat": chat, "from": user, "user_chat_id": user["id"], "date": now}


def _chat_boost(random: Random, user: Json, chat: Json, now: int) -> Json:
    source = {"source": "premium", "user": user}
    dates = {"add_date": now, "expiration_date": now + 86_400}
    return {"chat": chat, "boost": {"boost_id": _number(random), "source": source, **dates}}


def _removed_chat_boost(random: Random, user: Json, chat: Json, now: int) -> Json:
    source = {"source": "premium", "user": user}
    return {"chat": chat, "boost_id": _number(random), "remove_date": now, "source": source}


def _managed_bot(random: Random, user: Json, chat: Json, now: int) -> Json:
    bot = {"id": random.randint(10**9, 10**10), "is_bot": True, "first_name": "Child"}
    return {"user": user, "bot": bot}


def _guest_message(random: Random, user: Json, chat: Json, now: int) -> Json:
    return {"message_id": 11, "from": user, "chat": chat, "date": now, "text": "@shop_bot ау"}


RARE: Final[dict[str, Callable[[Random, Json, Json, int], Json]]] = {
    "inline_query": _inline_query,
    "chosen_inline_result": _chosen_inline_result,
    "shipping_query": _shipping_query,
    "pre_checkout_query": _pre_checkout_query,
    "purchased_paid_media": _purchased_paid_media,
    "poll": _poll,
    "poll_answer": _poll_answer,
    "message_reaction_count": _message_reaction_count,
    "chat_join_request": _chat_join_request,
    "chat_boost": _chat_boost,
    "removed_chat_boost": _removed_chat_boost,
    "managed_bot": _managed_bot,
    "guest_message": _guest_message,
}
"""Makers of one kind's payload, from dice, a user, a chat and the time."""


_SIZE = {"file_id": "AgACgame", "file_unique_id": "game", "width": 90, "height": 90}
_CHANNEL = {"id": -1_000_000_000_099, "type": "channel", "title": "Новости"}

OTHER_CONTENTS: Final[dict[str, Json]] = {
    "game": {"game": {"title": "Змейка", "description": "Ешь яблоки", "photo": [_SIZE]}},
    "story": {"story": {"chat": _CHANNEL, "id": 5}},
    "checklist": {"checklist": {"title": "Купить", "tasks": [{"id": 1, "text": "чайник"}]}},
    "paid_media": {
        "paid_media": {"star_count": 5, "paid_media": [{"type": "preview", "width": 90}]}
    },
    "invoice": {
        "invoice": {
            "title": "Чайник",
            "description": "Медный",
            "start_parameter": "kettle",
            "currency": "RUB",
            "total_amount": 100_000,
        }
    },
    "rich_message": {"rich_message": {"blocks": []}},
    "external reply": {
        "text": "об этом",
        "external_reply": {
            "origin": {"type": "channel", "date": 1_760_000_000, "chat": _CHANNEL, "message_id": 4},
            "chat": _CHANNEL,
            "message_id": 4,
        },
    },
    "new_chat_title": {"new_chat_title": "Покупатели 2"},
    "web_app_data": {"web_app_data": {"data": "{}", "button_text": "Открыть"}},
    "users_shared": {"users_shared": {"request_id": 1, "users": [{"user_id": 777}]}},
    "chat_shared": {"chat_shared": {"request_id": 1, "chat_id": -77}},
    "write_access_allowed": {"write_access_allowed": {}},
    "connected_website": {"connected_website": "shop.example"},
    "forum_topic_closed": {"forum_topic_closed": {}},
}
"""What a message can hold beside what people of the emulator send, with constant fields."""


def unknown_updates(user: Json, chat: Json, now: int) -> dict[str, Json]:
    """Return updates of a platform newer than the sheet, by what is new in them."""
    message = {"message_id": 1, "from": user, "chat": chat, "date": now}
    return {
        "kind": {"telepathic_message": message | {"text": "привет"}},
        "content": {"message": message | {"hologram": {"file_id": "x", "depth": 3}}},
        "field": {"message": message | {"text": "привет", "mood": {"score": 0.9}}},
        "entity": {
            "message": message
            | {"text": "привет", "entities": [{"type": "wobble", "offset": 0, "length": 6}]}
        },
        "chat type": {"message": message | {"text": "1", "chat": {"id": -5, "type": "hive"}}},
        "member status": {
            "my_chat_member": {
                "chat": chat,
                "from": user,
                "date": now,
                "old_chat_member": {"user": user, "status": "member"},
                "new_chat_member": {"user": user, "status": "ghost"},
            }
        },
        "nothing else": {},
    }


def poison_updates(user: Json, chat: Json, now: int) -> dict[str, Json]:
    """Return updates that are wrong, by what is wrong with them."""
    message = {"message_id": 1, "from": user, "chat": chat, "date": now, "text": "привет"}

    def without(name: str) -> Json:
        return {"message": {key: value for key, value in message.items() if key != name}}

    return {
        "no chat": without("chat"),
        "no id": without("message_id"),
        "no date": without("date"),
        "a message that is a text": {"message": "привет"},
        "a message that is a list": {"message": [message]},
        "no message at all": {"message": None},
        "an id that is a text": {"message": message | {"message_id": "seventeen"}},
        "a chat that is a number": {"message": message | {"chat": 5}},
        "a date far away": {"message": message | {"date": 10**18}},
        "a date before time": {"message": message | {"date": -(10**12)}},
        "an id beyond 64 bits": {"message": message | {"chat": {"id": 2**80, "type": "private"}}},
        "a text that is an object": {"message": message | {"text": {"a": 1}}},
        "entities outside the text": {
            "message": message | {"entities": [{"type": "bold", "offset": 900, "length": 9}]}
        },
        "entities that cut a pair": {
            "message": message
            | {"text": "👍", "entities": [{"type": "bold", "offset": 1, "length": 1}]}
        },
        "negative entities": {
            "message": message | {"entities": [{"type": "bold", "offset": -1, "length": -5}]}
        },
        "a lone surrogate": {"message": message | {"text": "\ud83d"}},
        "a zero character": {"message": message | {"text": "a\0b"}},
        "an empty photo": {"message": message | {"photo": []}},
        "a press of nothing": {"callback_query": {"id": "1"}},
        "deep nesting": {"message": message | {"reply_to_message": _nested(200)}},
        "two kinds at once": {"message": message, "edited_message": message},
        "an update id that is a text": {"update_id": "x", "message": message},
    }


def _nested(depth: int) -> Json:
    inner: Json = {"text": "дно"}
    for _ in range(depth):
        inner = {"reply_to_message": inner}
    return inner


def _number(random: Random) -> str:
    return str(random.randrange(10**17, 10**18))
