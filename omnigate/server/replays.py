"""``/admin/replays``: history sent to a backend again, as work that goes on by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from aiohttp import web
from pydantic import BaseModel, Field, model_validator

from omnigate import ids
from omnigate.errors import Refused
from omnigate.model.event import EventType
from omnigate.model.text import Model, Timestamp
from omnigate.server.envelopes import wanted_types
from omnigate.server.known import require_channels
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.selecting import Name, milliseconds, number_of, time_shown
from omnigate.server.unknown import nobody
from omnigate.store import replays
from omnigate.store.history import log_end, position_before, position_of
from omnigate.store.record import time_text
from omnigate.store.replays import Replay, State

_BACKWARDS: Final = "until is before since"

EventId = Annotated[str, Field(pattern=r"^evt_[0-9a-v]{26}$")]


class ReplayWanted(Model):
    """A window of history for a backend."""

    to: Name
    """Name of the backend."""
    since: EventId | Timestamp
    """The first event, or the time from which on they were recorded."""
    until: EventId | Timestamp | None = None
    """The last event, or the time up to which; null: up to now."""
    types: str | None = Field(None, max_length=2000)
    """Types, separated by commas; ``message.*`` is understood. Null: those the backend subscribes to."""
    channels: list[Name] | None = Field(None, min_length=1, max_length=1000)
    """Only events of these channels."""
    rate: float = Field(50.0, gt=0, le=1000)
    """Events per second."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        since, until = self.since, self.until
        if isinstance(since, datetime) and isinstance(until, datetime) and until < since:
            raise ValueError(_BACKWARDS)
        return self


class ReplayShown(BaseModel):
    """A replay as it is now."""

    id: int
    to: str
    state: State
    total: int
    """How many events the window had at the beginning."""
    queued: int
    """How many of them were put into the backend's queue, without those that cancelling took out."""
    pending: int
    """How many of those wait for their delivery."""
    rate: float
    types: list[str] | None
    channels: list[str] | None
    created_at: str
    finished_at: str | None
    """When the last event was queued."""


class ReplayPage(BaseModel):
    """Replays, the newest first."""

    items: list[ReplayShown]
    next: str | None


async def begin(call: Call) -> web.StreamResponse:
    """Begin a replay; the answer comes once it is durable, the events follow by themselves."""
    wanted: ReplayWanted = call.body
    await require_channels(call, wanted.channels or ())
    after = await _place(call, wanted.since, before=True)
    until = await call.services.store.read(log_end)
    if wanted.until is not None:
        until = min(until, await _place(call, wanted.until, before=False))
        if until < after:
            raise Denied(422, f"{_BACKWARDS}.")
    types = wanted_types(wanted.types, operator=True)
    try:
        number = await call.services.replays.begin(
            wanted.to,
            after=after,
            until=until,
            types=types,
            channels=wanted.channels,
            rate=wanted.rate,
        )
    except Refused as error:
        if error.code != "no_backend":
            raise
        there = [one.name for one in call.services.destinations() if one.direction == "backend"]
        raise nobody("backend", wanted.to, there) from None
    return call.answer(await _shown(call, number), 201)


async def list_replays(call: Call) -> web.StreamResponse:
    """Answer with a page of replays."""
    query: PageQuery = call.query
    before = unseal(query.cursor, int)
    found = await call.services.store.read(
        replays.list_replays, before=before[0] if before else None, limit=query.limit
    )
    more = seal(found[-1].id) if len(found) == query.limit else None
    return call.answer(ReplayPage(items=[_as_shown(known) for known in found], next=more))


async def show_replay(call: Call) -> web.StreamResponse:
    """Answer with one replay."""
    return call.answer(await _shown(call, number_of(call, "replay")))


async def cancel(call: Call) -> web.StreamResponse:
    """End a replay, and take what it has pending out of the queue."""
    number = number_of(call, "replay")
    if not await call.services.replays.cancel(number):
        known = await _shown(call, number)
        raise Denied(409, f"The replay is {known.state}; there is nothing to cancel.")
    return call.answer(await _shown(call, number))


async def _shown(call: Call, number: int) -> ReplayShown:
    found = await call.services.store.read(replays.read_replay, number)
    if found is None:
        raise Denied(404, f"There is no replay {number}; see omnigate events replays.")
    return _as_shown(found)


async def _place(call: Call, given: object, *, before: bool) -> int:
    """Return the position of an event or time; ``before``: of what comes before it."""
    store = call.services.store
    if isinstance(given, str) and ids.is_id(given, "evt"):
        position = await store.read(position_of, given)
        if position is None:
            raise Denied(404, f"There is no event {given}; see omnigate events tail --no-follow.")
        return position - 1 if before else position
    moment = milliseconds(given)  # type: ignore[arg-type]  # pydantic made it one or the other
    return await store.read(position_before, (moment or 0) + (not before))


def _as_shown(known: Replay) -> ReplayShown:
    types, channels = known.window.types, known.window.channels
    return ReplayShown(
        id=known.id,
        to=known.to,
        state=known.state,
        total=known.total,
        queued=known.replayed,
        pending=known.pending,
        rate=known.rate,
        types=None if types is None or set(types) == set(EventType) else list(types),
        channels=None if channels is None else list(channels),
        created_at=time_text(known.created_at),
        finished_at=time_shown(known.finished_at),
    )


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/admin/replays",
        summary="Send a window of history to a backend",
        run=begin,
        scope="admin",
        body=ReplayWanted,
        answers=ReplayShown,
        status=201,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/admin/replays",
        summary="List the replays, the newest first",
        run=list_replays,
        scope="admin",
        query=PageQuery,
        answers=ReplayPage,
    ),
    Operation(
        method="GET",
        path="/admin/replays/{id}",
        summary="Show a replay",
        run=show_replay,
        scope="admin",
        answers=ReplayShown,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/admin/replays/{id}/cancel",
        summary="End a replay and what it has pending",
        run=cancel,
        scope="admin",
        answers=ReplayShown,
        errors=(404, 409),
    ),
)
