"""``/admin/queue``: what is owed and has not gone out, for the operator to look at, hasten or drop.

What one destination is owed of one conversation goes out in order; that is one entry of the list. What is
replayed of the conversation stands beside it, in an entry of its own.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field
from sqlalchemy import Connection

from omnigate import ids
from omnigate.model.text import Model
from omnigate.server.holding import holder
from omnigate.server.items import attempts_of, content_of
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.queued import (
    Hurried,
    QueueItem,
    QueueItemInFull,
    QueueItemPage,
    QueuePage,
    StillHeld,
    entry_shown,
    owed_fields,
)
from omnigate.server.selecting import (
    Done,
    Name,
    Outcome,
    Selection,
    Task,
    check_destination,
    number_of,
    require_one_destination,
    work_on,
)
from omnigate.store import queue
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.hastening import Haste, count_waiting, hasten
from omnigate.store.queue import QueueFilter
from omnigate.store.selection import CHUNK, destinations_called
from omnigate.store.subjects import is_known

Subject = Annotated[str, Field(pattern=r"^(cnv|ctc)_[0-9a-v]{26}$")]


class _Filter(Model):
    to: Name | None = Field(
        None,
        description="Only for the backend or channel of this name; ``backend:shop`` where both have it.",
    )
    conversation: Subject | None = Field(
        None,
        description="Only of this conversation, its replays too: ``cnv_…``;"
        " ``ctc_…`` for what is about a contact and belongs to no conversation.",
    )


class QueueQuery(_Filter, PageQuery):
    """Which part of the queue is meant."""


class Hurry(_Filter):
    """What to try now; all when nothing is named."""


class QueueSelection(_Filter, Selection):
    """Items to drop."""


async def list_entries(call: Call) -> web.StreamResponse:
    """Answer with a page of what is owed, by destination and conversation."""
    query: QueueQuery = call.query
    wanted = await _checked(call, query)
    place = unseal(query.cursor, int, str)
    found = await call.services.store.read(
        queue.list_lanes,
        wanted,
        after=(place[0], place[1]) if place else None,
        limit=query.limit,
    )
    now, holds = call.services.store.now(), await holder(call.services)
    more = seal(found[-1].owner.id, found[-1].stream) if len(found) == query.limit else None
    return call.answer(
        QueuePage(items=[entry_shown(known, now, holds) for known in found], next=more)
    )


async def list_items(call: Call) -> web.StreamResponse:
    """Answer with a page of items."""
    query: QueueQuery = call.query
    wanted = await _checked(call, query)
    place = unseal(query.cursor, int)
    rows = await call.services.store.read(
        queue.list_items, wanted, after=place[0] if place else 0, limit=query.limit
    )
    more = seal(rows[-1].id) if len(rows) == query.limit else None
    return call.answer(
        QueueItemPage(items=[QueueItem(**owed_fields(row)) for row in rows], next=more)
    )


async def show_item(call: Call) -> web.StreamResponse:
    """Answer with one item, its attempts and what it says."""
    found = await call.services.store.read(_read, number_of(call, "item"))
    if found is None:
        raise Denied(404, f"Nothing of the number {call.id} is owed; see omnigate queue list.")
    return call.answer(found)


async def retry(call: Call) -> web.StreamResponse:
    """Make due now what waits for a later try, and tell what holds it back all the same."""
    asked: Hurry = call.body
    store = call.services.store
    wanted = await _checked(call, asked)
    owners = await store.read(destinations_called, wanted.to)
    haste, made = Haste(list(owners), store.now(), wanted.subject), 0
    while True:
        count = await store.writer.do(hasten, haste, weight=CHUNK)
        made += count
        if count < CHUNK:
            break
    return call.answer(
        Hurried(conversations=made, held=await _still_held(call, owners.values(), wanted.subject))
    )


async def drop(call: Call) -> web.StreamResponse:
    """Take items out of the queue; messages among them fail, gaps are announced."""
    asked: QueueSelection = call.body

    async def give_up(ids: list[int]) -> Done:
        wanted = Abandonment(ids, "cancelled", call.caller.id)
        done = await call.services.store.writer.do(abandon, wanted, weight=len(ids))
        return Done(
            len(done.gone), dict.fromkeys(done.under_way, "it is being sent at this moment")
        )

    await require_one_destination(call, asked.to)
    unknown = "nothing of this number is owed"
    wanted = await _checked(call, asked)
    return await work_on(call, Task(queue.ITEMS, wanted, give_up, unknown, "queue dropped"))


async def _checked(call: Call, asked: _Filter) -> QueueFilter:
    """Return a filter in the store's words; raises 404 when it names what is not there."""
    await check_destination(call, asked.to)
    subject = asked.conversation
    if subject is not None and not await call.services.store.read(is_known, subject):
        if ids.is_id(subject, "cnv"):
            what = f"There is no conversation {subject}; see omnigate conversation list."
            raise Denied(404, what)
        raise Denied(404, f"There is no contact {subject}.")
    return QueueFilter(asked.to, subject)


async def _still_held(call: Call, owners: Any, subject: str | None) -> list[StillHeld]:
    """Return to whom nothing goes out, of those who are owed something."""
    holds, found = await holder(call.services), []
    for owner in owners:
        if (held := holds(owner)) is None:
            continue
        count = await call.services.store.read(count_waiting, owner.id, subject)
        if count:
            whose = {"direction": owner.direction, "destination": owner.name}
            found.append(StillHeld(**held.model_dump(), **whose, conversations=count))
    return found


def _read(connection: Connection, number: int) -> QueueItemInFull | None:
    row = queue.read_item(connection, number)
    if row is None:
        return None
    tries = attempts_of(connection, number)
    return QueueItemInFull(**owed_fields(row), tries=tries, content=content_of(connection, row))


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/queue",
        summary="List what is owed, by destination and conversation",
        run=list_entries,
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
        summary="Try now what waits for a later time",
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
        answers=Outcome,
        errors=(404,),
    ),
)
