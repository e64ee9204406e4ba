"""The methods about messages beside sending and editing.

Source: vendor JSON schema 5.199, ``methods.json`` of the section messages.
"""

from __future__ import annotations

from typing import Any, Final

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.arguments import required
from omnigate.emulators.vk.calls import Call
from omnigate.emulators.vk.conversation import Answer, Conversation
from omnigate.emulators.vk.errors import Refused, invalid
from omnigate.emulators.vk.groups import own_group
from omnigate.emulators.vk.message import CHAT_PEERS, Message

REACTIONS: Final = range(1, 33)
"""Numbers of the reactions. The last one is unverified."""


def delete(call: Call) -> list[dict[str, Any]]:
    """Delete messages, for the community alone or for everybody."""
    arguments = call.arguments
    cmids = arguments.numbers("cmids", 1000)
    ids = arguments.numbers("message_ids", 1000)
    if not cmids and not ids:
        raise invalid("message_ids or cmids is a required parameter")
    peer_id = arguments.needed_number("peer_id") if cmids else arguments.number("peer_id")
    places = call.community.conversations
    seen = (
        list(places.values()) if peer_id is None else [places[peer_id]] if peer_id in places else []
    )
    for_all = arguments.flag("delete_for_all")
    found = [_find(seen, cmid=one) for one in cmids] + [_find(seen, message_id=one) for one in ids]
    for message in found:
        if message is not None and for_all:
            _check_deletable(call, message)
    return [_deleted(call, message) for message in found if message is not None]


def _check_deletable(call: Call, message: Message) -> None:
    old = call.world.clock() - message.date > limits.CHANGEABLE_SECONDS
    if old or not message.out:
        raise Refused(924)


def _deleted(call: Call, message: Message) -> dict[str, Any]:
    # without delete_for_all the customer still sees it
    if call.arguments.flag("delete_for_all"):
        message.deleted = True
        call.world.bell.ring()
    ids = {"message_id": message.id, "conversation_message_id": message.cmid}
    return {"peer_id": message.peer_id, **ids, "response": 1}


def _find(places: list[Conversation], **by: int) -> Message | None:
    for place in places:
        if (found := place.find(**by)) is not None:
            return found
    return None


def mark_as_read(call: Call) -> int:
    """Let the customer see that messages were read."""
    conversation = _conversation(call)
    last = conversation.messages[-1].cmid if conversation.messages else 0
    up_to = call.arguments.number("up_to_cmid") or last
    conversation.read_by_community = max(conversation.read_by_community, min(up_to, last))
    call.world.bell.ring()
    return 1


def set_activity(call: Call) -> int:
    """Let the customer see what the community is doing."""
    kind = call.arguments.choice("type", ("typing", "audiomessage", "file", "photo", "video"))
    if not kind:
        raise required("type")
    conversation = _conversation(call)
    call.world.check_peer(call.community, conversation.peer_id)
    conversation.show_activity(kind)
    return 1


def answer_event(call: Call) -> int:
    """Answer the press of a callback button, once."""
    arguments = call.arguments
    event_id = arguments.needed("event_id")
    who = (arguments.needed_number("user_id"), arguments.needed_number("peer_id"))
    if len(arguments.text("event_data")) > limits.EVENT_DATA_CHARACTERS:
        raise invalid("event_data should be no longer than 1000 characters")
    data = arguments.document("event_data")
    if data is not None:
        _check_event_data(data)
    pressed = call.community.callback_events.get(event_id)
    if pressed is None or pressed[:2] != who:
        raise invalid("event_id is incorrect")  # own words
    if call.world.clock() - pressed[2] > limits.EVENT_ANSWER_SECONDS:
        raise invalid("event_id is expired")  # own words
    del call.community.callback_events[event_id]  # it can be answered once
    call.community.conversation(who[1]).answers.append(Answer(event_id, data))
    call.world.bell.ring()
    return 1


def _check_event_data(data: Any) -> None:
    """Check what a press leads to; the forms are unverified."""
    needed = {"show_snackbar": ("text",), "open_link": ("link",), "open_app": ("app_id", "hash")}
    kind = data.get("type") if isinstance(data, dict) else None
    if (
        not isinstance(kind, str)
        or kind not in needed
        or not all(data.get(name) for name in needed[kind])
    ):
        raise invalid("event_data is invalid")  # own words


def is_allowed(call: Call) -> dict[str, int]:
    """Say whether a person may be written to."""
    own_group(call)
    user_id = call.arguments.needed_number("user_id")
    return {"is_allowed": int(user_id in call.community.allowed)}


def get_by_id(call: Call) -> dict[str, Any]:
    """Return messages by their ids, or by their numbers in a conversation."""
    cmids = call.arguments.numbers("cmids", 100)
    if not cmids and not call.arguments.text("message_ids"):
        raise required("message_ids")
    places = [_conversation(call)] if cmids else list(call.community.conversations.values())
    found = [_find(places, cmid=one) for one in cmids]
    found += [_find(places, message_id=one) for one in call.arguments.numbers("message_ids", 100)]
    return _items([message for message in found if message is not None])


def get_by_cmid(call: Call) -> dict[str, Any]:
    """Return messages by their numbers in a conversation."""
    call.arguments.needed("conversation_message_ids")
    cmids = call.arguments.numbers("conversation_message_ids", 100)
    found = [_find([_conversation(call)], cmid=one) for one in cmids]
    return _items([message for message in found if message is not None])


def get_history(call: Call) -> dict[str, Any]:
    """Return a conversation, newest first unless ``rev`` is set."""
    count = call.arguments.number("count")
    count = 20 if count is None else count
    offset = call.arguments.number("offset") or 0
    if not 0 <= count <= 200:
        raise invalid("count should be between 0 and 200")
    messages = [one for one in _conversation(call).messages if not one.deleted]
    if not call.arguments.flag("rev"):
        messages.reverse()
    return _items(messages[offset : offset + count]) | {"count": len(messages)}


def send_reaction(call: Call) -> int:
    """Put the community's reaction on a message."""
    reaction = call.arguments.needed_number("reaction_id")
    if reaction not in REACTIONS:
        raise Refused(1009)
    return _react(call, reaction)


def delete_reaction(call: Call) -> int:
    """Take the community's reaction off a message."""
    return _react(call, None)


def _react(call: Call, reaction: int | None) -> int:
    conversation = _conversation(call)
    message = conversation.find(cmid=call.arguments.needed_number("cmid"))
    if message is None:
        raise invalid("cmid is incorrect")  # own words
    if reaction is None:
        message.reactions.pop(-call.community.id, None)
    else:
        message.reactions[-call.community.id] = reaction
    call.world.bell.ring()
    return 1


def _conversation(call: Call) -> Conversation:
    peer_id = call.arguments.number("peer_id") or call.arguments.number("user_id")
    if peer_id is None:
        raise required("peer_id")
    if peer_id > CHAT_PEERS:
        call.world.chat(peer_id).check_access(call.community)
    return call.community.conversation(peer_id)


def _items(messages: list[Message]) -> dict[str, Any]:
    return {"count": len(messages), "items": [one.to_json() for one in messages]}
