"""Wrong calls, each with the code and the words that it is refused with."""

from __future__ import annotations

import json
from typing import Any

BAD = "One of the parameters specified was missing or invalid: "
KEYS = "Keyboard format is invalid: "


def keyboard(*rows: Any, **more: Any) -> str:
    return json.dumps({"buttons": list(rows), **more})


def text(label: Any = "Yes", **more: Any) -> dict[str, Any]:
    return {"action": {"type": "text", "label": label, **more}}


def carousel(*elements: Any) -> str:
    return json.dumps({"type": "carousel", "elements": list(elements)})


GOOD: dict[str, Any] = {"random_id": 1, "message": "Hello"}

SENDING: list[tuple[str, dict[str, Any], int, str]] = [
    (
        "no target",
        GOOD,
        100,
        BAD + "you should specify peer_id, user_id, domain, chat_id or user_ids param",
    ),
    (
        "two targets",
        GOOD | {"peer_id": 1, "user_id": 1},
        100,
        BAD + "only one of user_id, peer_id should be specified",
    ),
    (
        "101 targets",
        GOOD | {"peer_ids": ",".join(map(str, range(1, 102)))},
        100,
        BAD + "peer_ids should contain no more than 100 items",
    ),
    ("target is a word", GOOD | {"peer_id": "anna"}, 100, BAD + "peer_id should be integer"),
    (
        "no random_id",
        {"peer_id": "ANNA", "message": "Hello"},
        100,
        BAD + "random_id is a required parameter",
    ),
    (
        "random_id is a word",
        GOOD | {"peer_id": "ANNA", "random_id": "x"},
        100,
        BAD + "random_id should be integer",
    ),
    (
        "random_id of 32 bits without a sign",
        GOOD | {"peer_id": "ANNA", "random_id": 2**31},
        100,
        BAD + "random_id should be integer",
    ),
    (
        "nothing to say",
        {"peer_id": "ANNA", "random_id": 1},
        100,
        BAD + "message is empty or invalid",
    ),
    (
        "only spaces",
        {"peer_id": "ANNA", "random_id": 1, "message": "  \n"},
        100,
        BAD + "message is empty or invalid",
    ),
    (
        "4097 characters",
        GOOD | {"peer_id": "ANNA", "message": "я" * 4097},
        914,
        "Message is too long",
    ),
    (
        "payload of 1001",
        GOOD | {"peer_id": "ANNA", "payload": "x" * 1001},
        100,
        BAD + "payload should be no longer than 1000 characters",
    ),
    (
        "latitude alone",
        GOOD | {"peer_id": "ANNA", "lat": 1},
        100,
        BAD + "lat and long should be specified together",
    ),
    (
        "latitude of 91",
        GOOD | {"peer_id": "ANNA", "lat": 91, "long": 1},
        100,
        BAD + "lat should be between -90 and 90",
    ),
    (
        "flag of 2",
        GOOD | {"peer_id": "ANNA", "dont_parse_links": 2},
        100,
        BAD + "dont_parse_links should be boolean",
    ),
    (
        "unknown intent",
        GOOD | {"peer_id": "ANNA", "intent": "spam"},
        100,
        BAD + "intent should be one of",
    ),
    (
        "intent not granted",
        GOOD | {"peer_id": "ANNA", "intent": "promo_newsletter"},
        943,
        "Cannot use this intent",
    ),
    (
        "unknown attachment",
        GOOD | {"peer_id": "ANNA", "attachment": "photo1_1"},
        100,
        BAD + "attachment is invalid: photo1_1",
    ),
    (
        "11 attachments",
        GOOD | {"peer_id": "ANNA", "attachment": ",".join(["photo1_1"] * 11)},
        100,
        BAD + "attachment should contain no more than 10 items",
    ),
    (
        "answer to nothing",
        GOOD | {"peer_id": "ANNA", "reply_to": 999},
        921,
        "Can't forward these messages",
    ),
    (
        "forward of nothing",
        GOOD | {"peer_id": "ANNA", "forward": '{"conversation_message_ids":[99]}'},
        921,
        "Can't forward these messages",
    ),
    (
        "forward is no JSON",
        GOOD | {"peer_id": "ANNA", "forward": "{"},
        100,
        BAD + "forward contains incorrect JSON",
    ),
    (
        "answer to two",
        GOOD | {"peer_id": "ANNA", "forward": '{"conversation_message_ids":[1,1],"is_reply":1}'},
        100,
        BAD + "forward is_reply should have one message of the same peer",
    ),
    (
        "101 forwarded",
        GOOD | {"peer_id": "ANNA", "forward_messages": ",".join(["1"] * 101)},
        913,
        "Too many forwarded messages",
    ),
    (
        "marking of an unknown kind",
        GOOD
        | {"peer_id": "ANNA", "format_data": '{"items":[{"type":"blink","offset":0,"length":1}]}'},
        100,
        BAD + "format_data has an item of unknown type",
    ),
    (
        "marking beyond the text",
        GOOD
        | {"peer_id": "ANNA", "format_data": '{"items":[{"type":"bold","offset":0,"length":6}]}'},
        100,
        BAD + "format_data has an item out of bounds",
    ),
    ("nobody", GOOD | {"peer_id": 1}, 936, "Contact not found"),
    (
        "another community",
        GOOD | {"peer_id": -5},
        932,
        "Your community can't interact with this peer",
    ),
    ("no such chat", GOOD | {"chat_id": 5}, 927, "Chat does not exist"),
    ("no such short name", GOOD | {"domain": "durov"}, 113, "Invalid user id"),
]

KEYBOARDS: list[tuple[str, str, int, str]] = [
    ("no JSON", "{", 100, BAD + "keyboard contains incorrect JSON"),
    ("a list", "[]", 911, KEYS + "keyboard should be array"),
    ("no buttons", "{}", 911, KEYS + "buttons should be array"),
    (
        "inline is a number",
        keyboard([text()], inline=1),
        911,
        KEYS + "inline property should be boolean",
    ),
    (
        "inline and one-time",
        keyboard([text()], inline=True, one_time=True),
        911,
        KEYS + "one_time is not allowed for inline keyboard",
    ),
    ("six columns", keyboard([text()] * 6), 911, KEYS + "row 0 contains too much columns"),
    ("eleven rows", keyboard(*[[text()]] * 11), 911, KEYS + "buttons contain too much rows"),
    (
        "41 buttons",
        keyboard(*[[text()] * 5] * 8, [text()]),
        911,
        KEYS + "keyboard contains too much buttons",
    ),
    (
        "seven inline rows",
        keyboard(*[[text()]] * 7, inline=True),
        911,
        KEYS + "buttons contain too much rows",
    ),
    (
        "eleven inline buttons",
        keyboard([text()] * 5, [text()] * 5, [text()], inline=True),
        911,
        KEYS + "keyboard contains too much buttons",
    ),
    (
        "an empty label",
        keyboard([text("")]),
        911,
        KEYS + "button [0][0] label should be at least 1 letters length",
    ),
    (
        "label of 41",
        keyboard([text("x" * 41)]),
        911,
        KEYS + "button [0][0] label should be no longer than 40 letters",
    ),
    (
        "payload of 256",
        keyboard([text(payload="x" * 256)]),
        911,
        KEYS + "button [0][0] payload is invalid JSON",
    ),
    (
        "long payload",
        keyboard([text(payload={"a": "x" * 250})]),
        911,
        KEYS + "button [0][0] payload is too long",
    ),
    (
        "payload of null",
        keyboard([text(payload=None)]),
        911,
        KEYS + "button [0][0] payload is invalid",
    ),
    (
        "unknown type",
        keyboard([{"action": {"type": "dance"}}]),
        911,
        KEYS + "button [0][0] has invalid action type",
    ),
    ("unknown field", keyboard([text(hint="?")]), 911, KEYS + "action contains unknown fields"),
    (
        "unknown colour",
        keyboard([{**text(), "color": "pink"}]),
        911,
        KEYS + "button [0][0] has invalid color",
    ),
    (
        "colour of a link",
        keyboard(
            [
                {
                    "action": {"type": "open_link", "link": "https://a.b", "label": "A"},
                    "color": "primary",
                }
            ]
        ),
        911,
        KEYS + "button [0][0] color is allowed only for text and callback",
    ),
    (
        "link to nowhere",
        keyboard([{"action": {"type": "open_link", "link": "{url}", "label": "A"}}]),
        911,
        KEYS + "button [0][0] has invalid link",
    ),
    (
        "application without its id",
        keyboard([{"action": {"type": "open_app", "label": "A"}}]),
        911,
        KEYS + "button [0][0] should have app_id",
    ),
    (
        "label on a location",
        keyboard([{"action": {"type": "location", "label": "Here"}}]),
        911,
        KEYS + "action contains unknown fields",
    ),
]

TEMPLATES: list[tuple[str, str, int, str]] = [
    ("no JSON", "{", 100, BAD + "template contains incorrect JSON"),
    ("not a carousel", '{"type":"poster"}', 911, KEYS + "template type should be carousel"),
    (
        "eleven elements",
        carousel(*[{"title": "A"}] * 11),
        911,
        KEYS + "template should contain from 1 to 10 elements",
    ),
    (
        "title of 81",
        carousel({"title": "x" * 81}),
        911,
        KEYS + "element [0] title should be no longer than 80 letters",
    ),
    (
        "four buttons",
        carousel({"title": "A", "buttons": [text()] * 4}),
        911,
        KEYS + "element [0] contains too much buttons",
    ),
    (
        "unlike elements",
        carousel({"title": "A"}, {"title": "B", "description": "b"}),
        911,
        KEYS + "template elements should have the same structure",
    ),
]

CALLS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("unknown method", "messages.shout", {}, 3, "Unknown method passed"),
    ("no version", "users.get", {"v": None}, 8, "Invalid request: v (version) is required"),
    (
        "no token",
        "users.get",
        {"access_token": None},
        5,
        "User authorization failed: no access_token passed.",
    ),
    (
        "wrong token",
        "users.get",
        {"access_token": "vk1.a.x"},
        5,
        "User authorization failed: invalid access_token (4).",
    ),
    (
        "only for users",
        "video.save",
        {},
        27,
        "Group authorization failed: method is unavailable with group auth.",
    ),
    (
        "another community",
        "groups.getCallbackServers",
        {"group_id": "OTHER"},
        203,
        "Access to group denied",
    ),
    ("no community", "groups.getCallbackServers", {"group_id": 1}, 125, "Invalid group id"),
    ("no group_id", "groups.getLongPollServer", {}, 100, BAD + "group_id is a required parameter"),
    (
        "long poll is off",
        "groups.getLongPollServer",
        {"group_id": "SHOP"},
        100,
        BAD + "longpoll for this group is not enabled.",
    ),
    (
        "unknown version of events",
        "groups.setLongPollSettings",
        {"group_id": "SHOP", "api_version": "5.0"},
        100,
        BAD + "api_version should be one of 5.199",
    ),
    (
        "title of 15",
        "groups.addCallbackServer",
        {"group_id": "SHOP", "url": "http://127.0.0.1:9", "title": "x" * 15},
        100,
        BAD + "title should be no longer than 14 characters",
    ),
    (
        "secret of 51",
        "groups.addCallbackServer",
        {"group_id": "SHOP", "url": "http://127.0.0.1:9", "title": "x", "secret_key": "x" * 51},
        100,
        BAD + "secret_key should be no longer than 50 characters",
    ),
    (
        "address of no web",
        "groups.addCallbackServer",
        {"group_id": "SHOP", "url": "ftp://a", "title": "x"},
        100,
        BAD + "url is invalid",
    ),
    (
        "no such server",
        "groups.setCallbackSettings",
        {"group_id": "SHOP", "server_id": 7},
        104,
        "Not found",
    ),
    (
        "1001 people",
        "users.get",
        {"user_ids": ",".join(["1"] * 1001)},
        100,
        BAD + "user_ids should contain no more than 1000 items",
    ),
    (
        "unknown activity",
        "messages.setActivity",
        {"peer_id": "ANNA", "type": "dancing"},
        100,
        BAD + "type should be one of typing, audiomessage, file, photo, video",
    ),
    (
        "edit of nothing",
        "messages.edit",
        {"peer_id": "ANNA", "message": "x"},
        100,
        BAD + "message_id or cmid is a required parameter",
    ),
    (
        "edit of the customer's",
        "messages.edit",
        {"peer_id": "ANNA", "cmid": 1, "message": "x"},
        920,
        "Can't edit this kind of message",
    ),
    (
        "delete the customer's",
        "messages.delete",
        {"peer_id": "ANNA", "cmids": 1, "delete_for_all": 1},
        924,
        "Can't delete this message for everybody",
    ),
    (
        "answer to no press",
        "messages.sendMessageEventAnswer",
        {"event_id": "e", "user_id": "ANNA", "peer_id": "ANNA"},
        100,
        BAD + "event_id is incorrect",
    ),
    (
        "reaction 99",
        "messages.sendReaction",
        {"peer_id": "ANNA", "cmid": 1, "reaction_id": 99},
        1009,
        "Unknown reaction passed",
    ),
    (
        "unknown document type",
        "docs.getMessagesUploadServer",
        {"type": "film"},
        100,
        BAD + "type should be one of doc, audio_message, graffiti",
    ),
    ("a file that was not uploaded", "docs.save", {"file": "x"}, 100, BAD + "file is incorrect"),
    (
        "a photo that was not uploaded",
        "photos.saveMessagesPhoto",
        {"photo": "x", "server": 1, "hash": "x"},
        129,
        "Invalid photo",
    ),
]


def refusal(body: dict[str, Any]) -> tuple[int, str]:
    return body["error"]["error_code"], body["error"]["error_msg"]


def filled(arguments: dict[str, Any], **names: int) -> dict[str, Any]:
    return {
        one: names.get(value, value) if isinstance(value, str) else value
        for one, value in arguments.items()
    }
