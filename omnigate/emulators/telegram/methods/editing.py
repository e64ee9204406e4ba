"""Methods that change what was sent: edit, delete, react, pin.

Source: fact sheet, section 5; ``process_edit_message_*`` and ``process_delete_message_query`` of the
published server. Why a message cannot be edited is decided behind it: those words are unverified.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram import contents
from omnigate.emulators.telegram.access import find_chat, find_connection, find_message
from omnigate.emulators.telegram.delivery import change, remove
from omnigate.emulators.telegram.errors import NOT_MODIFIED, Refused, bad_request
from omnigate.emulators.telegram.fields import text_field
from omnigate.emulators.telegram.keyboards import read_keyboard
from omnigate.emulators.telegram.limits import DELETE_SECONDS
from omnigate.emulators.telegram.methods.media import media_of
from omnigate.emulators.telegram.model import Message
from omnigate.emulators.telegram.query import Method, Query
from omnigate.emulators.telegram.texts import read_caption, read_text

REACTIONS = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝🤗🫡🎅🎄"
)
_CAPTIONED = ("photo", "video", "animation", "document", "audio", "voice")
_KEPT = (
    "media_group_id",
    "has_protected_content",
    "quote",
    "forward_origin",
    "sender_business_bot",
)


async def edit_message_text(query: Query) -> Any:
    """Change the text of a message of one's own."""
    text = read_text(query.arguments)
    message = _own(query)
    if "text" not in message.body:
        raise bad_request("There is no text in the message to edit")
    return _apply(query, message, contents.text(text))


async def edit_message_caption(query: Query) -> Any:
    """Change the caption of a medium of one's own."""
    caption = read_caption(query.arguments)
    message = _own(query)
    if not any(kind in message.body for kind in _CAPTIONED):
        raise bad_request("There is no caption in the message to edit")
    bare = {
        name: value
        for name, value in message.body.items()
        if name not in ("caption", "caption_entities")
    }
    return _apply(query, message, contents.with_caption(bare, caption))


async def edit_message_media(query: Query) -> Any:
    """Put another medium into a message of one's own."""
    query.arguments.required("media")
    given = query.arguments.json("media", "input media")
    if not isinstance(given, dict) or "type" not in given:
        raise bad_request("Can't parse InputMedia: Can't find field \"type\"")
    if not given.get("media"):
        raise bad_request("Can't parse InputMedia: media not found")
    message = _own(query)
    return _apply(query, message, await media_of(query, given))


async def edit_message_reply_markup(query: Query) -> Any:
    """Change the buttons under a message of one's own; none takes them away."""
    message = _own(query)
    return _apply(query, message, message.body)


def _own(query: Query) -> Message:
    arguments = query.arguments
    if not arguments.text("chat_id") and not arguments.message_id():
        if not arguments.text("inline_message_id"):
            raise bad_request("Message identifier is not specified")
        raise bad_request("MESSAGE_ID_INVALID")  # inline mode is not emulated; unverified
    message = find_message(query.world, query.bot, arguments, "message to edit")
    channel = message.chat.type == "channel"
    if not channel and not message.is_of(query.bot):
        raise bad_request("Message can't be edited")
    return message


def _apply(query: Query, message: Message, body: dict[str, Any]) -> dict[str, Any]:
    chat = message.chat
    keyboard = read_keyboard(query.arguments, chat.type, business=bool(chat.business_id))
    if keyboard is not None and "inline_keyboard" not in keyboard:
        raise bad_request("Inline keyboard expected")
    kept = {name: message.body[name] for name in _KEPT if name in message.body}
    before = (
        message.keyboard if message.keyboard and "inline_keyboard" in message.keyboard else None
    )
    if kept | body == message.body and keyboard == before:
        raise bad_request(NOT_MODIFIED)
    change(query.world, message, kept | body, keyboard)
    return query.show(message)


async def delete_message(query: Query) -> Any:
    """Delete a message: one's own or, in a private chat, any; within 48 hours."""
    if not query.arguments.text("chat_id"):
        raise bad_request("Chat identifier is not specified")
    if not query.arguments.message_id():
        raise bad_request("Message identifier is not specified")
    message = find_message(
        query.world, query.bot, query.arguments, "message to delete", in_business=False
    )
    _delete(query, message)
    return True


async def delete_messages(query: Query) -> Any:
    """Delete up to a hundred messages; those that are not there are passed over."""
    ids = _ids(query)
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"))
    for message_id in ids:
        message = chat.messages.get(message_id)
        if message is not None and not message.deleted:
            _delete(query, message)
    return True


async def delete_business_messages(query: Query) -> Any:
    """Delete messages in the name of a business account: its own, from one chat."""
    connection = find_connection(query.bot, query.arguments.text("business_connection_id"))
    ids = _ids(query)
    chats = [
        chat
        for (number, _), chat in query.bot.business_chats.items()
        if number == connection.id and all(one in chat.messages for one in ids)
    ]
    if not chats:
        raise bad_request("message to delete not found")  # words unverified
    for message_id in ids:
        if not chats[0].messages[message_id].deleted:
            remove(query.world, chats[0].messages[message_id])
    return True


def _ids(query: Query) -> list[int]:
    ids = query.arguments.json("message_ids", "message_ids")
    if ids is None or ids == []:
        raise bad_request("Message identifiers are not specified")
    if not isinstance(ids, list):
        raise bad_request("Expected an Array of message identifiers")
    if len(ids) > 100:
        raise bad_request("Too many message identifiers specified")
    return [_as_id(given) for given in ids]


def _as_id(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise bad_request("Message identifier must be a Number")
    try:
        message_id = int(given)
    except ValueError:
        raise bad_request("Can't parse message identifier as Number") from None
    if message_id <= 0:
        raise bad_request("Invalid message identifier specified")
    return message_id


def _delete(query: Query, message: Message) -> None:
    chat = message.chat
    own = message.is_of(query.bot)
    administrator = chat.members.get(query.bot.id) == "administrator"
    in_time = query.world.now() - message.date <= DELETE_SECONDS
    if not (in_time and (own or chat.type == "private")) and not administrator:
        raise bad_request("message can't be deleted")
    remove(query.world, message)


async def set_message_reaction(query: Query) -> Any:
    """Set the bot's one reaction to a message, or none."""
    message = find_message(
        query.world, query.bot, query.arguments, "message to react", in_business=False
    )
    given = query.arguments.json("reaction", "reaction types") or []
    if not isinstance(given, list):
        raise bad_request("Expected an Array of ReactionType")
    for reaction in given:
        _check_reaction(reaction)
    if len(given) > 1:
        raise bad_request("REACTIONS_TOO_MANY")  # unverified
    message.reactions[query.bot.id] = given
    query.world.changes.notify()
    return True


def _check_reaction(given: Any) -> None:
    def wrong(why: str) -> Refused:
        return bad_request(f"Can't parse ReactionType: {why}")

    if not isinstance(given, dict):
        raise wrong("expected an Object")
    if given.get("type") is None:
        raise wrong('Can\'t find field "type"')
    match text_field(given, "type"):
        case "emoji":
            if text_field(given, "emoji").replace("\ufe0f", "") not in REACTIONS:
                raise bad_request("REACTION_INVALID")  # unverified
        case "custom_emoji":
            if not text_field(given, "custom_emoji_id"):
                raise wrong('Can\'t find field "custom_emoji_id"')
        case _:
            raise wrong("invalid reaction type specified")


async def pin_chat_message(query: Query) -> Any:
    """Pin a message."""
    message = find_message(query.world, query.bot, query.arguments, "message to pin")
    message.chat.pinned = message.id
    query.world.changes.notify()
    return True


async def unpin_chat_message(query: Query) -> Any:
    """Unpin what is pinned."""
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"))
    chat.pinned = None
    query.world.changes.notify()
    return True


METHODS: dict[str, Method] = {
    "editMessageText": edit_message_text,
    "editMessageCaption": edit_message_caption,
    "editMessageMedia": edit_message_media,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "deleteMessages": delete_messages,
    "deleteBusinessMessages": delete_business_messages,
    "setMessageReaction": set_message_reaction,
    "pinChatMessage": pin_chat_message,
    "unpinChatMessage": unpin_chat_message,
}
