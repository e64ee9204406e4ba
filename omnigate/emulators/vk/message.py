"""One message as a community's API sees it.

Source: vendor JSON schema 5.199, ``messages_message`` and ``messages_foreign_message``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from omnigate.emulators.vk.files import Attachment

CHAT_PEERS: Final = 2_000_000_000
"""Peers above are chats of several people."""


@dataclass(slots=True, eq=False)
class Message:
    """One message; it changes by edits, deletion and reactions."""

    id: int
    cmid: int
    peer_id: int
    from_id: int
    date: int
    out: bool = False
    """Written by the community."""
    text: str = ""
    random_id: int = 0
    attachments: list[Attachment] = field(default_factory=list)
    geo: dict[str, Any] | None = None
    payload: str | None = None
    keyboard: dict[str, Any] | None = None
    template: dict[str, Any] | None = None
    reply_to: Message | None = None
    forwarded: list[Message] = field(default_factory=list)
    action: dict[str, Any] | None = None
    ref: str | None = None
    ref_source: str | None = None
    update_time: int | None = None
    admin_author_id: int | None = None
    format_data: dict[str, Any] | None = None
    is_cropped: bool = False
    """Events carry only the beginning of it, and the methods that fetch messages all of it; that
    they do, and how much the beginning is, is unverified."""
    deleted: bool = False
    reactions: dict[int, int] = field(default_factory=dict)
    """Reaction by who reacted."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields that no version of the schema knows."""

    def to_json(self, *, cropped: bool = False) -> dict[str, Any]:
        """Return it as the methods and the events have it; ``cropped`` is how events have it."""
        cut = cropped and self.is_cropped
        body: dict[str, Any] = {
            "date": self.date,
            "from_id": self.from_id,
            "id": self.id,
            "version": 10_000_000 + self.cmid,
            "out": int(self.out),
            "important": False,
            "is_hidden": False,
            "attachments": [] if cut else [one.to_json() for one in self.attachments],
            "conversation_message_id": self.cmid,
            "fwd_messages": [] if cut else [one.to_foreign() for one in self.forwarded],
            "text": self.text[:100] if cut else self.text,
            "peer_id": self.peer_id,
            "random_id": self.random_id,
        }
        if cut:
            body["is_cropped"] = True
        if self.reply_to is not None:
            body["reply_message"] = self.reply_to.to_foreign()
        for name in (
            "geo",
            "payload",
            "keyboard",
            "template",
            "action",
            "ref",
            "ref_source",
            "update_time",
            "admin_author_id",
            "format_data",
        ):
            if (value := getattr(self, name)) is not None:
                body[name] = value
        if self.deleted:
            body["deleted"] = 1
        if self.reactions:
            body["reactions"] = [
                {"reaction_id": one, "count": count, "user_ids": users}
                for one, count, users in self._counted()
            ]
        return body | self.extra

    def to_foreign(self) -> dict[str, Any]:
        """Return it as it stands within another one: replied to, or forwarded."""
        body: dict[str, Any] = {
            "date": self.date,
            "from_id": self.from_id,
            "text": self.text,
            "attachments": [one.to_json() for one in self.attachments],
            "conversation_message_id": self.cmid,
            "id": self.id,
            "peer_id": self.peer_id,
        }
        if self.forwarded:
            body["fwd_messages"] = [one.to_foreign() for one in self.forwarded]
        if self.geo is not None:
            body["geo"] = self.geo
        if self.payload is not None:
            body["payload"] = self.payload
        return body

    def _counted(self) -> list[tuple[int, int, list[int]]]:
        users: dict[int, list[int]] = {}
        for user_id, reaction in self.reactions.items():
            users.setdefault(reaction, []).append(user_id)
        return [(one, len(who), who) for one, who in sorted(users.items())]
