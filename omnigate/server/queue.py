"""``/admin/queue``: what is owed and has not gone out, for the operator to look at, hasten or drop."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from aiohttp import web
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Connection

from omnigate.model.text import Model
from omnigate.server.dead import content_of
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.selecting import (
    AttemptShown,
    Name,
    Outcome,
    Portion,
    Refusal,
    RowId,
    attempts_shown,
    check_destination,
    number_of,
)
from omnigate.store import queue
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.dead import read_attempts
from omnigate.store.queue import Haste, LaneShown, QueueFilter
from omnigate.store.record import time_text
from omnigate.store.schema import LEASED
from omnigate.store.selection import CHUNK, destinations_called

Stream = Annotated[str, Field(max_length=300)]
State = Literal["waiting", "due", "under way"]


class _Filter(Model):
    to: Name | None = Field(None, description="Only for the backend or channel of this name.")
    stream: Stream | None = Field(None, description="Only this lane: a conversation's id.")

    def as_stored(self) -> QueueFilter:
        """Return the filter in the store's words."""
        return QueueFilter(self.to, self.stream)


class QueueQuery(_Filter, PageQuery):
    """Which part of the queue is meant."""


class Hurry(_Filter):
    """Which lanes to try now; all when nothing is named."""


class QueueSelection(_Filter, Portion):
    """Items to drop: some by number, those that a filter names, or all."""

    ids: Annotated[list[RowId], Field(max_length=CHUNK)] = []
    all: bool = False
    """Every one; nothing else may be named then."""
    up_to: RowId | None = None
    """Nothing that was queued after the item of this number."""

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        filters = self.to is not None or self.stream is not None
        if sum([bool(self.ids), filters, self.all]) != 1:
            raise ValueError("name ids, or a filter, or all")
        return self


class QueueLane(BaseModel):
    """A lane that owes something: a conversation towards one destination."""

    direction: str
    destination: str
    stream: str
    state: State
    pending: int
    head: int
    """The number of its first item: the next one to be tried."""
    attempts: int
    """How often that one was tried."""
    oldest_at: str
    next_try_at: str | None
    """When it is tried again; null while it is under way."""
    last_error: str | None
    replay: bool


class QueuePage(BaseModel):
    """Lanes, by destination and name."""

    items: list[QueueLane]
    next: str | None


class QueueItem(BaseModel):
    """Something that is owed."""

    id: int
    direction: str
    destination: str
    stream: str
    event: str | None
    type: str | None
    message: str | None
    conversation: str | None
    sequence: int | None
    attempts: int
    replay: bool
    created_at: str
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


class Hurried(BaseModel):
    """How many lanes are tried now."""

    lanes: int


class Dropping(Outcome):
    """What a call did, and where it is to stop."""

    up_to: int
    """Give it to the calls that follow, so that they end."""


async def list_lanes(call: Call) -> web.StreamResponse:
    """Answer with a page of lanes that owe something."""
    query: QueueQuery = call.query
    await check_destination(call, query.to)
    place = unseal(query.cursor, int, str)
    found = await call.services.store.read(
        queue.list_lanes,
        query.as_stored(),
        after=(place[0], place[1]) if place else None,
        limit=query.limit,
    )
    now = call.services.store.now()
    more = seal(found[-1].destination_id, found[-1].stream) if len(found) == query.limit else None
    return call.answer(QueuePage(items=[_lane(known, now) for known in found], next=more))


async def list_items(call: Call) -> web.StreamResponse:
    """Answer with a page of items."""
    query: QueueQuery = call.query
    await check_destination(call, query.to)
    place = unseal(query.cursor, int)
    rows = await call.services.store.read(
        queue.list_items, query.as_stored(), after=place[0] if place else 0, limit=query.limit
    )
    more = seal(rows[-1].id) if len(rows) == query.limit else None
    return call.answer(QueueItemPage(items=[QueueItem(**_fields(row)) for row in rows], next=more))


async def show_item(call: Call) -> web.StreamResponse:
    """Answer with one item, its attempts and what it says."""
    found = await call.services.store.read(_read, number_of(call, "item"))
    if found is None:
        raise Denied(404, f"Nothing of the number {call.id} is owed; see omnigate queue list.")
    return call.answer(found)


async def retry(call: Call) -> web.StreamResponse:
    """Make waiting lanes due now."""
    wanted: Hurry = call.body
    await check_destination(call, wanted.to)
    owners = await call.services.store.read(destinations_called, wanted.to)
    haste, lanes = Haste(list(owners), call.services.store.now(), wanted.stream), 0
    while True:
        count = await call.services.store.writer.do(queue.hasten, haste, weight=CHUNK)
        lanes += count
        if count < CHUNK:
            return call.answer(Hurried(lanes=lanes))


async def drop(call: Call) -> web.StreamResponse:
    """Take items out of the queue; messages among them fail, gaps are announced."""
    wanted: QueueSelection = call.body
    store = call.services.store
    await check_destination(call, wanted.to)
    up_to = wanted.up_to if wanted.up_to is not None else await store.read(queue.last_item)
    if wanted.dry_run:
        count = (
            len(await store.read(queue.known_items, wanted.ids))
            if wanted.ids
            else await store.read(queue.count_items, wanted.as_stored(), up_to)
        )
        return call.answer(Dropping(count=count, up_to=up_to))
    ids = wanted.ids or await store.read(
        queue.next_items, wanted.as_stored(), wanted.after, up_to, wanted.limit
    )
    done = await store.writer.do(abandon, Abandonment(ids, "cancelled"), weight=len(ids))
    refused = [
        Refusal(id=number, why="it is being sent at this moment") for number in done.under_way
    ]
    known = {*done.gone, *done.under_way}
    refused += [
        Refusal(id=number, why="nothing of this number is owed")
        for number in dict.fromkeys(wanted.ids)
        if number not in known
    ]
    following = ids[-1] if not wanted.ids and len(ids) == wanted.limit else None
    return call.answer(Dropping(count=len(done.gone), refused=refused, next=following, up_to=up_to))


def _read(connection: Connection, number: int) -> QueueItemInFull | None:
    row = queue.read_item(connection, number)
    if row is None:
        return None
    tries = attempts_shown(read_attempts(connection, number))
    return QueueItemInFull(**_fields(row), tries=tries, content=content_of(connection, row))


def _lane(known: LaneShown, now: int) -> QueueLane:
    state: State = "waiting" if known.run_at > now else "due"
    if known.state == LEASED:
        state = "under way"
    return QueueLane(
        direction=known.direction,
        destination=known.to,
        stream=known.stream,
        state=state,
        pending=known.pending,
        head=known.head.id,
        attempts=known.head.attempts,
        oldest_at=time_text(known.head.created_at),
        next_try_at=None if known.state == LEASED else time_text(known.run_at),
        last_error=known.last_error,
        replay=known.head.replay,
    )


def _fields(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "direction": row.direction,
        "destination": row.name,
        "stream": row.stream,
        "event": row.event_id,
        "type": row.event_type,
        "message": row.message_id,
        "conversation": row.conversation_id,
        "sequence": row.sequence,
        "attempts": row.attempts,
        "replay": row.replay,
        "created_at": time_text(row.created_at),
        "expires_at": time_text(row.expires_at),
    }


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/queue",
        summary="List the lanes that owe something",
        run=list_lanes,
        scope="admin",
        query=QueueQuery,
        answers=QueuePage,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/admin/queue/items",
        summary="List what is owed",
        run=list_items,
        scope="admin",
        query=QueueQuery,
        answers=QueueItemPage,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/admin/queue/items/{id}",
        summary="Show something that is owed: what it says, how it was tried",
        run=show_item,
        scope="admin",
        answers=QueueItemInFull,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/admin/queue/retry",
        summary="Try waiting lanes now",
        run=retry,
        scope="admin",
        body=Hurry,
        body_required=False,
        answers=Hurried,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/admin/queue/drop",
        summary="Take items out of the queue, up to 500 a call",
        run=drop,
        scope="admin",
        body=QueueSelection,
        answers=Dropping,
        errors=(404,),
    ),
)
