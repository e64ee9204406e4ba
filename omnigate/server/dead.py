"""``/admin/dead``: what was given up, for the operator to look at, offer again or drop."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from omnigate.model.text import Model, Timestamp
from omnigate.server.items import AttemptShown, ItemShown, attempts_of, content_of, item_fields
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.selecting import (
    Done,
    Name,
    Outcome,
    Selection,
    Task,
    check_destination,
    milliseconds,
    number_of,
    require_one_destination,
    work_on,
)
from omnigate.store import dead as letters
from omnigate.store.dead import DeadDrop, DeadFilter
from omnigate.store.record import time_text
from omnigate.store.requeue import DeadReplay, replay_dead

_UNKNOWN: Final = "there is no such dead letter"
_REASONS: Final = frozenset({"attempts", "expired", "held_too_long", "unknown"})
"""Why things are given up here. What a destination refuses dies with the destination's own word for it."""


class _Filter(Model):
    to: Name | None = Field(
        None,
        description="Only for the backend or channel of this name; ``backend:shop`` where both have it.",
    )
    reason: Name | None = Field(None, description="Only with this reason.")
    since: Timestamp | None = Field(None, description="Only what died then or later.")
    until: Timestamp | None = Field(None, description="Only what died then or before.")

    def as_stored(self) -> DeadFilter:
        """Return the filter in the store's words."""
        return DeadFilter(self.to, self.reason, milliseconds(self.since), milliseconds(self.until))


class DeadQuery(_Filter, PageQuery):
    """Which dead letters are meant."""


class DeadSelection(_Filter, Selection):
    """Dead letters to work on."""


class DeadShown(ItemShown):
    """A dead letter."""

    reason: str
    error: str
    died_at: str


class DeadPage(BaseModel):
    """Dead letters, the latest first."""

    items: list[DeadShown]
    next: str | None


class DeadInFull(DeadShown):
    """A dead letter with what it says and how it was tried."""

    tries: list[AttemptShown]
    content: dict[str, Any] | None
    """The event's envelope, or the message; null when it was erased."""


async def list_dead(call: Call) -> web.StreamResponse:
    """Answer with a page of dead letters."""
    query: DeadQuery = call.query
    await check_destination(call, query.to)
    await _check_reason(call, query.reason)
    before = unseal(query.cursor, int, int)
    rows = await call.services.store.read(
        letters.list_dead,
        query.as_stored(),
        before=(before[0], before[1]) if before else None,
        limit=query.limit,
    )
    more = seal(rows[-1].died_at, rows[-1].outbox_id) if len(rows) == query.limit else None
    items = [DeadShown(**_fields(row)) for row in rows]
    return call.answer(DeadPage(items=items, next=more))


async def show_dead(call: Call) -> web.StreamResponse:
    """Answer with one dead letter, its attempts and what it says."""
    found = await call.services.store.read(_read, number_of(call, "dead letter"))
    if found is None:
        raise Denied(404, f"There is no dead letter {call.id}; see omnigate dead list.")
    return call.answer(found)


async def replay(call: Call) -> web.StreamResponse:
    """Offer dead letters again; each is put away in the transaction that queues it."""
    asked: DeadSelection = call.body
    served = frozenset(known.health.destination_id for known in call.services.destinations())

    async def offer(ids: list[int]) -> Done:
        wanted = DeadReplay(ids, served, call.caller.id)
        done = await call.services.store.writer.do(replay_dead, wanted, weight=len(ids))
        return Done(len(done.done), done.refused)

    await _require_sense(call, asked)
    task = Task(letters.LETTERS, asked.as_stored(), offer, _UNKNOWN, "dead letters replayed")
    return await work_on(call, task)


async def drop(call: Call) -> web.StreamResponse:
    """Give dead letters up for good."""
    asked: DeadSelection = call.body

    async def give_up(ids: list[int]) -> Done:
        wanted = DeadDrop(ids, call.caller.id)
        return Done(await call.services.store.writer.do(letters.drop_dead, wanted, weight=len(ids)))

    await _require_sense(call, asked)
    task = Task(letters.LETTERS, asked.as_stored(), give_up, _UNKNOWN, "dead letters dropped")
    return await work_on(call, task)


async def _require_sense(call: Call, asked: DeadSelection) -> None:
    """Refuse names that mean nothing, or two things; of a reason the last may have just been worked on."""
    await require_one_destination(call, asked.to)
    if asked.after is None:
        await _check_reason(call, asked.reason)


async def _check_reason(call: Call, reason: str | None) -> None:
    """Raise 404 for a reason that nothing ever died of: a typo must not look like an empty list."""
    if reason is None or reason in _REASONS:
        return
    there = await call.services.store.read(letters.reasons)
    if reason not in there:
        names = ", ".join(sorted({*_REASONS, *there}))
        raise Denied(404, f"No dead letter has the reason {reason!r}; reasons are: {names}.")


def _read(connection: Connection, number: int) -> DeadInFull | None:
    row = letters.read_dead(connection, number)
    if row is None:
        return None
    tries = attempts_of(connection, number)
    return DeadInFull(**_fields(row), tries=tries, content=content_of(connection, row))


def _fields(row: Any) -> dict[str, Any]:
    return {
        **item_fields(row, row.outbox_id),
        "reason": row.reason,
        "error": row.error,
        "died_at": time_text(row.died_at),
    }


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/dead",
        summary="List the dead letters, the latest first",
        run=list_dead,
        scope="admin",
        query=DeadQuery,
        answers=DeadPage,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/admin/dead/{id}",
        summary="Show a dead letter: what it says, why it died, how it was tried",
        run=show_dead,
        scope="admin",
        answers=DeadInFull,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/admin/dead/replay",
        summary="Offer dead letters again, up to 500 a call",
        run=replay,
        scope="admin",
        body=DeadSelection,
        answers=Outcome,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/admin/dead/drop",
        summary="Delete dead letters, up to 500 a call",
        run=drop,
        scope="admin",
        body=DeadSelection,
        answers=Outcome,
        errors=(404,),
    ),
)
