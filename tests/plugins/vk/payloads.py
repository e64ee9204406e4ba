"""New messages as the platform sends them, where each form is described, and what each must become."""

from __future__ import annotations

from .forms import (
    ANNA,
    BORIS,
    CHAT,
    DATE,
    SAID_AT,
    SHOP_CLUB,
    Table,
    foreign,
    owned,
    size,
)

MESSAGES = Table("b1c2d3")
said = MESSAGES.said

# ---- texts ----------------------------------------------------------------------------------------

said(
    "text",
    "sheet, sections 4 and 8; messages_message",
    {"text": "Здравствуйте"},
    {
        "text": "Здравствуйте",
        "conversation": "777",
        "message_id": "777:9",
        "occurred_at": SAID_AT,
        "reply_to": None,
        "button": None,
        "handover": None,
        "context": None,
        "automatic": False,
        "extensions": {},
        "sender": {"address": "vk:777", "locale": "ru", "verified": True},
    },
)
said("nothing at all", "composed: messages_message without content", {}, {"text": None})
said(
    "by a link with a reference",
    "sheet, sections 7 and 8; messages_base_message.ref and ref_source",
    {"text": "Есть чайник?", "ref": "w_4hJq0bR2nVtQ", "ref_source": "site"},
    {
        "handover": "w_4hJq0bR2nVtQ",
        "context": {"custom": {"ref": "w_4hJq0bR2nVtQ", "ref_source": "site"}},
    },
)
said(
    "by a link with a reference of any length",
    "composed: messages_base_message.ref has no longest",
    {"text": "Есть чайник?", "ref": "r" * 1200},
    {"text": "Есть чайник?", "handover": "r" * 1000},
)
said(
    "the button of the beginning",
    "sheet, section 4: payload is a JSON string",
    {"text": "Начать", "payload": '{"command":"start"}'},
    {"button": '{"command":"start"}', "extensions": {"payload": {"command": "start"}}},
)
said(
    "a button of ours",
    "sheet, sections 4 and 5; messages_base_message.payload",
    {"text": "Да", "payload": '{"button":"yes"}'},
    {"text": "Да", "button": "yes", "extensions": {}},
)
said(
    "a payload that is no JSON",
    "composed: messages_base_message.payload is any string",
    {"text": "Да", "payload": "yes, {please"},
    {"button": "yes, {please", "extensions": {"payload": "yes, {please"}},
)
said(
    "a payload that is an object",
    "composed: what other versions than 5.199 might send",
    {"text": "Да", "payload": {"button": "yes"}},
    {"text": "Да", "button": "yes"},
)
said(
    "half of an emoji",
    "composed: a text that was cut by UTF-16 units",
    {"text": "ура \ud83d", "payload": '{"a":"\ud83d"}'},
    {"text": "ура \ufffd"},
)
said(
    "a message that came cut",
    "messages_base_message.is_cropped",
    {"text": "Начало длинного", "is_cropped": True},
    {"text": "Начало длинного", "extensions": {"is_cropped": True}},
)
said(
    "a field of tomorrow",
    "composed: a field that no version has yet",
    {"text": "ура", "mood": {"level": 3}},
    {"text": "ура", "extensions": {"mood": {"level": 3}}},
)

# ---- answers and forwards -------------------------------------------------------------------------

said(
    "an answer",
    "messages_message.reply_message",
    {"text": "Беру", "reply_message": foreign("Сто рублей", from_id=-4242, peer_id=ANNA)},
    {"text": "Беру", "reply_to": "777:8", "forwarded_from": None},
)
said(
    "an answer to a message that is not there any more",
    "messages_foreign_message: the number is required, and yet",
    {"text": "Беру", "reply_message": {"date": DATE, "from_id": ANNA, "text": ""}},
    {"text": "Беру", "reply_to": None},
)
said(
    "forwards in forwards, with files",
    "messages_foreign_message.fwd_messages",
    {
        "text": "Смотри",
        "fwd_messages": [
            foreign(
                "раз",
                fwd_messages=[
                    foreign(
                        "два",
                        from_id=SHOP_CLUB,
                        attachments=[
                            {"type": "photo", "photo": owned(album_id=-3, sizes=[size("z", 2, 1)])}
                        ],
                    )
                ],
            ),
            foreign("три"),
        ],
    },
    {
        "text": "Смотри\n[forwarded] раз\n[forwarded] два\n[forwarded] три",
        "forwarded_from": "vk:888, vk:-31337",
        "attachments": [{"kind": "image"}],
    },
)
said(
    "an answer that forwards too",
    "messages_message: both fields at once",
    {
        "text": "Вот",
        "reply_message": foreign("Где?", from_id=-4242, peer_id=ANNA),
        "fwd_messages": [foreign("тут")],
    },
    {"text": "Вот\n[forwarded] тут", "reply_to": "777:8", "forwarded_from": "vk:888"},
)

# ---- places ---------------------------------------------------------------------------------------

POINT = {"latitude": 55.75, "longitude": 37.61}
OTHER_POINT = {"latitude": 59.93, "longitude": 30.31}

said(
    "a place without a name",
    "base_geo",
    {"geo": {"type": "point", "coordinates": POINT}},
    {"text": None, "location": {**POINT, "title": None, "address": None}},
)
said(
    "a place with a name",
    "base_geo.place; sheet, section 4",
    {
        "geo": {
            "type": "point",
            "coordinates": POINT,
            "place": {"title": "ГУМ", "city": "Москва", "country": "Россия"},
        }
    },
    {"location": {**POINT, "title": "ГУМ", "address": "Москва, Россия"}},
)
said(
    "a place with an address",
    "base_place.address",
    {
        "geo": {
            "coordinates": POINT,
            "place": {"title": "ГУМ", "address": "Красная площадь, 3", "city": "Москва"},
        }
    },
    {"location": {"title": "ГУМ", "address": "Красная площадь, 3, Москва"}},
)
said(
    "a place of which only the point is understood",
    "composed: base_place with a city that is a number, as in old versions",
    {"geo": {"coordinates": POINT, "place": {"title": "ГУМ", "city": 1}}},
    {"location": {**POINT, "title": "ГУМ"}},
)
said(
    "a point that is none",
    "composed: wall_geo writes coordinates as a text",
    {"geo": {"type": "point", "coordinates": "55.75 37.61"}},
    {"text": "[geo]", "location": None, "extensions": {"attachments": [{"type": "geo"}]}},
)
said(
    "one's own place beside a forwarded one",
    "messages_foreign_message.geo",
    {
        "geo": {"coordinates": POINT},
        "fwd_messages": [foreign("я тут", geo={"coordinates": OTHER_POINT})],
    },
    {"location": POINT, "text": "[forwarded] я тут\n[forwarded] [geo] 59.93, 30.31"},
)

# ---- chats of several people ----------------------------------------------------------------------

said(
    "in a chat of several people",
    "sheet, section 4: peers above 2000000000",
    {"peer_id": CHAT, "id": 0, "text": "Всем привет"},
    {
        "conversation": "2000000007",
        "message_id": "2000000007:9",
        "sender": {"address": "vk:777"},
        "automatic": False,
    },
)
said(
    "another community in a chat",
    "sheet, section 4: communities have negative ids",
    {"peer_id": CHAT, "from_id": SHOP_CLUB, "text": "Мы открылись"},
    {"conversation": "2000000007", "sender": {"address": "vk:-31337"}},
)
for action, text in (
    ({"type": "chat_invite_user", "member_id": BORIS}, "[chat invite user: vk:888]"),
    ({"type": "chat_invite_user_by_link"}, "[chat invite user by link]"),
    ({"type": "chat_kick_user", "member_id": ANNA}, "[chat kick user: vk:777]"),
    ({"type": "chat_title_update", "text": "Баня"}, "[chat title update: Баня]"),
    ({"type": "chat_photo_remove"}, "[chat photo remove]"),
    (
        {"type": "chat_pin_message", "member_id": ANNA, "conversation_message_id": 3},
        "[chat pin message: vk:777]",
    ),
):
    said(
        f"it happens: {action['type']}",
        "messages_message_action",
        {"peer_id": CHAT, "action": action},
        {"text": text, "automatic": True, "extensions": {"action": action}},
    )
