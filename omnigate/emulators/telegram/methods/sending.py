"""Methods that send what is no file: texts, places, contacts, polls, dice, actions.

Source: fact sheet, section 5; the ``process_send_*`` functions of the published server.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram import contents
from omnigate.emulators.telegram.access import Place, find_chat, find_message, find_place
from omnigate.emulators.telegram.delivery import post
from omnigate.emulators.telegram.errors import bad_request
from omnigate.emulators.telegram.fields import text_field
from omnigate.emulators.telegram.keyboards import read_keyboard
from omnigate.emulators.telegram.limits import CHAT_ACTION_SECONDS, POLL_OPTIONS
from omnigate.emulators.telegram.model import ChatAction, Message
from omnigate.emulators.telegram.query import Method, Query
from omnigate.emulators.telegram.texts import read_caption, read_text

ACTIONS = frozenset(
    {
        "cancel",
        "typing",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_photo",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def place_message(query: Query, place: Place, body: dict[str, Any]) -> Message:
    """Put what a bot sends into a chat, with the keyboard and the quote of the call.

    Raises:
        Refused: the keyboard is wrong
    """
    business = bool(place.chat.business_id)
    keyboard = read_keyboard(query.arguments, place.chat.type, business=business)
    if place.quote is not None:
        body = body | {"quote": place.quote}
    if query.arguments.boolean("protect_content"):
        body = body | {"has_protected_content": True}
    sender = None if place.chat.type == "channel" else query.bot.user
    if business:  # it is the account that writes, and the bot is named beside it
        sender = query.bot.connections[place.chat.business_id].owner
        body = body | {"sender_business_bot": query.bot.user.as_json()}
    return post(
        query.world,
        place.chat,
        sender,
        body,
        reply_to=place.reply_to,
        keyboard=keyboard,
        thread_id=place.thread_id,
    )


async def _send(query: Query, body: dict[str, Any]) -> dict[str, Any]:
    place = find_place(query.world, query.bot, query.arguments)
    return query.show(place_message(query, place, body))


async def send_message(query: Query) -> Any:
    """Send a text."""
    options = query.arguments.json("link_preview_options", "link preview options")
    if options is not None and not isinstance(options, dict):
        raise bad_request("Object expected as link preview options")
    body = contents.text(read_text(query.arguments))
    if options:
        body |= {"link_preview_options": options}
    return await _send(query, body)


async def send_location(query: Query) -> Any:
    """Send a place on the map."""
    arguments = query.arguments
    latitude, longitude = arguments.number("latitude"), arguments.number("longitude")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise bad_request("Wrong location specified")  # words unverified
    fields = {name: arguments.integer(name) for name in ("live_period", "heading")}
    return await _send(query, contents.location(latitude, longitude, **fields))


async def send_venue(query: Query) -> Any:
    """Send a place with a name."""
    arguments = query.arguments
    latitude, longitude = arguments.number("latitude"), arguments.number("longitude")
    title, address = arguments.required("title"), arguments.required("address")
    return await _send(query, contents.venue(latitude, longitude, title, address))


async def send_contact(query: Query) -> Any:
    """Send a contact."""
    arguments = query.arguments
    phone_number = arguments.required("phone_number")
    first_name = arguments.required("first_name")
    vcard = arguments.text("vcard")
    body = contents.contact(phone_number, first_name, arguments.text("last_name"), vcard=vcard)
    return await _send(query, body)


async def send_poll(query: Query) -> Any:
    """Send a poll."""
    question = query.arguments.required("question")
    given = query.arguments.json("options", "options")
    if not isinstance(given, list):
        raise bad_request("Expected an Array of String as options")
    options = [_option(option) for option in given]
    least, most = POLL_OPTIONS
    if len(options) < least:
        raise bad_request(f"poll must have at least {least} option")
    if len(options) > most:
        raise bad_request(f"poll can't have more than {most} options")
    anonymous = query.arguments.text("is_anonymous") in ("", "true", "True", "1")
    body = contents.poll(query.world.number(), question, options, anonymous=anonymous)
    return await _send(query, body)


def _option(given: Any) -> str:
    if isinstance(given, dict):
        return text_field(given, "text", required=True)
    if not isinstance(given, str):
        raise bad_request("Expected an option to be of type String")
    return given


async def send_dice(query: Query) -> Any:
    """Throw a die."""
    emoji = query.arguments.text("emoji") or "🎲"
    if emoji not in contents.DICE:
        raise bad_request("wrong dice emoji specified")  # words unverified
    value = query.world.random.randint(1, contents.DICE[emoji])
    return await _send(query, contents.dice(emoji, value))


async def send_chat_action(query: Query) -> Any:
    """Show for five seconds what the bot is doing."""
    action = query.arguments.text("action").lower()
    if action not in ACTIONS:
        raise bad_request("Wrong parameter action in request")
    if query.arguments.text("business_connection_id"):
        chat = find_place(query.world, query.bot, query.arguments).chat
    else:
        chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"))
    if action == "cancel":
        chat.actions.clear()
    else:
        chat.actions.append(ChatAction(action, query.world.clock() + CHAT_ACTION_SECONDS))
    query.world.changes.notify()
    return True


async def send_message_draft(query: Query) -> Any:
    """Show a text that is not sent yet; only in private chats."""
    if not query.arguments.integer("draft_id"):
        raise bad_request("DRAFT_ID_INVALID")  # unverified
    read_text(query.arguments)
    chat = find_chat(query.world, query.bot, query.arguments.text("chat_id"))
    if chat.type != "private":
        raise bad_request("method is available only in private chats")  # words unverified
    return True


async def forward_message(query: Query) -> Any:
    """Send a message again, saying where it comes from."""
    message = _source(query, "message to forward")
    origin: dict[str, Any] = {"type": "user", "date": message.date}
    if message.sender is not None:
        origin["sender_user"] = message.sender.as_json()
    else:
        post_of = {"chat": message.chat.as_json(), "message_id": message.id}
        origin = {"type": "channel", "date": message.date, **post_of}
    return await _send(query, message.body | {"forward_origin": origin})


async def copy_message(query: Query) -> Any:
    """Send a message again as one's own; the answer is its id alone."""
    message = _source(query, "message to copy")
    body = dict(message.body)
    if query.arguments.has("caption"):
        body = contents.with_caption(body, read_caption(query.arguments))
    sent = await _send(query, body)
    return {"message_id": sent["message_id"]}


def _source(query: Query, what: str) -> Message:
    arguments = query.arguments
    chat_id = arguments.required("from_chat_id")
    chat = find_chat(query.world, query.bot, chat_id, write=False)
    message = chat.messages.get(arguments.message_id())
    if message is None or message.deleted:
        raise bad_request(f"{what} not found")
    return message


async def stop_poll(query: Query) -> Any:
    """Close a poll; the answer is the poll."""
    message = find_message(query.world, query.bot, query.arguments, "message with poll to stop")
    poll = message.body.get("poll")
    if poll is None:
        raise bad_request("message is not a poll")  # words unverified
    if poll["is_closed"]:
        raise bad_request("poll has already been closed")  # words unverified
    message.body = {"poll": poll | {"is_closed": True}}
    query.world.changes.notify()
    return message.body["poll"]


METHODS: dict[str, Method] = {
    "sendMessage": send_message,
    "sendLocation": send_location,
    "sendVenue": send_venue,
    "sendContact": send_contact,
    "sendPoll": send_poll,
    "sendDice": send_dice,
    "sendChatAction": send_chat_action,
    "sendMessageDraft": send_message_draft,
    "forwardMessage": forward_message,
    "copyMessage": copy_message,
    "stopPoll": stop_poll,
}
