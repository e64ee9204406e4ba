"""How the queue is told: what each destination is owed of each conversation, and what holds it back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from omnigate import ids
from omnigate.server.holding import Held, Holder, next_try
from omnigate.server.items import AttemptShown, ItemShown, item_fields
from omnigate.store.queue import LaneShown
from omnigate.store.record import time_text
from omnigate.store.schema import LEASED
from omnigate.store.streams import stream_of

State = Literal["waiting", "due", "under way"]


class QueueEntry(BaseModel):
    """What one destination is owed of one conversation, in order."""

    direction: str
    destination: str
    conversation: str | None
    """Null for what belongs to none: what is about a contact, and the gateway's own events."""
    contact: str | None
    """Whom it is about, if it belongs to no conversation."""
    replay: bool
    """It is sent again on an operator's request; what happens now goes before it."""
    replay_id: int | None
    """Of the window of history that it belongs to, see ``/admin/replays``; null: of dead letters."""
    state: State
    pending: int
    head: int
    """The number of its first item: the next one to be tried."""
    attempts: int
    """How often that one was tried."""
    oldest_at: str
    next_try_at: str | None
    """When it is tried next; null while it is under way, and when nobody knows (see ``held``)."""
    held: Held | None
    """Why nothing goes out to the destination at all; null: it only waits for its time."""
    last_error: str | None


class QueuePage(BaseModel):
    """Entries, by destination and conversation."""

    items: list[QueueEntry]
    next: str | None


class QueueItem(ItemShown):
    """Something that is owed."""

    replay: bool
    expires_at: str


class QueueItemPage(BaseModel):
    """Items in the order in which they were queued."""

    items: list[QueueItem]
    next: str | None


class QueueItemInFull(QueueItem):
    """Something that is owed, with what it says and how it was tried."""

    tries: list[AttemptShown]
    content: dict[str, Any] | None
    """The event's envelope, or the message."""


class StillHeld(Held):
    """A destination to which nothing goes out, though something is due."""

    direction: str
    destination: str
    conversations: int
    """How many wait for it."""


class Hurried(BaseModel):
    """What became due, and what waits all the same."""

    conversations: int
    """How many were made due; a conversation counts once for each destination."""
    held: list[StillHeld]


def entry_shown(known: LaneShown, now: int, holds: Holder) -> QueueEntry:
    """Return a lane as it is shown."""
    about = stream_of(known.stream)
    held = None if known.state == LEASED else holds(known.owner)
    return QueueEntry(
        direction=known.owner.direction,
        destination=known.owner.name,
        conversation=about.subject if ids.is_id(about.subject, "cnv") else None,
        contact=about.subject if ids.is_id(about.subject, "ctc") else None,
        replay=known.head.replay,
        replay_id=about.replay_id,
        state=_state(known, held, now),
        pending=known.pending,
        head=known.head.id,
        attempts=known.head.attempts,
        oldest_at=time_text(known.head.created_at),
        next_try_at=None if known.state == LEASED else next_try(known.run_at, held),
        held=held,
        last_error=known.last_error,
    )


def _state(known: LaneShown, held: Held | None, now: int) -> State:
    if known.state == LEASED:
        return "under way"
    return "waiting" if held is not None or known.run_at > now else "due"


def owed_fields(row: Any) -> dict[str, Any]:
    """Return what is shown of an item that is owed, by its row."""
    return {
        **item_fields(row, row.id),
        "replay": row.replay,
        "expires_at": time_text(row.expires_at),
    }
