"""How chats and messages of Telegram are called in Omnigate, and back again.

A conversation is ``<chat>``, a topic of a forum ``<chat>/<topic>``, and a chat of a connected business
account ``<connection>@<chat>``. A message is ``<conversation's chat>:<message id>``.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import omnigate

SCHEME = "telegram"


class Place(NamedTuple):
    """A conversation in the platform's terms."""

    chat: int
    topic: int | None = None
    business: str | None = None

    @classmethod
    def of(cls, conversation: str) -> Self:
        """Read a conversation's id; raises `Refused` when it is none of Telegram's."""
        business, at, rest = conversation.rpartition("@")
        chat, slash, topic = rest.partition("/")
        try:
            return cls(int(chat), int(topic) if slash else None, business if at else None)
        except ValueError:
            raise omnigate.Refused(
                "bad_address", f"{conversation!r} is no chat of Telegram"
            ) from None

    @property
    def conversation(self) -> str:
        """Its id in Omnigate."""
        topic = f"/{self.topic}" if self.topic is not None else ""
        business = f"{self.business}@" if self.business is not None else ""
        return f"{business}{self.chat}{topic}"

    @property
    def is_group(self) -> bool:
        """Whether many people may write there; their ids are negative."""
        return self.chat < 0

    def message(self, message_id: int | str) -> str:
        """Return what a message there is called; an album is called by all its numbers."""
        return f"{self._replace(topic=None).conversation}:{message_id}"

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that name it in a call."""
        named: dict[str, Any] = {"chat_id": self.chat}
        if self.topic is not None:
            named["message_thread_id"] = self.topic
        if self.business is not None:
            named["business_connection_id"] = self.business
        return named


def message_numbers(external_id: str) -> list[int]:
    """Return the platform's numbers of a message or an album; raises `Refused` when it is neither."""
    numbers = external_id.rpartition(":")[2].split(",")
    if not all(number.isascii() and number.isdecimal() for number in numbers):
        raise omnigate.Refused("bad_message", f"{external_id!r} is no message of Telegram")
    return [int(number) for number in numbers]
