"""What the platform sends, as far as it is understood here; everything else about it is left as it is.

Source: vendor schema 5.199, ``messages_message`` and the objects of the events.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import to_json

import omnigate

Raw = dict[str, Any]


def _as_text(given: Any) -> Any:
    return to_json(given).decode() if isinstance(given, (dict, list)) else given


JsonText = Annotated[str, BeforeValidator(_as_text)]
"""JSON as a text; an object is taken too, for the sake of other versions."""


class Said(omnigate.Payload):
    """A message, but for what is attached to it: that is looked up in the raw one by `content`."""

    date: int
    peer_id: int
    from_id: int
    cmid: int = Field(alias="conversation_message_id")
    text: str = ""
    random_id: int = 0
    payload: JsonText | None = None
    reply_message: Raw | None = None
    action: Raw | None = None
    ref: str | None = None
    ref_source: str | None = None
    update_time: int | None = None
    admin_author_id: int | None = None
    is_cropped: bool = False


class Client(omnigate.Payload):
    """What the client in the person's hand can do."""

    lang_id: int | None = None


class New(omnigate.Payload):
    """A new message."""

    message: Raw
    client_info: Client = Client()


class Who(omnigate.Payload):
    """Somebody allowed or forbade messages, or was put on the blacklist."""

    user_id: int
    key: str = ""
    comment: str = ""


class Press(omnigate.Payload):
    """Somebody pressed a callback button."""

    user_id: int
    peer_id: int
    event_id: str
    payload: Any = None
    conversation_message_id: int | None = None


class Read(omnigate.Payload):
    """Somebody has read everything up to a message."""

    from_id: int
    peer_id: int
    conversation_message_id: int


class React(omnigate.Payload):
    """Somebody put a reaction on a message, or took it off."""

    reacted_id: int
    peer_id: int
    cmid: int
    reaction_id: int | None = None


class TypingState(omnigate.Payload):
    """Somebody is typing, or speaking."""

    from_id: int
    to_id: int
    state: str = "typing"


class Sizes(omnigate.Payload):
    """One size of a picture; it may come without an address."""

    type: str = ""
    url: str = ""
    width: int = 0
    height: int = 0


class Coordinates(omnigate.Payload):
    """A point."""

    latitude: float
    longitude: float


class Geo(omnigate.Payload):
    """A point on the map, and what is known of what there is."""

    coordinates: Coordinates
    place: Any = None
