"""Which chat and which message a call is about, and whether the bot may touch them.

Source: fact sheet, section 7; ``check_chat_access``, ``check_message`` and
``check_reply_parameters`` of the published server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omnigate.emulators.telegram.arguments import Arguments
from omnigate.emulators.telegram.errors import Refused, bad_request, migrated
from omnigate.emulators.telegram.fields import flag_field, integer_field, text_field
from omnigate.emulators.telegram.limits import utf16_units
from omnigate.emulators.telegram.model import Bot, BusinessConnection, Chat, Message
from omnigate.emulators.telegram.world import World


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes."""

    chat: Chat
    reply_to: Message | None
    quote: dict[str, Any] | None
    thread_id: int | None


def find_chat(world: World, bot: Bot, chat_id: str, *, write: bool = True) -> Chat:
    """Return the chat of a call.

    Raises:
        Refused: no such chat for this bot, or it may not write there
    """
    if not chat_id:
        raise bad_request("chat_id is empty")
    if chat_id.startswith("@"):
        return _checked(_by_username(world, chat_id[1:]), bot, write)
    try:
        number = int(chat_id)
    except ValueError:
        raise bad_request("chat not found") from None
    if number < 0:
        group = world.groups.get(number)
        if group is None:
            raise bad_request("chat not found")
        return _checked(group, bot, write)
    chat = bot.chats.get(number)
    if chat is None or not chat.started:
        raise _stranger(world, bot, number)
    return _checked(chat, bot, write)


def find_connection(bot: Bot, connection_id: str) -> BusinessConnection:
    """Return the business connection of a call; raises ``Refused``. The words are unverified."""
    connection = bot.connections.get(connection_id)
    if connection is None:
        raise bad_request("business connection not found")
    return connection


def find_place(world: World, bot: Bot, arguments: Arguments) -> Place:
    """Return where a message of this call goes, and what it answers.

    Raises:
        Refused: the chat, the topic or the message replied to cannot be used
    """
    connection_id = arguments.text("business_connection_id")
    if connection_id:
        chat = _business_chat(bot, connection_id, arguments.text("chat_id"))
    else:
        chat = find_chat(world, bot, arguments.text("chat_id"))
    reply_to, quote = _replied(world, bot, arguments, chat)
    return Place(chat, reply_to, quote, _thread(arguments, chat))


def find_message(
    world: World, bot: Bot, arguments: Arguments, what: str, *, in_business: bool = True
) -> Message:
    """Return the message that a call names; ``what`` is how the refusal calls it.

    ``in_business``: the method knows ``business_connection_id``; those that do not pass over it.

    Raises:
        Refused: the chat cannot be used, or there is no such message
    """
    connection_id = arguments.text("business_connection_id")
    if connection_id and in_business:
        chat = _business_chat(bot, connection_id, arguments.text("chat_id"))
    else:
        chat = find_chat(world, bot, arguments.text("chat_id"))
    message = chat.messages.get(arguments.message_id())
    if message is None or message.deleted:
        raise bad_request(f"{what} not found")
    return message


def _by_username(world: World, username: str) -> Chat:
    wanted = username.lower()
    for group in world.groups.values():
        if group.username.lower() == wanted:
            return group
    raise bad_request("chat not found")


def _stranger(world: World, bot: Bot, user_id: int) -> Refused:
    """Tell apart who the bot has never met and who never pressed Start (403 is unverified)."""
    met = any(group.has(user_id) and group.has(bot.id) for group in world.groups.values())
    if met:
        return Refused(403, "bot can't initiate conversation with a user")
    return bad_request("chat not found")


def _checked(chat: Chat, bot: Bot, write: bool) -> Chat:
    if chat.person is not None:
        if write and chat.person.deactivated:
            raise Refused(403, "user is deactivated")
        if write and chat.blocked:
            raise Refused(403, "bot was blocked by the user")
        return chat
    if chat.migrated_to is not None and write:
        raise migrated(chat.migrated_to.id)
    status = chat.members.get(bot.id, "left")
    public = bool(chat.username) and not write
    if status == "kicked" and (write or chat.type != "group"):
        raise Refused(403, f"bot was kicked from the {chat.type} chat")
    if status == "left" and (write or chat.type != "group") and not public:
        raise Refused(403, f"bot is not a member of the {chat.type} chat")
    if write and chat.type == "channel" and status != "administrator":
        raise bad_request("need administrator rights in the channel chat")  # words unverified
    if write and status == "restricted":
        raise bad_request("not enough rights to send text messages to the chat")  # unverified
    return chat


def _business_chat(bot: Bot, connection_id: str, chat_id: str) -> Chat:
    connection = find_connection(bot, connection_id)
    if not chat_id:
        raise bad_request("chat_id is empty")
    try:
        chat = bot.business_chats.get((connection_id, int(chat_id)))
    except ValueError:
        raise bad_request("chat_id must be a valid Integer") from None
    if chat is None:
        raise bad_request("BUSINESS_PEER_INVALID")  # unverified
    if not connection.is_enabled or not connection.can_reply:
        raise Refused(403, "not enough rights to send business messages")  # words unverified
    return chat


def _replied(
    world: World, bot: Bot, arguments: Arguments, chat: Chat
) -> tuple[Message | None, dict[str, Any] | None]:
    given = arguments.json("reply_parameters", "reply parameters")
    if given is None:
        legacy = arguments.message_id("reply_to_message_id")
        given = {"message_id": legacy} if legacy else {}
        given["allow_sending_without_reply"] = arguments.boolean("allow_sending_without_reply")
    if not isinstance(given, dict):
        raise bad_request("Object expected as reply parameters")
    spelt = arguments.has("reply_parameters") and bool(given)
    message_id = integer_field(given, "message_id", required=spelt)
    if message_id <= 0:
        return None, None
    other = text_field(given, "chat_id")
    where = find_chat(world, bot, other, write=False) if other else chat
    message = where.messages.get(message_id)
    if message is None or message.deleted:
        if flag_field(given, "allow_sending_without_reply"):
            return None, None
        raise bad_request("message to be replied not found")
    return message, _quote(given, message)


def _quote(given: dict[str, Any], message: Message) -> dict[str, Any] | None:
    quoted = text_field(given, "quote")
    if not quoted:
        return None
    said = message.body.get("text", message.body.get("caption", ""))
    if quoted not in said:
        raise bad_request("QUOTE_TEXT_INVALID")  # unverified
    position = integer_field(given, "quote_position") or utf16_units(said.split(quoted)[0])
    return {"text": quoted, "position": position, "is_manual": True}


def _thread(arguments: Arguments, chat: Chat) -> int | None:
    thread_id = arguments.message_id("message_thread_id")
    if not thread_id:
        return None
    if thread_id not in chat.topics:
        raise bad_request("Message thread not found")
    return thread_id
