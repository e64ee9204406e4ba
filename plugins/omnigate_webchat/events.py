"""Stored events as frames: the one translation behind session, history, resume and live push."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import omnigate
from omnigate_webchat.answers import Frame

RESUME_LIMIT: Final = 500
"""How many events a resume replays; who missed more starts anew."""

_PAGE: Final = 100
_TYPE: Final = omnigate.EventType

_MESSAGE_FRAMES: Final = {
    _TYPE.MESSAGE_RECEIVED: "msg.new",
    _TYPE.MESSAGE_SENT: "msg.new",
    _TYPE.MESSAGE_EDITED: "msg.update",
}
_RECEIPTS: Final = {_TYPE.MESSAGE_DELIVERED: "delivered", _TYPE.MESSAGE_READ: "read"}
_STATUS: Final = {_TYPE.CONVERSATION_CLOSED: "closed", _TYPE.CONVERSATION_REOPENED: "open"}


def message_key(visitor: str, cid: str) -> str:
    """Return the platform's id of a visitor's message: nobody else's client id can collide with it."""
    return f"msg:{visitor}:{cid}"


def sent_key(conversation: str, message: str) -> str:
    """Return the platform's id of a message of the company.

    The conversation is part of it, so that a receipt can only ever name a message of its own.
    """
    return f"{message}@{conversation}"


def frame_of(event: omnigate.Event) -> Frame | None:
    """Return what the visitor is told of an event, or None when it is none of their business."""
    kind = event.type
    if kind in _MESSAGE_FRAMES:
        envelope = event.envelope
        message = omnigate.Message.model_validate(envelope.data["message"])
        data = _message(message, at=omnigate.rfc3339(envelope.timestamp))
        return {"t": _MESSAGE_FRAMES[kind], "seq": event.sequence, "d": data}
    if kind is _TYPE.MESSAGE_DELETED:
        return {"t": "msg.delete", "seq": event.sequence, "d": {"id": _message_id(event)}}
    if kind in _RECEIPTS:
        data = {"id": _message_id(event), "state": _RECEIPTS[kind]}
        return {"t": "receipt", "seq": event.sequence, "d": data}
    if kind in _STATUS:
        return {"t": "state", "seq": event.sequence, "d": {"status": _STATUS[kind]}}
    return None


@dataclass(frozen=True, slots=True)
class Page:
    """Frames in order of sequence, and what lies before them."""

    frames: list[Frame]
    more: bool
    before: int | None
    """Sequence to ask for what is older."""


class EventLog:
    """Reads conversations' stored events as frames. Callers name only conversations of a pass."""

    def __init__(self, host: omnigate.ChannelHost) -> None:
        self._host = host

    async def after(self, conversation: str, cursor: int) -> tuple[list[Frame], int, bool]:
        """Return the next frames after the cursor, the new cursor, and whether there may be more."""
        events = await self._host.history(conversation, after=cursor, limit=_PAGE)
        frames = [frame for event in events if (frame := frame_of(event)) is not None]
        return frames, _last(events, cursor), len(events) == _PAGE

    async def latest(self, conversation: str, *, before: int | None, limit: int) -> Page:
        """Return the latest ``limit`` frames before a sequence number, without receipts."""
        pages: list[list[Frame]] = []
        count = 0
        more = True
        while more and count < limit:
            events = await self._host.history(
                conversation, before=2**53 if before is None else before, limit=_PAGE
            )
            frames = [
                frame
                for event in events
                if event.type not in _RECEIPTS and (frame := frame_of(event)) is not None
            ]
            pages.insert(0, frames)
            count += len(frames)
            if events:
                before = events[0].sequence
            more = len(events) == _PAGE
        flat = [frame for page in pages for frame in page]
        if len(flat) > limit:
            flat, more = flat[-limit:], True
        oldest = flat[0]["seq"] if flat else before
        return Page(flat, more, oldest if more else None)

    async def last_said(self, conversation: str) -> str | None:
        """Return the id of the visitor's latest message, if it is among the latest events."""
        page = await self.latest(conversation, before=None, limit=_PAGE)
        said = (
            frame["d"]["id"]
            for frame in reversed(page.frames)
            if frame["t"] == "msg.new" and frame["d"]["direction"] == "in"
        )
        return next(said, None)


def resumes(info: omnigate.ConversationInfo | None, after: int) -> bool:
    """Tell whether a client that saw ``after`` can be brought up to date by replaying."""
    last = 0 if info is None else info.last_sequence
    return after <= last and last - after <= RESUME_LIMIT


def _last(events: Sequence[omnigate.Event], cursor: int) -> int:
    sequence = events[-1].sequence if events else None
    return cursor if sequence is None else sequence


def _message_id(event: omnigate.Event) -> str:
    return str(event.envelope.data["message"]["id"])


def _message(message: omnigate.Message, at: str) -> dict[str, Any]:
    inbound = message.direction == "inbound"
    data: dict[str, Any] = {
        "id": message.id,
        "direction": "in" if inbound else "out",
        "text": message.text or "",
        "attachments": [_attachment(file) for file in message.attachments],
        "buttons": [[button.model_dump() for button in row] for row in message.buttons],
        "author": None if message.author is None else message.author.model_dump(),
        "at": at,
    }
    if inbound and message.external_ids and message.external_ids[0].startswith("msg:"):
        data["cid"] = message.external_ids[0].rpartition(":")[2]
    return data


def _attachment(file: omnigate.Attachment) -> dict[str, Any]:
    return file.model_dump(
        include={"id", "kind", "mime", "name", "size_bytes", "url", "state", "width", "height"}
    )
