"""The methods of the API beside sending, and the table of all of them.

Source: vendor JSON schema 5.199, ``methods.json`` of the sections messages, users, groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from omnigate.emulators.vk import limits, sending, uploading
from omnigate.emulators.vk.arguments import required
from omnigate.emulators.vk.callback import CallbackServer
from omnigate.emulators.vk.calls import Call, Method, token_permissions
from omnigate.emulators.vk.conversation import Answer, Conversation
from omnigate.emulators.vk.errors import Refused, invalid
from omnigate.emulators.vk.long_poll import LongPoll
from omnigate.emulators.vk.message import CHAT_PEERS, Message

REACTIONS: Final = range(1, 33)
"""Numbers of the reactions. The last one is unverified."""


# Messages


def _delete(call: Call) -> list[dict[str, Any]]:
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
    old = call.community.world.clock() - message.date > limits.CHANGEABLE_SECONDS
    if old or not message.out:
        raise Refused(924)


def _deleted(call: Call, message: Message) -> dict[str, Any]:
    # without delete_for_all the customer still sees it
    if call.arguments.flag("delete_for_all"):
        message.deleted = True
        call.community.world.bell.ring()
    ids = {"message_id": message.id, "conversation_message_id": message.cmid}
    return {"peer_id": message.peer_id, **ids, "response": 1}


def _find(places: list[Conversation], **by: int) -> Message | None:
    for place in places:
        if (found := place.find(**by)) is not None:
            return found
    return None


def _mark_as_read(call: Call) -> int:
    conversation = _conversation(call)
    last = conversation.messages[-1].cmid if conversation.messages else 0
    up_to = call.arguments.number("up_to_cmid") or last
    conversation.read_by_community = max(conversation.read_by_community, min(up_to, last))
    call.community.world.bell.ring()
    return 1


def _set_activity(call: Call) -> int:
    kind = call.arguments.choice("type", ("typing", "audiomessage", "file", "photo", "video"))
    if not kind:
        raise required("type")
    conversation = _conversation(call)
    call.community.check_peer(conversation.peer_id)
    conversation.show_activity(kind)
    return 1


def _answer_event(call: Call) -> int:
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
    if call.community.world.clock() - pressed[2] > limits.EVENT_ANSWER_SECONDS:
        raise invalid("event_id is expired")  # own words
    del call.community.callback_events[event_id]  # it can be answered once
    call.community.conversation(who[1]).answers.append(Answer(event_id, data))
    call.community.world.bell.ring()
    return 1


def _check_event_data(data: Any) -> None:
    """Check what a press leads to; the forms are unverified."""
    needed = {"show_snackbar": ("text",), "open_link": ("link",), "open_app": ("app_id", "hash")}
    kind = data.get("type") if isinstance(data, dict) else None
    if kind not in needed or not all(data.get(name) for name in needed[kind]):
        raise invalid("event_data is invalid")  # own words


def _is_allowed(call: Call) -> dict[str, int]:
    _own_group(call)
    user_id = call.arguments.needed_number("user_id")
    return {"is_allowed": int(user_id in call.community.allowed)}


def _get_by_id(call: Call) -> dict[str, Any]:
    cmids = call.arguments.numbers("cmids", 100)
    if not cmids and not call.arguments.text("message_ids"):
        raise required("message_ids")
    places = [_conversation(call)] if cmids else list(call.community.conversations.values())
    found = [_find(places, cmid=one) for one in cmids]
    found += [_find(places, message_id=one) for one in call.arguments.numbers("message_ids", 100)]
    return _items([message for message in found if message is not None])


def _get_by_cmid(call: Call) -> dict[str, Any]:
    call.arguments.needed("conversation_message_ids")
    cmids = call.arguments.numbers("conversation_message_ids", 100)
    found = [_find([_conversation(call)], cmid=one) for one in cmids]
    return _items([message for message in found if message is not None])


def _get_history(call: Call) -> dict[str, Any]:
    count = call.arguments.number("count")
    count = 20 if count is None else count
    offset = call.arguments.number("offset") or 0
    if not 0 <= count <= 200:
        raise invalid("count should be between 0 and 200")
    messages = [one for one in _conversation(call).messages if not one.deleted]
    if not call.arguments.flag("rev"):
        messages.reverse()
    return _items(messages[offset : offset + count]) | {"count": len(messages)}


def _send_reaction(call: Call) -> int:
    reaction = call.arguments.needed_number("reaction_id")
    if reaction not in REACTIONS:
        raise Refused(1009)
    return _react(call, reaction)


def _delete_reaction(call: Call) -> int:
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
    call.community.world.bell.ring()
    return 1


def _conversation(call: Call) -> Conversation:
    peer_id = call.arguments.number("peer_id") or call.arguments.number("user_id")
    if peer_id is None:
        raise required("peer_id")
    if peer_id > CHAT_PEERS:
        call.community.world.chat(peer_id).check_access(call.community)
    return call.community.conversation(peer_id)


def _items(messages: list[Message]) -> dict[str, Any]:
    return {"count": len(messages), "items": [one.to_json() for one in messages]}


# People


def _get_users(call: Call) -> list[dict[str, Any]]:
    names = [one.strip() for one in call.arguments.text("user_ids").split(",") if one.strip()]
    if len(names) > limits.USERS:
        raise invalid("user_ids should contain no more than 1000 items")  # own words
    fields = [one.strip() for one in call.arguments.text("fields").split(",")]
    people = [call.community.world.person_by_name(name) for name in names]
    return [person.to_json(fields) for person in people if person is not None]


# The community and its receivers


def _own_group(call: Call) -> None:
    group_id = call.arguments.needed_number("group_id")
    if group_id not in call.community.world.communities:
        raise Refused(125)
    if group_id != call.community.id:
        raise Refused(203)


def _get_group(call: Call) -> dict[str, Any]:
    named = call.arguments.text("group_ids") or call.arguments.text("group_id")
    community = call.community
    if named and named not in (str(community.id), community.screen_name):
        raise Refused(125)  # of others nothing is known here
    body = {"id": community.id, "name": community.name, "screen_name": community.screen_name}
    return {"groups": [body | {"is_closed": 0, "type": "page"}], "profiles": []}


def _get_permissions(call: Call) -> dict[str, Any]:
    return token_permissions(call.community.tokens[call.arguments["access_token"]])


def _get_servers(call: Call) -> dict[str, Any]:
    _own_group(call)
    wanted = call.arguments.numbers("server_ids", 10)
    servers = call.community.callback.servers.values()
    items = [one.to_json() for one in servers if not wanted or one.id in wanted]
    return {"count": len(items), "items": items}


def _add_server(call: Call) -> dict[str, int]:
    _own_group(call)
    server = call.community.callback.add(*_described(call), creator_id=1)
    return {"server_id": server.id}


def _edit_server(call: Call) -> int:
    server = _server(call)
    server.url, server.title, server.secret_key = _described(call)
    call.community.callback.confirm_soon(server)
    return 1


def _delete_server(call: Call) -> int:
    call.community.callback.remove(_server(call))
    return 1


def _described(call: Call) -> tuple[str, str, str]:
    url = call.arguments.needed("url")
    if not url.startswith(("http://", "https://")):
        raise invalid("url is invalid")  # own words
    title = call.arguments.needed("title", limits.SERVER_TITLE_CHARACTERS)
    return url, title, call.arguments.text("secret_key", limits.SECRET_KEY_CHARACTERS)


def _server(call: Call) -> CallbackServer:
    _own_group(call)
    server = call.community.callback.servers.get(call.arguments.needed_number("server_id"))
    if server is None:
        raise Refused(104)
    return server


def _get_code(call: Call) -> dict[str, str]:
    _own_group(call)
    return {"code": call.community.callback.code}


def _get_settings(call: Call) -> dict[str, object]:
    return _server(call).subscription.to_json()


def _set_settings(call: Call) -> int:
    _server(call).subscription.change(call.arguments)
    return 1


def _get_poll(call: Call) -> dict[str, str]:
    _own_group(call)
    poll = call.community.long_poll
    if not poll.enabled:
        raise invalid("longpoll for this group is not enabled.")
    server = f"{call.community.world.shelf.url}/wh{call.community.id}"
    return {"key": poll.new_key(), "server": server, "ts": str(poll.ts)}


def _get_poll_settings(call: Call) -> dict[str, object]:
    _own_group(call)
    poll = call.community.long_poll
    return {"is_enabled": poll.enabled, **poll.subscription.to_json()}


def _set_poll_settings(call: Call) -> int:
    _own_group(call)
    poll: LongPoll = call.community.long_poll
    poll.subscription.change(call.arguments)
    if call.arguments.text("enabled"):
        poll.enabled = call.arguments.flag("enabled")
    return 1


METHODS: Final[Mapping[str, Method]] = {
    "messages.send": Method(sending.send, "messages"),
    "messages.edit": Method(sending.edit, "messages"),
    "messages.delete": Method(_delete, "messages"),
    "messages.markAsRead": Method(_mark_as_read, "messages"),
    "messages.setActivity": Method(_set_activity, "messages"),
    "messages.sendMessageEventAnswer": Method(_answer_event, "messages"),
    "messages.isMessagesFromGroupAllowed": Method(_is_allowed, "messages"),
    "messages.getById": Method(_get_by_id, "messages"),
    "messages.getByConversationMessageId": Method(_get_by_cmid, "messages"),
    "messages.getHistory": Method(_get_history, "messages"),
    "messages.sendReaction": Method(_send_reaction, "messages"),
    "messages.deleteReaction": Method(_delete_reaction, "messages"),
    "users.get": Method(_get_users),
    "groups.getById": Method(_get_group),
    "groups.getTokenPermissions": Method(_get_permissions),
    "groups.getCallbackServers": Method(_get_servers, "manage"),
    "groups.addCallbackServer": Method(_add_server, "manage"),
    "groups.editCallbackServer": Method(_edit_server, "manage"),
    "groups.deleteCallbackServer": Method(_delete_server, "manage"),
    "groups.getCallbackConfirmationCode": Method(_get_code, "manage"),
    "groups.getCallbackSettings": Method(_get_settings, "manage"),
    "groups.setCallbackSettings": Method(_set_settings, "manage"),
    "groups.getLongPollServer": Method(_get_poll, "manage"),
    "groups.getLongPollSettings": Method(_get_poll_settings, "manage"),
    "groups.setLongPollSettings": Method(_set_poll_settings, "manage"),
    "photos.getMessagesUploadServer": Method(uploading.photo_server, "photos"),
    "photos.saveMessagesPhoto": Method(uploading.save_photo, "photos"),
    "docs.getMessagesUploadServer": Method(uploading.doc_server, "docs"),
    "docs.save": Method(uploading.save_doc, "docs"),
}
"""Every method that is emulated and the right that it needs. That the receivers' methods need
``manage`` is unverified; a token with all rights has it anyway."""
