"""Events as items of the model. Pure: no I/O; the clock is the time at which an event came.

Every event brings something, is one of ours coming back, or is refused with `BadPayload`; kinds that nobody
knows yet become a message with a readable word, and what they say is in its ``extensions``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json, to_json

import omnigate
from omnigate_vk.content import Content, content_of, with_source
from omnigate_vk.marks import Marks
from omnigate_vk.model import New, Press, Raw, React, Read, Said, Who
from omnigate_vk.people import People
from omnigate_vk.places import emoji_of, message_name
from omnigate_vk.sent import SentMessages

Items = Sequence[omnigate.Inbound]

BUTTON: Final = "button"
"""Key under which the payload of a common button has its value."""
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the community knows while events are read."""

    group_id: int
    people: People
    marks: Marks
    sent: SentMessages
    blocked: set[int] = field(default_factory=set)
    """Who is known not to want messages; whoever writes wants them again."""


class _Event:
    """One event: its name, its kind, what stands under it, and when it came."""

    __slots__ = ("came_at", "given", "kind", "known", "name")

    def __init__(self, envelope: Raw, known: Knowledge, came_at_seconds: float) -> None:
        self.name: str = envelope["event_id"]
        self.kind: str = envelope["type"]
        self.given: Any = envelope.get("object")
        self.known = known
        self.came_at = _when(came_at_seconds)

    def profile(self, user_id: int, lang_id: int | None = None) -> omnigate.Profile:
        return self.known.people.profile(user_id, lang_id)


def envelope_of(body: bytes) -> Raw:
    """Return an event as JSON; raises `BadPayload` unless it is an object with a type."""
    try:
        envelope = from_json(body)
    except ValueError as error:
        envelope = _leniently(body, error)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("type"), str):
        raise omnigate.BadPayload("not an event: it has no type")
    return envelope


def _leniently(body: bytes, error: ValueError) -> Any:
    """Return JSON in which half a surrogate pair stands: text is cleaned, never refused."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise omnigate.BadPayload(f"not JSON: {error}"[:500]) from None


def parse_event(envelope: Raw, known: Knowledge, came_at_seconds: float) -> Items:
    """Return what an event says. Raises `BadPayload` when it cannot be understood."""
    kind, name = envelope["type"][:100], envelope.get("event_id")
    if not isinstance(name, str) or not name:
        raise omnigate.BadPayload(f"{kind}: an event without event_id")
    read = _KINDS.get(kind, _unknown)
    try:
        return read(_Event(envelope, known, came_at_seconds))
    except ValidationError as error:
        raise omnigate.BadPayload(f"{kind}: {omnigate.describe(error)}") from None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise omnigate.BadPayload(f"{kind}: {type(error).__name__}: {error}"[:500]) from None


# ---- messages -------------------------------------------------------------------------------------


def _message(event: _Event) -> Items:
    new = New.model_validate(event.given)
    said = Said.model_validate(new.message)
    content = content_of(new.message)
    extensions, automatic = _extensions(said, new.message, content), False
    if said.action is not None:
        content.lines.insert(0, _happened(said.action, event.known.people))
        automatic = True
    button, payload = _pressed(said.payload)
    if payload is not None:
        extensions["payload"] = payload
    return [
        omnigate.InboundMessage(
            external_id=event.name,
            conversation=str(said.peer_id),
            occurred_at=_when(said.date),
            message_id=message_name(said.peer_id, said.cmid),
            sender=event.profile(said.from_id, new.client_info.lang_id),
            text=content.text,
            attachments=with_source(content, said.peer_id, said.cmid),
            location=content.location,
            reply_to=_answered(said),
            forwarded_from=_origin(content, event.known.people),
            button=button,
            handover=said.ref or None,
            context=_context(ref=said.ref, ref_source=said.ref_source),
            automatic=automatic,
            extensions=extensions,
        )
    ]


def _extensions(said: Said, message: Raw, content: Content) -> Raw:
    """Return what the platform has and the model has not."""
    found: Raw = {}
    if content.raw:
        found["attachments"] = content.raw
    if said.is_cropped:
        found["is_cropped"] = True
    for key in ("fwd_messages", "reply_message", "action", "message_tag"):
        if message.get(key):
            found[key] = message[key]
    unknown = {key: value for key, value in message.items() if key not in _ENVELOPE}
    return found | unknown


def _happened(action: Raw, people: People) -> str:
    """Return a readable word for something that happened in a chat of several people."""
    word = str(action.get("type", "action")).replace("_", " ")[:100]
    member, text = action.get("member_id"), action.get("text")
    if isinstance(text, str) and text:
        return f"[{word}: {text}]"
    return f"[{word}: {people.name(member)}]" if isinstance(member, int) else f"[{word}]"


def _pressed(payload: str | None) -> tuple[str | None, Any]:
    """Return the value of a pressed button, and its payload where that is none of our making."""
    if payload is None:
        return None, None
    try:
        said = from_json(payload)
    except ValueError:
        return payload[:_LONGEST], payload
    if isinstance(said, dict) and said.keys() == {BUTTON} and isinstance(said[BUTTON], str):
        return said[BUTTON][:_LONGEST], None
    return payload[:_LONGEST], said


def _origin(content: Content, people: People) -> str | None:
    """Return whom forwarded messages are from, each once."""
    names = (people.name(one) for one in dict.fromkeys(content.forwarded) if one)
    return ", ".join(names)[:_LONGEST] or ("somebody" if content.forwarded else None)


def _answered(said: Said) -> str | None:
    cmid = (said.reply_message or {}).get("conversation_message_id")
    return message_name(said.peer_id, cmid) if isinstance(cmid, int) else None


def _context(**custom: str | None) -> omnigate.Context | None:
    said = {name: value for name, value in custom.items() if value}
    return omnigate.Context(custom=said) if said else None


def _reply(event: _Event) -> Items:
    """Return what somebody else wrote for the community; what we sent is known."""
    said = Said.model_validate(event.given)
    if event.known.marks.is_ours(said.peer_id, said.payload, said.random_id):
        return []
    content = content_of(event.given)
    author = said.admin_author_id
    return [
        omnigate.EchoMessage(
            external_id=event.name,
            conversation=str(said.peer_id),
            occurred_at=_when(said.date),
            message_id=message_name(said.peer_id, said.cmid),
            recipient=event.profile(said.peer_id),
            author=event.known.people.name(author) if author is not None else None,
            text=content.text or ("[location]" if content.location else None),
            attachments=with_source(content, said.peer_id, said.cmid),
        )
    ]


def _edited(event: _Event) -> Items:
    said = Said.model_validate(event.given)
    if said.from_id == -event.known.group_id and event.known.marks.is_ours(
        said.peer_id, said.payload, said.random_id
    ):
        return []
    return [whole(event.given, event.name)]


def whole(message: Raw, external_id: str) -> omnigate.MessageEdited:
    """Return a message as it is now. Raises ``ValidationError`` or ``ValueError``."""
    said = Said.model_validate(message)
    content = content_of(message)
    return omnigate.MessageEdited(
        external_id=external_id,
        conversation=str(said.peer_id),
        occurred_at=_when(said.update_time or said.date),
        message_id=message_name(said.peer_id, said.cmid),
        text=content.text,
        attachments=with_source(content, said.peer_id, said.cmid),
    )


# ---- everything else ------------------------------------------------------------------------------


def _allowed(event: _Event) -> Items:
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
        handover=who.key[:_LONGEST],
        context=_context(key=who.key),
        automatic=True,
    )
    return [unblocked, told]


def _unblocked(event: _Event) -> Items:
    who = Who.model_validate(event.given)
    return [
        omnigate.ContactUnblocked(
            external_id=event.name,
            conversation=str(who.user_id),
            occurred_at=event.came_at,
            sender=event.profile(who.user_id),
        )
    ]


def _blocked(event: _Event) -> Items:
    who = Who.model_validate(event.given)
    reason = "the customer forbade messages"
    if event.kind == "user_block":
        reason = f"put on the community's blacklist {who.comment}"[:_LONGEST].strip()
    return [
        omnigate.ContactBlocked(
            external_id=event.name,
            conversation=str(who.user_id),
            occurred_at=event.came_at,
            sender=event.profile(who.user_id),
            reason=reason,
        )
    ]


def _button(event: _Event) -> Items:
    press = Press.model_validate(event.given)
    given = press.payload
    text = given if isinstance(given, str) else to_json({} if given is None else given).decode()
    value, _ = _pressed(text)
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


def _read(event: _Event) -> Items:
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


def _reaction(event: _Event) -> Items:
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


def _typing(event: _Event) -> Items:
    return []  # fleeting: forwarded by `afterwards`


def _unknown(event: _Event) -> Items:
    """Return a message with a readable word for a kind of event that nobody knows here."""
    given = event.given if isinstance(event.given, dict) else {}
    inner = given.get("message")
    about = inner if isinstance(inner, dict) else given
    who = next((about[key] for key in _PEOPLE if _is_peer(about.get(key))), None)
    if who is None:
        raise omnigate.BadPayload(f"{event.kind}: it is not said who it is about"[:200])
    where = about["peer_id"] if _is_peer(about.get("peer_id")) else who
    when = about.get("date")
    return [
        omnigate.InboundMessage(
            external_id=event.name,
            conversation=str(where),
            occurred_at=_when(when) if isinstance(when, int) else event.came_at,
            sender=event.profile(who),
            text=f"[{event.kind.replace('_', ' ')}]"[:200],
            automatic=True,
            extensions={event.kind: event.given},
        )
    ]


def _is_peer(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 < abs(given) < 2**53


def _when(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("a time that no calendar has") from None


_PEOPLE: Final = ("user_id", "from_id", "reacted_id", "liker_id", "peer_id")
_ENVELOPE: Final = frozenset(
    {
        *("id", "date", "peer_id", "from_id", "text", "out", "conversation_message_id", "geo"),
        *("random_id", "attachments", "payload", "reply_message", "fwd_messages", "action"),
        *("keyboard", "ref", "ref_source", "important", "is_hidden", "update_time", "version"),
        *("admin_author_id", "message_tag", "is_cropped", "is_unavailable", "members_count"),
        *("was_listened", "pinned_at", "expire_ttl", "template", "format_data", "deleted"),
    }
)
"""What is understood, or of no use to a CRM."""

_KINDS: Final[Mapping[str, Callable[[_Event], Items]]] = {
    "message_new": _message,
    "message_reply": _reply,
    "message_edit": _edited,
    "message_allow": _allowed,
    "message_deny": _blocked,
    "user_block": _blocked,
    "user_unblock": _unblocked,
    "message_event": _button,
    "message_read": _read,
    "message_reaction_event": _reaction,
    "message_typing_state": _typing,
}
