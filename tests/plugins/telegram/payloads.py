"""Messages as the platform sends them, where each form is described, and what each must become."""

from __future__ import annotations

from .forms import BOT, DATE, GROUP, NEWS, PRIVATE, Table, file, size

MESSAGES = Table(900100)
said = MESSAGES.said

# ---- texts ----------------------------------------------------------------------------------------

said(
    "text",
    "Bot API, Message.text; sheet, section 3",
    {"text": "Есть велосипед?"},
    {
        "text": "Есть велосипед?",
        "conversation": "5550001",
        "message_id": "5550001:17",
        "external_id": "900100",
        "subject": None,
        "automatic": False,
        "occurred_at": "2025-10-09T08:53:20.000Z",
        "sender": {
            "address": "telegram:5550001",
            "display_name": "Анна Петрова",
            "username": "anna",
            "locale": "ru",
            "verified": True,
        },
    },
)
said(
    "start with a token",
    "sheet, sections 4 and 8",
    {
        "text": "/start w_4hJq0bR2nVtQ",
        "entities": [{"offset": 0, "length": 6, "type": "bot_command"}],
    },
    {"handover": "w_4hJq0bR2nVtQ", "context": {"custom": {"start": "w_4hJq0bR2nVtQ"}}},
)
said("start without a token", "sheet, section 4", {"text": "/start"}, {"handover": None})
said(
    "entities after an emoji of many units",
    "Bot API, MessageEntity; offsets in UTF-16 code units",
    {
        "text": "👩‍👩‍👧 тут https://shop.example",
        "entities": [{"offset": 13, "length": 20, "type": "url"}],
    },
    {"extensions": {"entities": [{"type": "url", "text": "https://shop.example"}]}},
)
said(
    "a link behind words and a mention of somebody without a username",
    "Bot API, MessageEntity.url and MessageEntity.user",
    {
        "text": "тут и Борис",
        "entities": [
            {"offset": 0, "length": 3, "type": "text_link", "url": "https://shop.example/x"},
            {
                "offset": 6,
                "length": 5,
                "type": "text_mention",
                "user": {"id": 7, "is_bot": False, "first_name": "Борис"},
            },
        ],
    },
    {
        "extensions": {
            "entities": [
                {"type": "text_link", "text": "тут", "url": "https://shop.example/x"},
                {"type": "text_mention", "text": "Борис", "user": {"id": 7}},
            ]
        }
    },
)
said(
    "an answer",
    "Bot API, Message.reply_to_message",
    {
        "text": "Беру",
        "reply_to_message": {
            "message_id": 16,
            "from": BOT,
            "chat": PRIVATE,
            "date": DATE - 60,
            "text": "Сто рублей",
        },
    },
    {"text": "Беру", "reply_to": "5550001:16"},
)
said(
    "an answer with a quote",
    "Bot API, TextQuote",
    {
        "text": "Почему?",
        "reply_to_message": {"message_id": 16, "chat": PRIVATE, "date": DATE, "text": "Сто рублей"},
        "quote": {"text": "Сто", "position": 0, "is_manual": True},
    },
    {"reply_to": "5550001:16", "extensions": {"quote": {"text": "Сто"}}},
)
said(
    "an answer to a message of another chat",
    "Bot API, ExternalReplyInfo",
    {
        "text": "Об этом",
        "external_reply": {
            "origin": {"type": "channel", "chat": NEWS, "message_id": 4, "date": DATE},
            "chat": NEWS,
            "message_id": 4,
        },
    },
    {"reply_to": None, "extensions": {"external_reply": {"message_id": 4}}},
)
for origin, shown in (
    (
        {"type": "user", "sender_user": {"id": 7, "is_bot": False, "first_name": "Борис"}},
        "Борис",
    ),
    ({"type": "hidden_user", "sender_user_name": "Кто-то"}, "Кто-то"),
    ({"type": "chat", "sender_chat": GROUP, "author_signature": "Хозяин"}, "Дачники"),
    ({"type": "channel", "chat": NEWS, "message_id": 4}, "Новости"),
):
    said(
        f"forwarded from a {origin['type']}",
        "Bot API, MessageOrigin",
        {"text": "Смотри", "forward_origin": {**origin, "date": DATE - 99}},
        {"forwarded_from": shown},
    )
said(
    "by way of another bot",
    "Bot API, Message.via_bot",
    {"text": "картинка", "via_bot": {"id": 8, "is_bot": True, "first_name": "pic"}},
    {"text": "картинка", "extensions": {"via_bot": {"id": 8}}},
)

# ---- files ----------------------------------------------------------------------------------------

said(
    "photo with a caption",
    "Bot API, PhotoSize: several sizes of one picture",
    {
        "photo": [size("s", 90, 67, 1200), size("x", 1280, 960, 98000), size("m", 320, 240, 9800)],
        "caption": "Вот такой",
        "caption_entities": [{"offset": 0, "length": 3, "type": "bold"}],
    },
    {
        "text": "Вот такой",
        "attachments": [
            {
                "kind": "image",
                "mime": "image/jpeg",
                "width": 1280,
                "height": 960,
                "size_bytes": 98000,
                "ref": {"file_id": "AgACAgIAAxkBAAIx"},
            }
        ],
        "extensions": {"entities": [{"type": "bold", "text": "Вот"}]},
    },
)
said(
    "picture of an album",
    "Bot API, Message.media_group_id",
    {"photo": [size("x", 1280, 960, 98000)], "media_group_id": "13987654321098765"},
    {"album": "13987654321098765", "text": None},
)
said(
    "document",
    "Bot API, Document",
    {"document": file("d", file_name="счёт.pdf", mime_type="application/pdf")},
    {"attachments": [{"kind": "file", "mime": "application/pdf", "name": "счёт.pdf"}]},
)
said(
    "video",
    "Bot API, Video",
    {"video": file("v", duration=12, width=1920, height=1080, mime_type="video/mp4")},
    {"attachments": [{"kind": "video", "width": 1920, "duration_seconds": 12.0}]},
)
said(
    "animation, which fills document too",
    "Bot API, Message.animation",
    {
        "animation": file("a", duration=3, width=320, height=240, mime_type="video/mp4"),
        "document": file("a", mime_type="video/mp4", file_name="cat.mp4"),
    },
    {"attachments": [{"kind": "video", "duration_seconds": 3.0}]},
)
said(
    "live photo, which fills photo too",
    "Bot API, Message.live_photo",
    {"live_photo": file("l", duration=2, width=720, height=1280), "photo": [size("x", 1, 1, 1)]},
    {"attachments": [{"kind": "video", "width": 720}]},
)
said(
    "audio",
    "Bot API, Audio",
    {"audio": file("m", duration=241, performer="X", title="Y", mime_type="audio/mpeg")},
    {"attachments": [{"kind": "audio", "mime": "audio/mpeg", "duration_seconds": 241.0}]},
)
said(
    "voice",
    "Bot API, Voice",
    {"voice": file("o", duration=5, mime_type="audio/ogg")},
    {"attachments": [{"kind": "voice", "mime": "audio/ogg"}]},
)
said(
    "video note",
    "Bot API, VideoNote.length is the side",
    {"video_note": file("n", length=384, duration=7)},
    {"attachments": [{"kind": "video", "width": 384, "height": 384}]},
)
for flags, mime in (
    ({"is_animated": False, "is_video": False}, "image/webp"),
    ({"is_animated": True, "is_video": False}, "application/x-tgsticker"),
    ({"is_animated": False, "is_video": True}, "video/webm"),
):
    said(
        f"sticker of {mime}",
        "Bot API, Sticker",
        {"sticker": file("k", type="regular", width=512, height=512, emoji="👍", **flags)},
        {
            "attachments": [{"kind": "sticker", "mime": mime}],
            "extensions": {"sticker": {"emoji": "👍"}},
        },
    )

# ---- cards, places and other things ---------------------------------------------------------------

said(
    "one's own number",
    "Bot API, Contact.user_id; sheet, section 3",
    {"contact": {"phone_number": "79001112233", "first_name": "Анна", "user_id": 5550001}},
    {
        "shared_contact": {"own": True, "phone": "79001112233"},
        "sender": {"phone": "+79001112233", "also": ["tel:+79001112233"]},
    },
)
said(
    "somebody else's number",
    "Bot API, Contact",
    {"contact": {"phone_number": "+79003334455", "first_name": "Борис", "user_id": 777}},
    {
        "shared_contact": {"own": False, "display_name": "Борис", "address": "telegram:777"},
        "sender": {"phone": None, "also": []},
    },
)
said(
    "location",
    "Bot API, Location",
    {"location": {"latitude": 55.75, "longitude": 37.61, "horizontal_accuracy": 12.5}},
    {"location": {"latitude": 55.75, "longitude": 37.61, "accuracy_metres": 12.5}},
)
said(
    "live location",
    "Bot API, Location.live_period",
    {"location": {"latitude": 55.75, "longitude": 37.61, "live_period": 900, "heading": 90}},
    {"location": {"latitude": 55.75}, "extensions": {"live_location": {"live_period": 900}}},
)
said(
    "venue, which fills location too",
    "Bot API, Venue",
    {
        "location": {"latitude": 55.754, "longitude": 37.621},
        "venue": {
            "location": {"latitude": 55.754, "longitude": 37.621},
            "title": "ГУМ",
            "address": "Красная площадь, 3",
        },
    },
    {"location": {"title": "ГУМ", "address": "Красная площадь, 3"}},
)
said(
    "poll",
    "Bot API, Poll",
    {
        "poll": {
            "id": "5309",
            "question": "Когда?",
            "options": [
                {"persistent_id": "0", "text": "Утром", "voter_count": 0},
                {"persistent_id": "1", "text": "Вечером", "voter_count": 0},
            ],
            "total_voter_count": 0,
            "is_closed": False,
            "is_anonymous": True,
            "type": "regular",
            "allows_multiple_answers": False,
            "allows_revoting": False,
            "members_only": False,
        }
    },
    {"text": "[poll] Когда?\n- Утром\n- Вечером", "extensions": {"poll": {"id": "5309"}}},
)
said("dice", "Bot API, Dice", {"dice": {"emoji": "🎲", "value": 4}}, {"text": "[dice] 🎲 4"})
for key, given, text in (
    ("game", {"title": "Змейка", "description": "Ешь", "photo": [size("g", 1, 1, 1)]}, "Змейка"),
    (
        "invoice",
        {
            "title": "Чайник",
            "description": "Медный",
            "start_parameter": "kettle",
            "currency": "RUB",
            "total_amount": 100_000,
        },
        "Чайник",
    ),
    ("checklist", {"title": "Купить", "tasks": [{"id": 1, "text": "чайник"}]}, "Купить"),
):
    said(key, f"Bot API, Message.{key}", {key: given}, {"text": f"[{key}] {text}"})
said(
    "paid media, of which no more is known here",
    "Bot API, PaidMediaInfo",
    {"paid_media": {"star_count": 5, "paid_media": [{"type": "preview", "width": 90}]}},
    {"text": "[paid media]", "extensions": {"paid_media": {"star_count": 5}}},
)
said(
    "a kind of tomorrow",
    "composed: fields that no version has yet",
    {"hologram": {"file_id": "x", "depth": 3}},
    {"text": "[hologram]", "automatic": False, "extensions": {"hologram": {"depth": 3}}},
)
said(
    "data of a web app",
    "Bot API, WebAppData",
    {"web_app_data": {"data": "{}", "button_text": "Открыть"}},
    {"text": "[web app data] Открыть"},
)
