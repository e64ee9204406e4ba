"""What tables of updates are made of: people, chats, messages, files, and what each must become.

Sources: "Bot API" is core.telegram.org/bots/api, version 10.1 of June 2026, by type and field; "server" is
the source of the published Bot API server; "composed" has the fields that the types require, with values
of this file. What is expected is compared only in the fields that are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import omnigate

Json = dict[str, Any]
Expected = tuple[type[omnigate.Inbound], Json]

BOT_ID = 7_000_000_001
DATE = 1_760_000_000
ANNA: Json = {
    "id": 5550001,
    "is_bot": False,
    "first_name": "Анна",
    "last_name": "Петрова",
    "username": "anna",
    "language_code": "ru",
}
BOT: Json = {"id": BOT_ID, "is_bot": True, "first_name": "Shop", "username": "shop_bot"}
PRIVATE: Json = {
    "id": 5550001,
    "first_name": "Анна",
    "last_name": "Петрова",
    "username": "anna",
    "type": "private",
}
GROUP: Json = {
    "id": -4000001,
    "title": "Дачники",
    "type": "group",
    "all_members_are_administrators": True,
}
FORUM: Json = {
    "id": -1004000002,
    "title": "Форум",
    "username": "dacha",
    "type": "supergroup",
    "is_forum": True,
}
NEWS: Json = {"id": -1004000003, "title": "Новости", "username": "news", "type": "channel"}
MEMBER: Json = {"user": BOT, "status": "member"}
KICKED: Json = {"user": BOT, "status": "kicked", "until_date": 0}


@dataclass(frozen=True)
class Case:
    """One update."""

    name: str
    source: str
    update: Json
    expected: tuple[Expected, ...]


class Table:
    """Updates, numbered in their order."""

    def __init__(self, first: int) -> None:
        self.cases: list[Case] = []
        self._first = first

    def case(self, name: str, source: str, content: Json, *expected: Expected) -> None:
        """Add an update; ``content`` is what stands beside its number."""
        number = self._first + len(self.cases)
        self.cases.append(Case(name, source, {"update_id": number, **content}, expected))

    def said(self, name: str, source: str, fields: Json, expected: Json) -> None:
        """Add a message of a person, and what it says."""
        self.case(name, source, message(**fields), (omnigate.InboundMessage, expected))


def message(kind: str = "message", **fields: Any) -> Json:
    """Return an update with a message from a person to the bot; ``sender`` stands for ``from``."""
    body: Json = {"message_id": 17, "from": ANNA, "chat": PRIVATE, "date": DATE, **fields}
    if "sender" in body:
        body["from"] = body.pop("sender")
    return {kind: {name: value for name, value in body.items() if value is not None}}


def size(name: str, width: int, height: int, size_bytes: int) -> Json:
    """Return one size of a picture."""
    return {
        "file_id": f"AgACAgIAAxkBAAI{name}",
        "file_unique_id": f"AQAD{name}",
        "file_size": size_bytes,
        "width": width,
        "height": height,
    }


def file(name: str, **more: Any) -> Json:
    """Return a file of any kind."""
    return {
        "file_id": f"BQACAgIAAxkBAAI{name}",
        "file_unique_id": f"AgAD{name}",
        "file_size": 4096,
        **more,
    }
