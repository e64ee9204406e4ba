"""``/admin/dead``: what was given up, for the operator to look at, offer again or drop."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from aiohttp import web
from pydantic import BaseModel, Field, model_validator
from pydantic_core import from_json
from sqlalchemy import Connection

from omnigate.model.text import Model, Timestamp
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
    milliseconds,
    number_of,
)
from omnigate.store import dead as letters
from omnigate.store.dead import DeadFilter, DeadReplay
from omnigate.store.history import event_at
from omnigate.store.messages import read_messages
from omnigate.store.record import time_text
from omnigate.store.selection import CHUNK


class _Filter(Model):
    to: Name | None = Field(None, description="Only for the backend or channel of this name.")
    reason: Name | None = Field(None, description="Only with this reason.")
    since: Timestamp | None = Field(None, description="Only what died then or later.")
    until: Timestamp | None = Field(None, description="Only what died then or before.")

    def as_stored(self) -> DeadFilter:
        """Return the filter in the store's words."""
        return DeadFilter(self.to, self.reason, milliseconds(self.since), milliseconds(self.until))


class DeadQuery(_Filter, PageQuery):
    """Which dead letters are meant."""


class DeadSelection(_Filter, Portion):
    """Dead letters to work on: some by number, those that a filter names, or all."""

    ids: Annotated[list[RowId], Field(max_length=CHUNK)] = []
    all: bool = False
    """Every one; nothing else may be named then."""

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        filters = any(value is not None for value in (self.to, self.reason, self.since, self.until))
        if sum([bool(self.ids), filters, self.all]) != 1:
            raise ValueError("name ids, or a filter, or all")
        return self


class DeadShown(BaseModel):
    """A dead letter."""

    id: int
    direction: str
    destination: str
    event: str | None
    type: str | None
    message: str | None
    conversation: str | None
    sequence: int | None
    reason: str
    error: str
    attempts: int
    created_at: str
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
    """Offer dead letters again; each is deleted in the transaction that queues it."""
    wanted: DeadSelection = call.body
    await check_destination(call, wanted.to)
    if wanted.dry_run:
        return call.answer(Outcome(count=await _count(call, wanted)))
    ids = await _portion(call, wanted)
    served = frozenset(known.health.destination_id for known in call.services.destinations())
    done = await call.services.store.writer.do(
        letters.replay_dead, DeadReplay(ids, served), weight=len(ids)
    )
    refused = [Refusal(id=number, why=why) for number, why in done.refused.items()]
    refused += _unknown(wanted, [*done.done, *done.refused])
    following = ids[-1] if not wanted.ids and len(ids) == wanted.limit else None
    return call.answer(Outcome(count=len(done.done), refused=refused, next=following))


async def drop(call: Call) -> web.StreamResponse:
    """Delete dead letters for good."""
    wanted: DeadSelection = call.body
    await check_destination(call, wanted.to)
    if wanted.dry_run:
        return call.answer(Outcome(count=await _count(call, wanted)))
    ids = await _portion(call, wanted)
    count = await call.services.store.writer.do(letters.drop_dead, ids, weight=len(ids))
    following = ids[-1] if not wanted.ids and len(ids) == wanted.limit else None
    return call.answer(Outcome(count=count, refused=_unknown(wanted, ids), next=following))


async def _portion(call: Call, wanted: DeadSelection) -> list[int]:
    """Return the numbers of the letters that this call works on: those that are there."""
    if wanted.ids:
        return await call.services.store.read(letters.known_dead, wanted.ids)
    return await call.services.store.read(
        letters.next_dead, wanted.as_stored(), wanted.after, wanted.limit
    )


async def _count(call: Call, wanted: DeadSelection) -> int:
    if wanted.ids:
        return len(await _portion(call, wanted))
    return await call.services.store.read(letters.count_dead, wanted.as_stored())


def _unknown(wanted: DeadSelection, known: list[int]) -> list[Refusal]:
    missing = [number for number in dict.fromkeys(wanted.ids) if number not in set(known)]
    return [Refusal(id=number, why="there is no such dead letter") for number in missing]


def _read(connection: Connection, number: int) -> DeadInFull | None:
    row = letters.read_dead(connection, number)
    if row is None:
        return None
    tries = attempts_shown(letters.read_attempts(connection, number))
    return DeadInFull(**_fields(row), tries=tries, content=content_of(connection, row))


def content_of(connection: Connection, row: Any) -> dict[str, Any] | None:
    """Return what a row of the outbox or a dead letter is about."""
    if row.message_id is not None:
        said = read_messages(connection, [row.message_id]).get(row.message_id)
        return said.model_dump(mode="json") if said is not None else None
    event = event_at(connection, row.position)
    return dict(from_json(event.body)) if event is not None else None


def _fields(row: Any) -> dict[str, Any]:
    return {
        "id": row.outbox_id,
        "direction": row.direction,
        "destination": row.name,
        "event": row.event_id,
        "type": row.event_type,
        "message": row.message_id,
        "conversation": row.conversation_id,
        "sequence": row.sequence,
        "reason": row.reason,
        "error": row.error,
        "attempts": row.attempts,
        "created_at": time_text(row.created_at),
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
