"""Messages as items of the model: new ones, those of others for the community, edits. Pure: no I/O."""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json

import omnigate
from omnigate_vk.content import Content, content_of, with_source
from omnigate_vk.event import LONGEST, Event, Items, when
from omnigate_vk.model import New, Raw, Said
from omnigate_vk.people import People
from omnigate_vk.places import message_name

BUTTON: Final = "button"
"""Key under which the payload of a common button has its value."""


def new(event: Event) -> Items:
    """Return what somebody wrote, or what happened in a chat of several people."""
    new = New.model_validate(event.given)
    said = Said.model_validate(new.message)
    content = content_of(new.message)
    extensions, automatic = _extensions(said, new.message, content), False
    if said.action is not None:
        content.lines.insert(0, _happened(said.action, event.known.people))
        automatic = True
    button, payload = pressed(said.payload)
    if payload is not None:
        extensions["payload"] = payload
    return [
        omnigate.InboundMessage(
            external_id=event.name,
            conversation=str(said.peer_id),
            occurred_at=when(said.date),
            message_id=message_name(said.peer_id, said.cmid),
            sender=event.profile(said.from_id, new.client_info.lang_id),
            text=content.text,
            attachments=with_source(content, said.peer_id, said.cmid),
            location=content.location,
            reply_to=_answered(said),
            forwarded_from=_origin(content, event.known.people),
            button=button,
            handover=(said.ref or "")[:LONGEST] or None,
            context=context(ref=said.ref, ref_source=said.ref_source),
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


def pressed(payload: str | None) -> tuple[str | None, Any]:
    """Return the value of a pressed button, and its payload where that is none of our making."""
    if payload is None:
        return None, None
    try:
        said = from_json(payload)
    except ValueError:
        return payload[:LONGEST], payload
    if isinstance(said, dict) and said.keys() == {BUTTON} and isinstance(said[BUTTON], str):
        return said[BUTTON][:LONGEST], None
    return payload[:LONGEST], said


def _origin(content: Content, people: People) -> str | None:
    """Return whom forwarded messages are from, each once."""
    names = (people.name(one) for one in dict.fromkeys(content.forwarded) if one)
    return ", ".join(names)[:LONGEST] or ("somebody" if content.forwarded else None)


def _answered(said: Said) -> str | None:
    cmid = (said.reply_message or {}).get("conversation_message_id")
    return message_name(said.peer_id, cmid) if isinstance(cmid, int) else None


def context(**custom: str | None) -> omnigate.Context | None:
    """Return a context of what is known of it, or None."""
    said = {name: value for name, value in custom.items() if value}
    return omnigate.Context(custom=said) if said else None


def reply(event: Event) -> Items:
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
            occurred_at=when(said.date),
            message_id=message_name(said.peer_id, said.cmid),
            recipient=event.profile(said.peer_id),
            author=event.known.people.name(author) if author is not None else None,
            text=content.text or ("[location]" if content.location else None),
            attachments=with_source(content, said.peer_id, said.cmid),
        )
    ]


def edited(event: Event) -> Items:
    """Return a message as it is now; our own edits are known."""
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
        occurred_at=when(said.update_time or said.date),
        message_id=message_name(said.peer_id, said.cmid),
        text=content.text,
        attachments=with_source(content, said.peer_id, said.cmid),
        location=content.location,
    )


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
