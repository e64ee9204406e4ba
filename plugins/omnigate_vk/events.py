"""Events as items of the model. Pure: no I/O; the clock is the time at which an event came.

Every event brings something, is one of ours coming back, or is refused with `BadPayload`; kinds that nobody
knows yet become a message with a readable word, and what they say is in its ``extensions``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import to_json

import omnigate
from omnigate_vk import messages
from omnigate_vk.event import LONGEST, Event, Items, Knowledge, when
from omnigate_vk.model import Press, Raw, React, Read, Who
from omnigate_vk.places import emoji_of, message_name


def envelope_of(body: bytes) -> Raw:
    """Return an event as JSON; raises `BadPayload` unless it is an object with a type."""
    try:
        envelope = omnigate.read_json(body)
    except ValueError as error:
        raise omnigate.BadPayload(f"not JSON: {error}"[:500]) from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("type"), str):
        raise omnigate.BadPayload("not an event: it has no type")
    return envelope


def parse_event(envelope: Raw, known: Knowledge, came_at_seconds: float) -> Items:
    """Return what an event says. Raises `BadPayload` when it cannot be understood."""
    kind, name = envelope["type"][:100], envelope.get("event_id")
    if not isinstance(name, str) or not name:
        raise omnigate.BadPayload(f"{kind}: an event without event_id")
    read = _KINDS.get(kind, _unknown)
    try:
        return read(Event(envelope, known, came_at_seconds))
    except ValidationError as error:
        raise omnigate.BadPayload(f"{kind}: {omnigate.describe(error)}") from None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise omnigate.BadPayload(f"{kind}: {type(error).__name__}: {error}"[:500]) from None


def _allowed(event: Event) -> Items:
    who = Who.model_validate(event.given)
    unblocked = omnigate.ContactUnblocked(
        external_id=event.name,
        conversation=str(who.user_id),
        occurred_at=event.came_at,
        sender=event.profile(who.user_id),
    )
    if not who.key:
        return [unblocked]
    # The key is what a widget of the company's own was given: it brings the customer, as a link does.
    told = omnigate.InboundMessage(
        external_id=f"{event.name}:key",
        conversation=str(who.user_id),
        occurred_at=event.came_at,
        sender=event.profile(who.user_id),
        text="[messages allowed]",
        handover=who.key[:LONGEST],
        context=messages.context(key=who.key),
        automatic=True,
    )
    return [unblocked, told]


def _unblocked(event: Event) -> Items:
    who = Who.model_validate(event.given)
    return [
        omnigate.ContactUnblocked(
            external_id=event.name,
            conversation=str(who.user_id),
            occurred_at=event.came_at,
            sender=event.profile(who.user_id),
        )
    ]


def _blocked(event: Event) -> Items:
    who = Who.model_validate(event.given)
    reason = "the customer forbade messages"
    if event.kind == "user_block":
        reason = f"put on the community's blacklist {who.comment}"[:LONGEST].strip()
    return [
        omnigate.ContactBlocked(
            external_id=event.name,
            conversation=str(who.user_id),
            occurred_at=event.came_at,
            sender=event.profile(who.user_id),
            reason=reason,
        )
    ]


def _button(event: Event) -> Items:
    press = Press.model_validate(event.given)
    given = press.payload
    text = given if isinstance(given, str) else to_json({} if given is None else given).decode()
    value, _ = messages.pressed(text)
    cmid = press.conversation_message_id
    return [
        omnigate.ButtonPressed(
            external_id=event.name,
            conversation=str(press.peer_id),
            occurred_at=event.came_at,
            sender=event.profile(press.user_id),
            message_id=message_name(press.peer_id, cmid) if cmid is not None else None,
            payload=value or "",
        )
    ]


def _read(event: Event) -> Items:
    read = Read.model_validate(event.given)
    up_to = read.conversation_message_id
    return [
        omnigate.Receipt(
            external_id=f"{event.name}:{cmid}",
            conversation=str(read.peer_id),
            occurred_at=event.came_at,
            message_id=message_name(read.peer_id, cmid),
            state="read",
        )
        for cmid in event.known.sent.up_to(read.peer_id, up_to)
    ]


def _reaction(event: Event) -> Items:
    react = React.model_validate(event.given)
    return [
        omnigate.Reaction(
            external_id=event.name,
            conversation=str(react.peer_id),
            occurred_at=event.came_at,
            sender=event.profile(react.reacted_id),
            message_id=message_name(react.peer_id, react.cmid),
            emoji=[] if react.reaction_id is None else [emoji_of(react.reaction_id)],
        )
    ]


def _typing(event: Event) -> Items:
    return []  # fleeting: forwarded by `afterwards`


def _unknown(event: Event) -> Items:
    """Return a message with a readable word for a kind of event that nobody knows here."""
    given = event.given if isinstance(event.given, dict) else {}
    inner = given.get("message")
    about = inner if isinstance(inner, dict) else given
    who = next((about[key] for key in _PEOPLE if _is_peer(about.get(key))), None)
    if who is None:
        raise omnigate.BadPayload(f"{event.kind}: it is not said who it is about"[:200])
    where = about["peer_id"] if _is_peer(about.get("peer_id")) else who
    said_at = about.get("date")
    return [
        omnigate.InboundMessage(
            external_id=event.name,
            conversation=str(where),
            occurred_at=when(said_at) if isinstance(said_at, int) else event.came_at,
            sender=event.profile(who),
            text=f"[{event.kind.replace('_', ' ')}]"[:200],
            automatic=True,
            extensions={event.kind: event.given},
        )
    ]


def _is_peer(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 < abs(given) < 2**53


_PEOPLE: Final = ("user_id", "from_id", "reacted_id", "liker_id", "peer_id")

_KINDS: Final[Mapping[str, Callable[[Event], Items]]] = {
    "message_new": messages.new,
    "message_reply": messages.reply,
    "message_edit": messages.edited,
    "message_allow": _allowed,
    "message_deny": _blocked,
    "user_block": _blocked,
    "user_unblock": _unblocked,
    "message_event": _button,
    "message_read": _read,
    "message_reaction_event": _reaction,
    "message_typing_state": _typing,
}
