"""What remains of an erased event: a valid envelope with its ids, and nothing that anybody said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.model.event import DATA, EPHEMERAL, EventType, envelope_model
from omnigate.model.facts import Message
from omnigate.model.samples import sample
from omnigate.store.blank import _KEPT, blank_envelope, blank_message

DURABLE = sorted(set(EventType) - EPHEMERAL)
CANARY = "canary-7"


def spoilt(value: Any) -> Any:
    """Put a canary into every text that is no id, type, state or time."""
    if isinstance(value, dict):
        return {name: inner if name in FIXED else spoilt(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoilt(inner) for inner in value]
    return f"x:{CANARY} {value}" if isinstance(value, str) else value


FIXED = {
    *("id", "type", "timestamp", "recorded_at", "created_at", "failing_since", "channel"),
    *("direction", "state", "status", "by", "to_backend", "from_backend", "message", "event"),
    *(
        "reason",
        "action",
        "changed",
        "merged",
        "reply_to",
        "name",
        "kind",
        "destination",
        "url",
        "mime",
    ),
    *(
        "since",
        "requested_at",
        "callback_at",
        "expires_at",
        "ended_at",
        "ringing_at",
        "answered_at",
    ),
    *("source", "leg", "from_conversation", "other"),
}
"""What has a shape of its own, or is an id or a name from the configuration."""


@pytest.mark.parametrize("event_type", DURABLE)
def test_a_blank_event_is_valid_keeps_its_ids_and_says_nothing(event_type: EventType) -> None:
    envelope = json.loads(sample(event_type).model_dump_json())
    noun = DATA[event_type][0]
    full = {**spoilt(envelope), "data": {noun: spoilt(envelope["data"][noun])}}
    text = blank_envelope(json.dumps(full))
    assert CANARY not in text
    blank = json.loads(text)
    envelope_model(event_type).model_validate(blank)
    for name in ("id", "type", "timestamp", "recorded_at", "sequence", "gap", "channel"):
        assert blank[name] == full[name]
    for name in ("conversation", "contact"):
        assert (blank[name] or {}).get("id") == (full[name] or {}).get("id")
    assert blank["data"][noun].get("id") == full["data"][noun].get("id")
    assert set(blank) == set(full)
    assert blank_envelope(text) == text
    assert text.index('"gap":') < text.index('"data":')


def test_whoever_adds_a_type_of_event_says_what_stays_of_it() -> None:
    assert set(_KEPT) == {DATA[known][0] for known in DURABLE}


def test_a_blank_message_keeps_what_became_of_it() -> None:
    said = Message.model_validate(
        {
            "id": "msg_1",
            "direction": "outbound",
            "state": "sent",
            "created_at": "2026-01-01T00:00:00Z",
            "text": CANARY,
            "client_ref": CANARY,
            "degraded": [CANARY],
            "error": CANARY,
            "extensions": {"a": CANARY},
            "external_ids": [CANARY],
            "parts": [{"index": 0, "state": "sent", "external_id": CANARY, "error": CANARY}],
        }
    )
    text = blank_message(said.model_dump_json())
    assert CANARY not in text
    blank = Message.model_validate_json(text)
    assert (blank.id, blank.state, [part.state for part in blank.parts]) == (
        "msg_1",
        "sent",
        ["sent"],
    )
