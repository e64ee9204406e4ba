"""Updates of the Bot API as items of the model. No I/O; the clock only where the platform tells no time.

Every update brings something or is refused with `BadPayload`; kinds that nobody knows yet become a
message with a readable word, and what they say is in its ``extensions``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pydantic import ValidationError

import omnigate
from omnigate_telegram import happenings, messages
from omnigate_telegram.model import Items, Raw, Update

_KINDS: Final[Mapping[str, Callable[[Update], Items]]] = {
    "message": messages.message,
    "edited_message": messages.edited,
    "channel_post": messages.message,
    "edited_channel_post": messages.edited,
    "business_message": messages.message,
    "edited_business_message": messages.edited,
    "deleted_business_messages": messages.deleted,
    "business_connection": happenings.connected,
    "callback_query": happenings.button,
    "message_reaction": happenings.reaction,
    "my_chat_member": happenings.membership,
}


def update_of(body: bytes) -> Raw:
    """Return an update as JSON; raises `BadPayload` unless it is an object with an id."""
    try:
        update = omnigate.read_json(body)
    except ValueError as error:
        raise omnigate.BadPayload(f"not JSON: {error}") from None
    if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
        raise omnigate.BadPayload("not an update: it has no update_id")
    return update


def parse_update(update: Raw, bot_id: int) -> Items:
    """Return what an update says; ``bot_id`` is our own, whose echoes say nothing new.

    Raises `BadPayload` when it cannot be understood.
    """
    number = str(update["update_id"])
    kind = next((key for key in update if key != "update_id"), None)
    if kind is None:
        raise omnigate.BadPayload("an update without content")
    read = _KINDS.get(kind, happenings.unknown)
    try:
        return read(Update(number, kind, update[kind], bot_id))
    except ValidationError as error:
        raise omnigate.BadPayload(f"{kind}: {omnigate.describe(error)}") from None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise omnigate.BadPayload(f"{kind}: {type(error).__name__}: {error}") from None
