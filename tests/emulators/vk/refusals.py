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
    (
        "two quotes",
        GOOD | {"peer_id": "ANNA", "reply_to": 1, "forward": "{}"},
        100,
        BAD + "only one of reply_to, forward should be specified",
    ),
    (
        "forward of nothing known",
        GOOD | {"peer_id": "ANNA", "forward_messages": 99},
        921,
        "Can't forward these messages",
    ),
    (
        "forward is a list",
        GOOD | {"peer_id": "ANNA", "forward": "[]"},
        100,
        BAD + "forward is invalid",
    ),
    (
        "forward of words",
        GOOD | {"peer_id": "ANNA", "forward": '{"message_ids":["x"]}'},
        100,
        BAD + "forward is invalid",
    ),
    (
        "forward of no list",
        GOOD | {"peer_id": "ANNA", "forward": '{"message_ids":1}'},
        100,
        BAD + "forward is invalid",
    ),
    (
        "101 forwarded by numbers",
        GOOD | {"peer_id": "ANNA", "forward": json.dumps({"conversation_message_ids": [1] * 101})},
        913,
        "Too many forwarded messages",
    ),
    (
        "subscription 101",
        GOOD | {"peer_id": "ANNA", "subscribe_id": 101},
        100,
        BAD + "subscribe_id should be between 0 and 100",
    ),
    ("a person below nobody", GOOD | {"user_id": -5}, 100, BAD + "user_id is incorrect"),
    ("peer 0", GOOD | {"peer_id": 0}, 100, BAD + "peer_id is incorrect"),
    (
        "a carousel alone",
        {"random_id": 1, "peer_id": "ANNA", "template": carousel({"title": "A"})},
        100,
        BAD + "message is required for template",
    ),
    (
        "marking without items",
        GOOD | {"peer_id": "ANNA", "format_data": '{"version":"1"}'},
        100,
        BAD + "format_data is invalid",
    ),
    (
        "marking of a negative length",
        GOOD
        | {"peer_id": "ANNA", "format_data": '{"items":[{"type":"bold","offset":0,"length":-1}]}'},
        100,
        BAD + "format_data has an item out of bounds",
    ),
    (
        "latitude is a word",
        GOOD | {"peer_id": "ANNA", "lat": "north", "long": 1},
        100,
        BAD + "lat should be a number",
    ),
]


def refusal(body: dict[str, Any]) -> tuple[int, str]:
    return body["error"]["error_code"], body["error"]["error_msg"]


def filled(arguments: dict[str, Any], **names: int) -> dict[str, Any]:
    return {
        one: names.get(value, value) if isinstance(value, str) else value
        for one, value in arguments.items()
    }
