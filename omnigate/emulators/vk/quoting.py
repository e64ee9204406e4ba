"""What a message answers and what it forwards: ``reply_to``, ``forward``, ``forward_messages``."""

from __future__ import annotations

from typing import Any

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.calls import Call
from omnigate.emulators.vk.errors import Refused, invalid
from omnigate.emulators.vk.message import Message


def quoted(call: Call, peer_id: int) -> dict[str, Any]:
    """Return what a message answers and what it forwards."""
    arguments = call.arguments
    named = [one for one in ("reply_to", "forward", "forward_messages") if arguments.text(one)]
    if len(named) > 1:
        raise invalid(f"only one of {', '.join(named)} should be specified")  # own words
    if not named:
        return {}
    if named[0] == "reply_to":
        return {"reply_to": _find(call, peer_id, message_id=arguments.number("reply_to"))}
    if named[0] == "forward_messages":
        ids = arguments.numbers("forward_messages", 1000)
        if len(ids) > limits.FORWARDED:
            raise Refused(913)
        return {"forwarded": [_find(call, None, message_id=one) for one in ids]}
    return _described(call, peer_id, arguments.document("forward"))


def _described(call: Call, peer_id: int, forward: Any) -> dict[str, Any]:
    """Read ``forward``; its form is unverified."""
    if not isinstance(forward, dict):
        raise invalid("forward is invalid")  # own words
    source = forward.get("peer_id", peer_id)
    cmids, ids = forward.get("conversation_message_ids", []), forward.get("message_ids", [])
    if not (isinstance(cmids, list) and isinstance(ids, list) and isinstance(source, int)):
        raise invalid("forward is invalid")  # own words
    if not all(isinstance(one, int) for one in [*cmids, *ids]) or not [*cmids, *ids]:
        raise invalid("forward is invalid")  # own words
    if len(cmids) + len(ids) > limits.FORWARDED:
        raise Refused(913)
    found = [_find(call, source, cmid=one) for one in cmids]
    found += [_find(call, source, message_id=one) for one in ids]
    if not forward.get("is_reply"):
        return {"forwarded": found}
    if len(found) != 1 or source != peer_id:
        raise invalid("forward is_reply should have one message of the same peer")  # own words
    return {"reply_to": found[0]}


def _find(
    call: Call, peer_id: int | None, *, cmid: int | None = None, message_id: int | None = None
) -> Message:
    conversations = call.community.conversations
    places = conversations.values() if peer_id is None else [conversations.get(peer_id)]
    for place in places:
        if place is not None and (found := place.find(cmid=cmid, message_id=message_id)):
            return found
    raise Refused(921)
