"""What remains of an event or a message when what it said is taken out.

An erased event stays a valid envelope: identifiers, type, times, sequence, channel and states remain, so
that history has no holes. Of what people wrote, who they are and what platforms call them nothing does:
text is null, a required text is empty, a conversation's ``external_id`` is its own ``id``. To blank
what is blank already changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json, to_json

from omnigate.model.call import Call
from omnigate.model.event import DATA, EventContact, EventConversation, EventType
from omnigate.model.facts import Message

ERASED_SCHEME: Final = "erased"
"""Of the address that a conversation has when its customer was erased."""

_KEPT: Final[dict[str, tuple[str, ...]]] = {
    "message": ("id", "direction", "state", "created_at", "reply_to", "automatic"),
    "reaction": ("message", "by"),
    "change": ("message", "action", "state"),
    "button": ("message",),
    "rating": ("score",),
    "status": ("status", "by"),
    "transfer": ("to_backend", "from_backend"),
    "wait": ("since", "target_seconds", "message", "first"),
    "contact": ("id", "changed", "merged", "merge"),
    "conflict": ("id", "other", "conflict"),
    "call": (
        "id",
        "state",
        "direction",
        "requested_at",
        "callback_at",
        "expires_at",
        "attempt",
        "leg",
        "bridged_at",
        "ring_seconds",
        "talk_seconds",
        "ended_at",
        "cause",
        "source",
        "from_conversation",
    ),
    "channel": ("name", "kind", "state"),
    "destination": ("direction", "name", "state", "failures", "failing_since"),
    "delivery": ("id", "direction", "destination", "event", "message", "reason", "attempts"),
}
"""What stays, by the noun under ``data``: nothing that a person or a platform put into words."""
_REQUIRED_TEXTS: Final[dict[str, dict[str, Any]]] = {
    "reaction": {"external_id": ""},
    "button": {"payload": ""},
    "delivery": {"error": ""},
    "conflict": {"reason": ""},
    "call": {"customer": ""},
}
_ENDED_BY: Final = ("provider_ids", "legs")
"""What of a call its channel needs to follow and end it."""


def blank_envelope(body: str) -> str:
    """Return a stored envelope without anything personal."""
    known = from_json(body)
    noun, model = DATA[EventType(known["type"])]
    conversation, contact = known["conversation"], known["contact"]
    if conversation is not None:
        conversation = EventConversation(
            id=conversation["id"], external_id=conversation["id"], status=conversation["status"]
        ).model_dump(mode="json")
    if contact is not None:
        contact = EventContact(id=contact["id"]).model_dump(mode="json")
    said = known["data"][noun]
    kept = _message(said) if noun == "message" else _chosen(said, noun)
    data = model.model_validate({**kept, **_REQUIRED_TEXTS.get(noun, {})})
    known.update(conversation=conversation, contact=contact)
    known["data"] = {noun: data.model_dump(mode="json")}
    return to_json(known).decode()


def blank_message(content: str) -> str:
    """Return the stored content of an outbound message without anything personal."""
    return Message.model_validate(_message(from_json(content))).model_dump_json()


def blank_call(call: Call) -> Call:
    """Return a call without anything personal."""
    return _blank_call(call, ())


def blank_call_under_way(call: Call) -> Call:
    """Return a call without anything personal but what its platform calls it, to be ended by.

    That is to go with its end: see `omnigate.store.calls`.
    """
    return _blank_call(call, _ENDED_BY)


def _blank_call(call: Call, more: tuple[str, ...]) -> Call:
    said = call.model_dump(mode="json")
    kept = {**_chosen(said, "call"), **{name: said[name] for name in more}}
    return Call.model_validate({**kept, **_REQUIRED_TEXTS["call"]})


def _message(said: dict[str, Any]) -> dict[str, Any]:
    parts = [{"index": part["index"], "state": part["state"]} for part in said.get("parts", ())]
    return {**_chosen(said, "message"), "parts": parts}


def _chosen(said: dict[str, Any], noun: str) -> dict[str, Any]:
    return {name: said[name] for name in _KEPT[noun] if name in said}
