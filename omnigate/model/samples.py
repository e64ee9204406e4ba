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
_OTHER: Final = "ctc_06f9d2h68e5k1t7v2m4r0s9h6c"
"""The younger one of two: the older id stays."""
_CONTACT_CHANGES: Final[dict[EventType, dict[str, Any]]] = {
    EventType.CONTACT_UPDATED: {"changed": ["display_name", "email"]},
    EventType.CONTACT_MERGED: {
        "merged": _OTHER,
        "merge": 17,
        "reason": "verified",
    },
    EventType.CONTACT_UNMERGED: {
        "merged": _OTHER,
        "merge": 17,
        "reason": "two people share a phone",
    },
    EventType.CONTACT_CONFLICT: {
        "other": _OTHER,
        "address": "tel:+79161234567",
        "reason": "each has a user: of its own",
        "conflict": 4,
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
_CALL: Final = {
    "id": "cal_06f9d0r2k8m4t1v6s3c0h5n9eg",
    "customer": "+79161234567",
    "agent": "sales",
    "requested_at": _WHEN,
    "attempt": 1,
    "source": "widget",
    "from_conversation": _CONVERSATION["id"],
    "note": "asks about the city bike",
}
_CALLING: Final = {"name": "phone", "kind": "call"}
_CALLED: Final = {
    "id": "cnv_06f9d0r2k8n2s6v1t4c9m3h7r0",
    "external_id": _CALL["customer"],
    "status": "open",
}
_CALLER: Final = {
    **_CUSTOMER,
    "phone": _CALL["customer"],
    "addresses": [*_CUSTOMER["addresses"], {"address": f"tel:{_CALL['customer']}"}],
}
_RUNG: Final = {"leg": "agent", "ringing_at": _WHEN, "answered_at": _WHEN}
_OVER: Final = {"ended_at": _RECORDED, "cause": 16, "cause_text": "Normal Clearing"}
_TALKED: Final = [{**_RUNG, **_OVER}, {**_RUNG, **_OVER, "leg": "customer"}]
_CALLS: Final[dict[EventType, dict[str, Any]]] = {
    EventType.CALL_REQUESTED: {"state": "requested", "attempt": 0},
    EventType.CALL_QUEUED: {"state": "queued", "callback_at": _RECORDED},
    EventType.CALL_RINGING: {
        "state": "customer_ringing",
        "leg": "customer",
        "legs": [_RUNG, {"leg": "customer", "ringing_at": _WHEN}],
    },
    EventType.CALL_ANSWERED: {
        "state": "customer_answered",
        "leg": "customer",
        "legs": [_RUNG, {**_RUNG, "leg": "customer"}],
        "ring_seconds": 4.2,
    },
    EventType.CALL_ENDED: {
        "state": "completed",
        "legs": _TALKED,
        "ended_at": _RECORDED,
        "ring_seconds": 4.2,
        "talk_seconds": 184.0,
        "cause": 16,
        "cause_text": "Normal Clearing",
    },
    EventType.CALL_MISSED: {
        "state": "customer_no_answer",
        "legs": [
            {**_RUNG, **_OVER},
            {
                "leg": "customer",
                "ringing_at": _WHEN,
                "ended_at": _RECORDED,
                "cause": 19,
                "cause_text": "User alerting, no answer",
            },
        ],
        "ended_at": _RECORDED,
        "cause": 19,
        "cause_text": "User alerting, no answer",
    },
    EventType.CALL_UNKNOWN: {
        "state": "unknown",
        "error": "the platform's answer was lost; it may have been dialled",
    },
    EventType.CALL_RECORDED: {
        "state": "completed",
        "legs": _TALKED,
        "recording": {
            "id": "att_06f9d0t1h4k7v2m5r8c0s3n6eg",
            "kind": "audio",
            "mime": "audio/wav",
            "size_bytes": 2944044,
            "duration_seconds": 184.0,
            "url": "https://chat.example.org/media/att_06f9d0t1h4k7v2m5r8c0s3n6eg?sig=…",
            "state": "ready",
        },
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
        "history": [_RECEIVED],
    },
    EventType.CONVERSATION_OVERDUE: {
        "since": _WHEN,
        "target_seconds": 60.0,
        "message": _INBOUND,
        "first": True,
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
    of_call = event_type in _CALLS
    of_conversation = not of_contact and not of_operation
    fields: dict[str, Any] = {
        "id": _EVENT,
        "type": event_type,
        "timestamp": _WHEN,
        "recorded_at": _RECORDED,
        "sequence": 12 if of_conversation and event_type not in EPHEMERAL else None,
        "channel": (_CALLING if of_call else _CHANNEL) if of_conversation else None,
        "conversation": _conversation(event_type) if of_conversation else None,
        "contact": None if of_operation else _CALLER if of_call else _CUSTOMER,
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
    if event_type in _CALLS:
        return {**_CALL, **_CALLS[event_type]}
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
    if event_type in _CALLS:
        return _CALLED
    closed = event_type is EventType.CONVERSATION_CLOSED
    return {**_CONVERSATION, "status": "closed"} if closed else _CONVERSATION
