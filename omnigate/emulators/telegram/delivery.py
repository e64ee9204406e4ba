"""What happens in chats, and which bots hear of it.

Source: fact sheet, section 2: bots never see other bots' messages; with privacy mode on they read in
groups only commands, replies to themselves and service messages; deletions by people are not told
to ordinary bots (unverified). The queue that an update waits in on its way to a webhook is as in the
published server: the chat for messages, the person for presses of buttons, so that these may
overtake each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from omnigate.emulators.telegram.limits import CALLBACK_LIFE_SECONDS
from omnigate.emulators.telegram.model import (
    Bot,
    BusinessConnection,
    Chat,
    Message,
    Press,
    Status,
    User,
)
from omnigate.emulators.telegram.updates import Update
from omnigate.emulators.telegram.world import World

_CALLBACKS = 3 << 33
_OWN_MEMBERSHIP = 5 << 33
_MEMBERSHIP = 6 << 33
_REACTIONS = 8 << 33
"""Unverified."""
_CONNECTIONS = 10 << 33
"""Unverified."""
_BUSINESS = 11 << 33
_SERVICE = frozenset(
    {
        "new_chat_members",
        "left_chat_member",
        "new_chat_title",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        "pinned_message",
        "group_chat_created",
        "supergroup_chat_created",
        "channel_chat_created",
        "forum_topic_created",
        "forum_topic_closed",
        "forum_topic_reopened",
        "forum_topic_edited",
        "users_shared",
        "chat_shared",
        "write_access_allowed",
        "web_app_data",
        "connected_website",
        "successful_payment",
    }
)
_RIGHTS = (
    "manage_chat",
    "delete_messages",
    "manage_video_chats",
    "restrict_members",
    "promote_members",
    "change_info",
    "invite_users",
    "post_stories",
    "edit_stories",
    "delete_stories",
    "send_welcome_messages",
)
_PERMISSIONS = (
    "send_messages",
    "send_audios",
    "send_documents",
    "send_photos",
    "send_videos",
    "send_video_notes",
    "send_voice_notes",
    "send_polls",
    "send_other_messages",
    "add_web_page_previews",
    "react_to_messages",
    "edit_tag",
    "change_info",
    "invite_users",
    "pin_messages",
    "manage_topics",
)


def post(
    world: World,
    chat: Chat,
    sender: User | None,
    body: dict[str, Any],
    *,
    reply_to: Message | None = None,
    keyboard: dict[str, Any] | None = None,
    thread_id: int | None = None,
) -> Message:
    """Put a message into a chat and tell the bots that may read it."""
    message = Message(
        chat,
        chat.next_message_id,
        world.now(),
        sender,
        body,
        reply_to=reply_to,
        keyboard=keyboard,
        thread_id=thread_id,
    )
    chat.next_message_id += 1
    chat.messages[message.id] = message
    if message.by_bot:
        chat.actions.clear()
        _show_keyboard(chat, keyboard)
    tell(world, message)
    world.changes.notify()
    return message


def change(
    world: World, message: Message, body: dict[str, Any], keyboard: dict[str, Any] | None
) -> None:
    """Edit a message; nobody hears of a bot's own edits."""
    message.edits.append(message.body)
    message.body, message.keyboard = body, keyboard
    message.edit_date = world.now()
    tell(world, message, edited=True)
    world.changes.notify()


def remove(world: World, message: Message) -> None:
    """Take a message out of its chat for everybody."""
    message.deleted = True
    chat = message.chat
    if chat.business_id and chat.bot is not None:
        gone = {
            "business_connection_id": chat.business_id,
            "chat": chat.as_json(),
            "message_ids": [message.id],
        }
        if not message.is_of(chat.bot):
            chat.bot.updates.put("deleted_business_messages", gone, chat.id + _BUSINESS)
    world.changes.notify()


def tell(world: World, message: Message, *, edited: bool = False) -> None:
    """Put an update about a message into the queue of every bot that may read it."""
    chat = message.chat
    kind = "message"
    queue = chat.id
    if chat.type == "channel":
        kind = "channel_post"
    elif chat.business_id:
        kind, queue = "business_message", chat.id + _BUSINESS
    for bot in readers(world, message):
        shown = message.as_json(world.files, bot.id)
        bot.updates.put(f"edited_{kind}" if edited else kind, shown, queue)


def readers(world: World, message: Message) -> Iterable[Bot]:
    """Return the bots that the platform shows a message to."""
    chat = message.chat
    if message.by_bot:
        return []
    if chat.bot is not None:
        return [] if chat.blocked else [chat.bot]
    return [bot for bot in world.bots.values() if chat.has(bot.id) and _reads(bot, message)]


def tell_membership(
    world: World,
    chat: Chat,
    actor: User,
    subject: User,
    before: Status,
    after: Status,
) -> None:
    """Tell that somebody's place in a chat has changed, to bots that may know."""
    update = {
        "chat": chat.as_json(),
        "from": actor.as_json(),
        "date": world.now(),
        "old_chat_member": member(subject, before),
        "new_chat_member": member(subject, after),
    }
    if chat.bot is not None:
        chat.bot.updates.put("my_chat_member", update, chat.id + _OWN_MEMBERSHIP)
        return
    for bot in world.bots.values():
        if bot.id == subject.id:
            bot.updates.put("my_chat_member", update, chat.id + _OWN_MEMBERSHIP)
        elif chat.members.get(bot.id) == "administrator":
            bot.updates.put("chat_member", update, subject.id + _MEMBERSHIP)


def tell_press(world: World, bot: Bot, press: Press, chat_instance: str) -> Update | None:
    """Tell a bot that somebody pressed one of its buttons; it is offered for 150 seconds."""
    query = {
        "id": press.id,
        "from": press.user.as_json(),
        "message": press.message.as_json(world.files, bot.id),
        "chat_instance": chat_instance,
        "data": press.data,
    }
    queue = press.user.id + _CALLBACKS
    return bot.updates.put("callback_query", query, queue, life_seconds=CALLBACK_LIFE_SECONDS)


def tell_reaction(
    world: World, message: Message, user: User, before: list[Any], after: list[Any]
) -> None:
    """Tell that a person's reaction has changed, to bots that asked for it.

    In groups the bot has to be an administrator (fact sheet, section 2).
    """
    chat = message.chat
    update = {
        "chat": chat.as_json(),
        "message_id": message.id,
        "user": user.as_json(),
        "date": world.now(),
        "old_reaction": before,
        "new_reaction": after,
    }
    for bot in world.bots.values():
        if chat.bot is bot or chat.members.get(bot.id) == "administrator":
            bot.updates.put("message_reaction", update, chat.id + _REACTIONS)
    world.changes.notify()


def tell_connection(connection: BusinessConnection) -> None:
    """Tell a bot that a business account lets it in, or no longer does."""
    queue = connection.owner.id + _CONNECTIONS
    connection.bot.updates.put("business_connection", connection.as_json(), queue)


def member(user: User, status: Status) -> dict[str, Any]:
    """Return somebody's place in a chat as the platform tells it."""
    shown: dict[str, Any] = {"user": user.as_json(), "status": status}
    match status:
        case "creator":
            return shown | {"is_anonymous": False}
        case "administrator":
            flags = {f"can_{name}": True for name in _RIGHTS}
            return shown | {"can_be_edited": False, "is_anonymous": False} | flags
        case "restricted":
            flags = {f"can_{name}": False for name in _PERMISSIONS}
            return shown | {"is_member": True, "until_date": 0} | flags
        case "kicked":
            return shown | {"until_date": 0}
    return shown


def _reads(bot: Bot, message: Message) -> bool:
    chat = message.chat
    if bot.reads_groups or chat.type == "channel" or chat.members[bot.id] == "administrator":
        return True
    if _SERVICE & message.body.keys():
        return True
    if message.reply_to is not None and message.reply_to.is_of(bot):
        return True
    text = message.body.get("text", "")
    command = text.split(maxsplit=1)[0] if text.startswith("/") else ""
    addressee = command.partition("@")[2]
    return bool(command) and addressee.lower() in ("", bot.username.lower())


def _show_keyboard(chat: Chat, keyboard: dict[str, Any] | None) -> None:
    if keyboard is None:
        return
    if "keyboard" in keyboard or "force_reply" in keyboard:
        chat.keyboard = keyboard
    elif "remove_keyboard" in keyboard:
        chat.keyboard = None
