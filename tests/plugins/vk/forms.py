"""What tables of events are made of: envelopes, messages, attachments, and what each must become.

Sources: "sheet" is the fact sheet of the platform with its sections; names such as ``messages_message`` are
objects of the vendor's JSON schema 5.199; names with a dot are fields of such objects; "composed" has the
fields that the objects require, with values of this file. What is expected is compared only in the fields
that are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import omnigate

Json = dict[str, Any]
Expected = tuple[type[omnigate.Inbound], Json]

GROUP = 4242
ANNA = 777
BORIS = 888
ADMIN = 555
SHOP_CLUB = -31337
"""Another community."""
CHAT = 2_000_000_007
DATE = 1_760_000_000
SAID_AT = "2025-10-09T08:53:20.000Z"
CLIENT: Json = {
    "button_actions": ["text", "callback", "open_link", "location", "vkpay", "open_app"],
    "keyboard": True,
    "inline_keyboard": True,
    "carousel": True,
    "lang_id": 0,
}


@dataclass(frozen=True)
class Case:
    """One event."""

    name: str
    source: str
    event: Json
    expected: tuple[Expected, ...]


class Table:
    """Events, named in their order."""

    def __init__(self, prefix: str) -> None:
        self.cases: list[Case] = []
        self._prefix = prefix

    def case(self, name: str, source: str, kind: str, given: Json, *expected: Expected) -> None:
        """Add an event; ``given`` is its object."""
        event = {
            "group_id": GROUP,
            "type": kind,
            "event_id": f"{self._prefix}{len(self.cases):04x}",
            "v": "5.199",
            "object": given,
        }
        self.cases.append(Case(name, source, event, expected))

    def said(self, name: str, source: str, fields: Json, expected: Json) -> None:
        """Add a new message of a person, and what it says."""
        given = {"message": message(**fields), "client_info": CLIENT}
        self.case(name, source, "message_new", given, (omnigate.InboundMessage, expected))

    def attached(self, kind: str, source: str, body: Any, expected: Json, name: str = "") -> None:
        """Add a new message with nothing but one attachment."""
        fields = {"text": "", "attachments": [{"type": kind, kind: body}]}
        self.said(name or f"attached: {kind}", source, fields, expected)


def message(**fields: Any) -> Json:
    """Return a message from a person to the community."""
    body = {
        "date": DATE,
        "from_id": ANNA,
        "id": 15,
        "version": 10_000_009,
        "out": 0,
        "important": False,
        "is_hidden": False,
        "attachments": [],
        "conversation_message_id": 9,
        "fwd_messages": [],
        "text": "",
        "peer_id": ANNA,
        "random_id": 0,
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def foreign(text: str, **fields: Any) -> Json:
    """Return a message inside another one: ``messages_foreign_message``."""
    return {
        "date": DATE - 60,
        "from_id": BORIS,
        "text": text,
        "attachments": [],
        "conversation_message_id": 8,
        "id": 14,
        "peer_id": BORIS,
        **fields,
    }


def owned(**more: Any) -> Json:
    """Return what has an owner, a number and a key."""
    return {"id": 456239017, "owner_id": ANNA, "date": DATE, "access_key": "ab12cd34", **more}


def size(letter: str, width: int, height: int) -> Json:
    """Return one size of a photo: ``photos_photo_sizes``."""
    url = f"https://sun9-1.userapi.com/{letter}.jpg"
    return {"type": letter, "url": url, "width": width, "height": height}


def image(side: int) -> Json:
    """Return one size of a picture: ``base_image``."""
    return {"url": f"https://vk.com/sticker/1-9046-{side}", "width": side, "height": side}


def differences(given: Any, wanted: Any, place: str = "") -> list[str]:
    """Return where what is given differs from what is named; what is not named may be anything."""
    if isinstance(wanted, dict) and isinstance(given, dict) and wanted:
        return [
            found
            for key, value in wanted.items()
            for found in differences(given.get(key), value, f"{place}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(given, list) and len(wanted) == len(given):
        return [
            found
            for number, (one, other) in enumerate(zip(given, wanted, strict=True))
            for found in differences(one, other, f"{place}[{number}]")
        ]
    return [] if given == wanted else [f"{place}: {given!r}, not {wanted!r}"]
