"""What else is told: of groups, channels and business accounts, edits, buttons, reactions, blocks."""

from __future__ import annotations

import omnigate

from .forms import (
    ANNA,
    BOT,
    DATE,
    FORUM,
    GROUP,
    KICKED,
    MEMBER,
    NEWS,
    PRIVATE,
    Json,
    Table,
    message,
)

HAPPENINGS = Table(900500)
case, said = HAPPENINGS.case, HAPPENINGS.said

# ---- groups, topics, channels, business -----------------------------------------------------------

said(
    "a message in a group",
    "Bot API, Chat",
    {"chat": GROUP, "text": "Всем привет"},
    {"conversation": "-4000001", "subject": "Дачники", "sender": {"address": "telegram:5550001"}},
)
said(
    "a message in a topic",
    "Bot API, Message.message_thread_id; the first message of a topic is what all of it answers",
    {
        "chat": FORUM,
        "message_thread_id": 5,
        "is_topic_message": True,
        "reply_to_message": {
            "message_id": 5,
            "chat": FORUM,
            "date": DATE,
            "forum_topic_created": {"name": "Рассада", "icon_color": 7322096},
        },
        "text": "по теме",
    },
    {"conversation": "-1004000002/5", "message_id": "-1004000002:17", "reply_to": None},
)
said(
    "an anonymous administrator",
    "Bot API, Message.sender_chat",
    {
        "chat": FORUM,
        "sender": {"id": 1087968824, "is_bot": True, "first_name": "Group"},
        "sender_chat": FORUM,
        "text": "От имени группы",
    },
    {"sender": {"address": "telegram:-1004000002", "display_name": "Форум"}},
)
said(
    "somebody comes",
    "Bot API, Message.new_chat_members",
    {"chat": GROUP, "new_chat_members": [ANNA], "new_chat_member": ANNA},
    {"text": "[joined: Анна Петрова]", "automatic": True},
)
said(
    "somebody goes",
    "Bot API, Message.left_chat_member",
    {"chat": GROUP, "left_chat_member": ANNA},
    {"text": "[left: Анна Петрова]", "automatic": True},
)
said(
    "another title",
    "Bot API, Message.new_chat_title",
    {"chat": GROUP, "new_chat_title": "Садоводы"},
    {"text": "[new chat title: Садоводы]", "automatic": True},
)
for field, chat, other, names in (
    ("migrate_to_chat_id", GROUP, FORUM, ("-4000001", "-1004000002")),
    ("migrate_from_chat_id", FORUM, GROUP, ("-4000001", "-1004000002")),
):
    case(
        f"a group moves: {field}",
        f"Bot API, Message.{field}",
        message(chat=chat, **{field: other["id"]}),
        (omnigate.ConversationMoved, {"conversation": names[0], "to": names[1]}),
    )
case(
    "a post of a channel",
    "Bot API, Update.channel_post",
    message("channel_post", sender=None, chat=NEWS, sender_chat=NEWS, text="Скидки!"),
    (
        omnigate.InboundMessage,
        {"sender": {"address": "telegram:-1004000003", "display_name": "Новости"}},
    ),
)
case(
    "a customer writes to a business account",
    "Bot API, Update.business_message; sheet, section 2",
    message("business_message", business_connection_id="bc1", text="Вы открыты?"),
    (omnigate.InboundMessage, {"conversation": "bc1@5550001", "message_id": "bc1@5550001:17"}),
)
case(
    "the owner of a business account answers",
    "Bot API, Update.business_message",
    message(
        "business_message",
        business_connection_id="bc1",
        sender={"id": 99, "is_bot": False, "first_name": "Хозяин"},
        text="Да",
    ),
    (
        omnigate.EchoMessage,
        {"author": "Хозяин", "text": "Да", "recipient": {"address": "telegram:5550001"}},
    ),
)
for kind in ("business_message", "edited_business_message"):
    case(
        f"what we wrote for the owner: {kind}",
        "Bot API, Message.sender_business_bot",
        message(
            kind,
            business_connection_id="bc1",
            sender={"id": 99, "is_bot": False, "first_name": "Хозяин"},
            sender_business_bot=BOT,
            edit_date=DATE,
            text="Да",
        ),
    )
case(
    "deleted in a business chat",
    "Bot API, BusinessMessagesDeleted",
    {
        "deleted_business_messages": {
            "business_connection_id": "bc1",
            "chat": PRIVATE,
            "message_ids": [17, 18],
        }
    },
    (omnigate.MessageDeleted, {"message_id": "bc1@5550001:17"}),
    (omnigate.MessageDeleted, {"message_id": "bc1@5550001:18"}),
)
case(
    "a business account is connected",
    "Bot API, BusinessConnection",
    {
        "business_connection": {
            "id": "bc1",
            "user": ANNA,
            "user_chat_id": 5550001,
            "date": DATE,
            "rights": {"can_reply": True},
            "is_enabled": True,
        }
    },
    (omnigate.InboundMessage, {"text": "[business account connected]", "automatic": True}),
)

# ---- what happens to messages and to the bot ------------------------------------------------------

case(
    "edited text",
    "Bot API, Update.edited_message",
    message("edited_message", edit_date=DATE + 60, text="Есть самокат?"),
    (
        omnigate.MessageEdited,
        {
            "message_id": "5550001:17",
            "text": "Есть самокат?",
            "occurred_at": "2025-10-09T08:54:20.000Z",
        },
    ),
)
case(
    "a live location moves",
    "Bot API, Location.live_period, as edited_message",
    message(
        "edited_message",
        edit_date=DATE + 60,
        location={"latitude": 55.76, "longitude": 37.61, "live_period": 900},
    ),
    (omnigate.MessageEdited, {"text": None, "location": {"latitude": 55.76}}),
)
PRESSED: Json = {
    "id": "23839",
    "from": ANNA,
    "chat_instance": "-3217",
    "data": "q1:yes",
}
case(
    "a pressed button",
    "Bot API, CallbackQuery",
    {
        "callback_query": {
            **PRESSED,
            "message": {
                "message_id": 16,
                "from": BOT,
                "chat": PRIVATE,
                "date": DATE,
                "text": "Подходит?",
                "reply_markup": {"inline_keyboard": [[{"text": "Да", "callback_data": "q1:yes"}]]},
            },
        }
    },
    (
        omnigate.ButtonPressed,
        {"payload": "q1:yes", "label": "Да", "message_id": "5550001:16", "conversation": "5550001"},
    ),
)
case(
    "a pressed button under a message of long ago",
    "Bot API, InaccessibleMessage: date is 0",
    {"callback_query": {**PRESSED, "message": {"chat": PRIVATE, "message_id": 3, "date": 0}}},
    (omnigate.ButtonPressed, {"message_id": "5550001:3", "label": None}),
)
case(
    "a reaction",
    "Bot API, MessageReactionUpdated",
    {
        "message_reaction": {
            "chat": FORUM,
            "message_id": 17,
            "user": ANNA,
            "date": DATE,
            "old_reaction": [],
            "new_reaction": [
                {"type": "emoji", "emoji": "👍"},
                {"type": "custom_emoji", "custom_emoji_id": "5368"},
                {"type": "paid"},
            ],
        }
    },
    (omnigate.Reaction, {"emoji": ["👍", "custom:5368", "paid"], "message_id": "-1004000002:17"}),
)
for before, after, item in (
    (MEMBER, KICKED, omnigate.ContactBlocked),
    (KICKED, MEMBER, omnigate.ContactUnblocked),
):
    case(
        f"the bot: from {before['status']} to {after['status']}",
        "Bot API, ChatMemberUpdated in a private chat; sheet, section 2",
        {
            "my_chat_member": {
                "chat": PRIVATE,
                "from": ANNA,
                "date": DATE,
                "old_chat_member": before,
                "new_chat_member": after,
            }
        },
        (item, {"sender": {"address": "telegram:5550001"}}),
    )
case(
    "the bot is thrown out of a group",
    "Bot API, ChatMemberUpdated in a group",
    {
        "my_chat_member": {
            "chat": GROUP,
            "from": ANNA,
            "date": DATE,
            "old_chat_member": MEMBER,
            "new_chat_member": KICKED,
        }
    },
    (omnigate.InboundMessage, {"text": "[the bot was removed]", "automatic": True}),
)
case(
    "a kind of update of tomorrow",
    "composed: an update that no version has yet",
    {"hologram_shown": {"from": ANNA, "chat": PRIVATE, "date": DATE, "depth": 3}},
    (
        omnigate.InboundMessage,
        {"text": "[hologram shown]", "extensions": {"hologram_shown": {"depth": 3}}},
    ),
)
