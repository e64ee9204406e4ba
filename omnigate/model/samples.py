"""A realistic sample of every event: what a CRM developer writes the receiver against."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from omnigate.model.event import DATA, EPHEMERAL, OPERATIONAL, Envelope, EventType, envelope_model

_WHEN: Final = datetime.fromisoformat("2026-11-21T10:00:00.123+00:00")
_RECORDED: Final = datetime.fromisoformat("2026-11-21T10:00:00.310+00:00")
_EVENT: Final = "evt_06f9d0q7h5s3kc2m8v1e4b6t9g"
_INBOUND: Final = "msg_06f9d0q7h4r8ja5n2u7c1d3s0k"
_OUTBOUND: Final = "msg_06f9d0qb1m6t0e9h3v5k8c2r4g"
_CONTACT: Final = "ctc_06f9d0q7gvn4r1s8d2k6m0h5tc"
_CHANNEL: Final = {"name": "site", "kind": "webchat"}
_CONVERSATION: Final = {
    "id": "cnv_06f9d0q7h2c5t9m1k4v8e3s6r0",
    "external_id": "v-5f0c1d7a",
    "status": "open",
    "context": {
        "page": "https://shop.example.org/bikes/42",
        "title": "City bike 42",
        "landing_page": "https://shop.example.org/?utm_source=news",
        "utm_first": {"source": "news", "medium": "email", "campaign": "autumn"},
        "language": "ru-RU",
        "time_zone": "Europe/Moscow",
        "visits": 3,
    },
}
_CUSTOMER: Final = {
    "id": _CONTACT,
    "display_name": "Anna Petrova",
    "locale": "ru",
    "email": "anna@example.org",
    "addresses": [
        {"address": "webchat:v-5f0c1d7a"},
        {"address": "mailto:anna@example.org", "verified": True},
    ],
}
_RECEIVED: Final = {
    "id": _INBOUND,
    "direction": "inbound",
    "state": "received",
    "created_at": _WHEN,
    "sender": {"address": "webchat:v-5f0c1d7a", "display_name": "Anna Petrova"},
    "text": "Is the city bike in stock?",
    "external_ids": ["c-01"],
    "attachments": [
        {
            "id": "att_06f9d0q7h6k2v8t4m0c3s5r9eg",
            "kind": "image",
            "mime": "image/jpeg",
            "size_bytes": 48213,
            "name": "bike.jpg",
            "width": 1280,
            "height": 960,
            "url": "https://chat.example.org/media/att_06f9d0q7h6k2v8t4m0c3s5r9eg?sig=…",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "state": "ready",
        }
    ],
}
_SENT: Final = {
    "id": _OUTBOUND,
    "direction": "outbound",
    "created_at": _WHEN,
    "text": "Yes, three of them. Shall we put one aside?",
    "buttons": [[{"label": "Yes, please", "value": "reserve:42"}]],
    "author": {"name": "Ivan", "kind": "agent"},
    "reply_to": _INBOUND,
    "client_ref": "case-1029",
}
_CONTACT_CHANGES: Final[dict[EventType, dict[str, Any]]] = {
    EventType.CONTACT_UPDATED: {"changed": ["display_name", "email"]},
    EventType.CONTACT_MERGED: {
        "merged": "ctc_06f9cz3n8e5k1t7v2m4r0s9h6c",
        "reason": "the same verified address",
    },
    EventType.CONTACT_BLOCKED: {"reason": "the customer blocked the company's account"},
    EventType.CONTACT_UNBLOCKED: {},
    EventType.CONTACT_ERASED: {"reason": "asked for by the customer"},
}
_OF_OPERATION: Final[dict[EventType, dict[str, Any]]] = {
    EventType.CHANNEL_DOWN: {
        **_CHANNEL,
        "state": "down",
        "message": "the platform does not answer",
    },
    EventType.CHANNEL_UP: {**_CHANNEL, "state": "up"},
    EventType.DESTINATION_FAILING: {
        "direction": "backend",
        "name": "crm",
        "state": "open",
        "error": "answered 503",
        "failures": 5,
        "failing_since": _WHEN,
    },
    EventType.DESTINATION_RECOVERED: {"direction": "backend", "name": "crm", "state": "ok"},
    EventType.DELIVERY_DEAD: {
        "id": 1042,
        "direction": "backend",
        "destination": "crm",
        "event": "evt_06f9cz3n8e5k1t7v2m4r0s9h6c",
        "message": _INBOUND,
        "reason": "attempts",
        "error": "answered 422",
        "attempts": 5,
    },
}
_OTHERS: Final[dict[EventType, dict[str, Any]]] = {
    EventType.REACTION_CHANGED: {"message": _OUTBOUND, "external_id": "p-77", "emoji": ["👍"]},
    EventType.MESSAGE_CHANGE_FAILED: {
        "message": _OUTBOUND,
        "action": "edit",
        "state": "failed",
        "error": "message can't be edited",
    },
    EventType.BUTTON_PRESSED: {
        "payload": "reserve:42",
        "label": "Yes, please",
        "message": _OUTBOUND,
        "external_id": "p-77",
    },
    EventType.CONVERSATION_STARTED: {"status": "open", "by": "customer"},
    EventType.CONVERSATION_CLOSED: {"status": "closed", "by": "api", "note": "sold"},
    EventType.CONVERSATION_REOPENED: {"status": "open", "by": "customer"},
    EventType.CONVERSATION_TRANSFERRED: {
        "to_backend": "service-desk",
        "from_backend": "crm",
        "note": "asks about a repair",
    },
    EventType.CONVERSATION_RATED: {"score": 5, "comment": "Quick and kind"},
    EventType.TYPING: {"draft": "And do you deliv"},
    EventType.PRESENCE: {"online": True},
    EventType.PAGE_VIEWED: {"url": "https://shop.example.org/cart", "title": "Your cart"},
}


def sample(event_type: EventType) -> Envelope:
    """Return a sample envelope; it is checked against the model of its type."""
    noun, _ = DATA[event_type]
    of_contact = event_type in _CONTACT_CHANGES
    of_operation = event_type in OPERATIONAL
    of_conversation = not of_contact and not of_operation
    fields: dict[str, Any] = {
        "id": _EVENT,
        "type": event_type,
        "timestamp": _WHEN,
        "recorded_at": _RECORDED,
        "sequence": 12 if of_conversation and event_type not in EPHEMERAL else None,
        "channel": _CHANNEL if of_conversation else None,
        "conversation": _conversation(event_type) if of_conversation else None,
        "contact": None if of_operation else _CUSTOMER,
        "data": {noun: _data(event_type)},
    }
    return envelope_model(event_type).model_validate(fields)


def _data(event_type: EventType) -> dict[str, Any]:
    if event_type in _CONTACT_CHANGES:
        return {"id": _CONTACT, **_CONTACT_CHANGES[event_type]}
    if event_type in OPERATIONAL:
        return _OF_OPERATION[event_type]
    if event_type in _OTHERS:
        return _OTHERS[event_type]
    state = event_type.partition(".")[2]
    match event_type:
        case EventType.MESSAGE_RECEIVED:
            return _RECEIVED
        case EventType.MESSAGE_EDITED:
            return {**_RECEIVED, "state": state, "text": "Is the city bike in stock, size M?"}
        case EventType.MESSAGE_DELETED:
            return {**_RECEIVED, "state": state, "text": None, "attachments": []}
    parts: list[dict[str, Any]] = [{"index": 0, "state": state, "external_id": "p-77"}]
    message: dict[str, Any] = {**_SENT, "state": state, "external_ids": ["p-77"], "parts": parts}
    error = {
        EventType.MESSAGE_FAILED: "recipient_blocked: the customer takes no messages",
        EventType.MESSAGE_UNKNOWN: "the platform's answer was lost; it may have been sent",
    }.get(event_type)
    if error is not None:
        parts = [{"index": 0, "state": state, "error": error}]
        message |= {"error": error, "external_ids": [], "parts": parts}
    return message


def _conversation(event_type: EventType) -> dict[str, Any]:
    closed = event_type is EventType.CONVERSATION_CLOSED
    return {**_CONVERSATION, "status": "closed"} if closed else _CONVERSATION
