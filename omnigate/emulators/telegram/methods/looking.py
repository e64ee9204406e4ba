"""Methods that ask: about the bot, chats, members, files and business connections.

Source: fact sheet, sections 5 and 6; the ``process_get_*`` functions of the published server.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram.access import find_chat, find_connection
from omnigate.emulators.telegram.delivery import member, post, tell_membership
from omnigate.emulators.telegram.errors import STALE_QUERY, Refused, bad_request
from omnigate.emulators.telegram.limits import CALLBACK_ANSWER_UNITS, utf16_units
from omnigate.emulators.telegram.model import Chat
from omnigate.emulators.telegram.query import Method, Query

_ACCENTS = 7


async def get_me(query: Query) -> Any:
    """Tell a bot who it is."""
    bot = query.bot
    return bot.user.as_json() | {
        "can_join_groups": True,
        "can_read_all_group_messages": bot.reads_groups,
        "supports_inline_queries": False,
        "can_connect_to_business": True,
        "has_main_web_app": False,
    }


async def get_chat(query: Query) -> Any:
    """Tell about a chat, in full."""
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"), write=False)
    told = chat.as_json() | {
        "accent_color_id": chat.id % _ACCENTS,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": True,
            "limited_gifts": True,
            "unique_gifts": True,
            "premium_subscription": True,
            "gifts_from_channels": True,
        },
    }
    pinned = chat.messages.get(chat.pinned or 0)
    if pinned is not None:
        told["pinned_message"] = query.show(pinned)
    if chat.type in ("group", "supergroup"):
        told["permissions"] = {"can_send_messages": True}
    return told


async def get_chat_member(query: Query) -> Any:
    """Tell somebody's place in a chat."""
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"), write=False)
    user_id = query.arguments.integer("user_id", most=2**52)
    if user_id <= 0:
        raise bad_request("Invalid user_id specified")
    user = query.world.users.get(user_id)
    if user is None:
        raise bad_request("user not found")
    if chat.person is not None:
        here = user_id in (chat.id, query.bot.id)
        return member(user, "member" if here else "left")
    return member(user, chat.members.get(user_id, "left"))


async def get_chat_administrators(query: Query) -> Any:
    """Tell who leads a group."""
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"), write=False)
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    leading = ("creator", "administrator")
    return [
        member(query.world.users[user_id], status)
        for user_id, status in chat.members.items()
        if status in leading
    ]


async def get_chat_member_count(query: Query) -> Any:
    """Tell how many are in a chat."""
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"), write=False)
    if chat.type == "private":
        return 2
    return sum(chat.has(user_id) for user_id in chat.members)


async def leave_chat(query: Query) -> Any:
    """Leave a group."""
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"), write=False)
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")  # unverified
    before = chat.members[query.bot.id]
    chat.members[query.bot.id] = "left"
    tell_membership(query.world, chat, query.bot.user, query.bot.user, before, "left")
    return True


async def get_user_profile_photos(query: Query) -> Any:
    """Tell a person's pictures: nobody here has any."""
    user_id = query.arguments.integer("user_id", most=2**52)
    if user_id <= 0:
        raise bad_request("Invalid user_id specified")
    if user_id not in query.world.users:
        raise bad_request("user not found")
    return {"total_count": 0, "photos": []}


async def get_file(query: Query) -> Any:
    """Tell a path by which a file can be fetched for an hour."""
    return query.world.files.open(query.arguments.text("file_id"), query.bot.id)


async def get_business_connection(query: Query) -> Any:
    """Tell about a business account that lets the bot in."""
    connection_id = query.arguments.required("business_connection_id")
    return find_connection(query.bot, connection_id).as_json()


async def read_business_message(query: Query) -> Any:
    """Mark a message to a business account as read."""
    connection = find_connection(query.bot, query.arguments.text("business_connection_id"))
    chat_id = query.arguments.integer("chat_id", most=2**52)
    chat = query.bot.business_chats.get((connection.id, chat_id))
    if chat is None or query.arguments.message_id() not in chat.messages:
        raise bad_request("message not found")  # words unverified
    return True


async def answer_callback_query(query: Query) -> Any:
    """Answer a press of a button; each can be answered once, within its time."""
    arguments = query.arguments
    press = query.bot.presses.get(arguments.text("callback_query_id"))
    if press is None or press.answer is not None or query.world.clock() > press.good_until:
        raise bad_request(STALE_QUERY)
    if utf16_units(arguments.text("text")) > CALLBACK_ANSWER_UNITS:
        raise bad_request("MESSAGE_TOO_LONG")  # unverified
    press.answer = {
        name: arguments.text(name) for name in ("text", "show_alert", "url") if arguments.text(name)
    }
    query.world.changes.notify()
    return True


async def set_my_commands(query: Query) -> Any:
    """Set the commands that people are offered."""
    given = query.arguments.json("commands", "commands")
    if not isinstance(given, list):
        raise bad_request("Expected an Array of BotCommand")
    for command in given:
        for name in ("command", "description"):
            if not isinstance(command, dict) or name not in command:
                raise bad_request(f"Can't parse BotCommand: Can't find field \"{name}\"")
    query.bot.commands[_scope(query)] = given
    return True


async def get_my_commands(query: Query) -> Any:
    """Tell the commands that people are offered."""
    return query.bot.commands.get(_scope(query), [])


async def delete_my_commands(query: Query) -> Any:
    """Offer no commands."""
    query.bot.commands.pop(_scope(query), None)
    return True


def _scope(query: Query) -> tuple[str, str]:
    given = query.arguments.json("scope", "BotCommandScope") or {"type": "default"}
    if not isinstance(given, dict):
        raise bad_request("Can't parse BotCommandScope: BotCommandScope must be an Object")
    return str(given.get("type")), query.arguments.text("language_code")


async def create_forum_topic(query: Query) -> Any:
    """Open a topic in a forum."""
    chat = _forum(query)
    name = query.arguments.required("name")
    made = post(
        query.world,
        chat,
        query.bot.user,
        {"forum_topic_created": {"name": name, "icon_color": 7322096}},
    )
    chat.topics[made.id] = name
    made.thread_id = made.id
    return {"message_thread_id": made.id, "name": name, "icon_color": 7322096}


def _forum(query: Query) -> Chat:
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"))
    if not chat.is_forum:
        raise bad_request("the chat is not a forum")
    return chat


async def log_out(query: Query) -> Any:
    """Leave the cloud for a server of one's own; the way back is closed for ten minutes."""
    query.bot.revoked_until = query.world.clock() + 600
    return True


async def close(query: Query) -> Any:
    """Close the bot's instance; not in the first ten minutes (fact sheet, section 6)."""
    age = query.world.clock() - query.world.started_at
    if age < 600:
        left = int(600 - age)
        raise Refused(429, f"retry after {left}", parameters={"retry_after": left})
    return True


METHODS: dict[str, Method] = {
    "getMe": get_me,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatAdministrators": get_chat_administrators,
    "getChatMemberCount": get_chat_member_count,
    "leaveChat": leave_chat,
    "getUserProfilePhotos": get_user_profile_photos,
    "getFile": get_file,
    "getBusinessConnection": get_business_connection,
    "readBusinessMessage": read_business_message,
    "answerCallbackQuery": answer_callback_query,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "createForumTopic": create_forum_topic,
    "logOut": log_out,
    "close": close,
}
