"""What a token for some channels only gets to see of events and conversations that tell of other channels.

A conversation that is carried on from another one tells what was said there (``context.handover``). Who
may not read that channel is told where the customer comes from, and that the rest is withheld.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json, to_json

from omnigate.server.auth import Caller

_HANDED_OVER: Final = '"handover":{'
"""Stands in the text of an event only where its conversation is carried on from another: whoever writes
it has the quotation marks escaped."""
_WITHHELD: Final[dict[str, Any]] = {"page": None, "title": None, "messages": [], "withheld": True}


def context_for(caller: Caller, context: dict[str, Any]) -> dict[str, Any]:
    """Return the context of a conversation as a caller may see it."""
    told = context.get("handover")
    if told is None or caller.sees(told["channel"]):
        return context
    return {**context, "handover": {**told, **_WITHHELD}}


def envelope_for(caller: Caller, text: str) -> str:
    """Return the text of an event as a caller may see it; only what has to be parsed is."""
    if caller.channels is None or _HANDED_OVER not in text:
        return text
    envelope = from_json(text)
    conversation = envelope["conversation"]
    if conversation is None:
        return text
    context = context_for(caller, conversation["context"])
    if context is conversation["context"]:
        return text
    return to_json({**envelope, "conversation": {**conversation, "context": context}}).decode()
