"""What the operator's lists have in common: how things are picked out, and how work on many is done.

Work on many things is done in chunks, one call each: the answer says where the next call goes on, so the
operator's connection never waits long and whoever stops in between has lost nothing. What came after the
first call is not meant (``up_to``), so the calls end. Each call that changed something is one line of the
log: what, how many, which were named, and by whom; never what they say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Self

import structlog
from aiohttp import web
from pydantic import BaseModel, Field, model_validator

from omnigate.model.text import Model
from omnigate.server.operations import Call
from omnigate.server.problems import Denied
from omnigate.store.destinations import Direction
from omnigate.store.record import milliseconds_of, time_text
from omnigate.store.selection import CHUNK, Pick, destinations_called

LARGEST: Final = 2**63 - 1
"""Of the numbers that a row can have."""
_MOST_LOGGED: Final = 20
"""How many numbers a line of the log names."""

RowId = Annotated[int, Field(ge=0, le=LARGEST)]
Name = Annotated[str, Field(max_length=200)]

log = structlog.get_logger("server")


class Selection(Model):
    """Things to work on: some by number, those that a filter names, or all."""

    ids: Annotated[list[RowId], Field(max_length=CHUNK)] = []
    all: bool = False
    """Every one; nothing else may be named then."""
    after: RowId | None = None
    """Only things with a greater number: ``next`` of the answer before."""
    up_to: RowId | None = None
    """Nothing with a greater number: ``up_to`` of the answer before."""
    limit: int = Field(CHUNK, ge=1, le=CHUNK)
    dry_run: bool = False
    """Change nothing and say how many there are."""

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if sum([bool(self.ids), bool(self.filters()), self.all]) != 1:
            raise ValueError("name ids, or a filter, or all")
        return self

    def filters(self) -> dict[str, Any]:
        """Return what the things must be like, as far as it is said."""
        names = type(self).model_fields.keys() - Selection.model_fields.keys()
        given = {name: getattr(self, name) for name in sorted(names)}
        return {name: value for name, value in given.items() if value is not None}


class Refusal(BaseModel):
    """Something that stays as it was."""

    id: int
    why: str


class Outcome(BaseModel):
    """What a call did."""

    count: int
    """How many things were worked on, or would be in a dry run."""
    refused: list[Refusal] = []
    next: int | None = None
    """Where the next call goes on; null when this was all."""
    up_to: int
    """Give it to the calls that follow, so that they end."""


@dataclass(slots=True)
class Done:
    """What became of a portion of things."""

    count: int = 0
    refused: Mapping[int, str] = field(default_factory=dict)
    """Those that stay, and why."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is done with many things of one list."""

    pick: Pick[Any]
    wanted: Any
    """The filter in the store's words."""
    work: Callable[[list[int]], Awaitable[Done]]
    """Does it with things that were there a moment ago."""
    unknown: str
    """Said of a number that nothing has."""
    event: str
    """What the log says."""
    most: int = CHUNK
    """How many one call works on."""


async def work_on(call: Call, task: Task) -> web.StreamResponse:
    """Do what a call asks for with the next portion of what it names, or count it all in a dry run."""
    asked: Selection = call.body
    read, pick = call.services.store.read, task.pick
    up_to = asked.up_to if asked.up_to is not None else await read(pick.last)
    if asked.dry_run:
        if asked.ids:
            count = len(await read(pick.known, asked.ids))
        else:
            count = await read(pick.count, task.wanted, up_to)
        return call.answer(Outcome(count=count, up_to=up_to))
    after = -1 if asked.after is None else asked.after
    limit = min(asked.limit, task.most)
    if asked.ids:
        portion = [number for number in sorted(set(asked.ids)) if number > after][:limit]
        known = await read(pick.known, portion)
    else:
        portion = known = await read(pick.following, task.wanted, after, up_to, limit)
    done = await task.work(known) if known else Done()
    missing = dict.fromkeys(set(portion) - set(known), task.unknown)
    refused = {**done.refused, **missing}
    if done.count or refused:
        _note(call, task.event, asked, portion, done.count, len(refused))
    return call.answer(
        Outcome(
            count=done.count,
            refused=[Refusal(id=number, why=refused[number]) for number in sorted(refused)],
            next=portion[-1] if len(portion) == limit else None,
            up_to=up_to,
        )
    )


def _note(
    call: Call, event: str, asked: Selection, portion: list[int], count: int, refused: int
) -> None:
    selection = {name: str(value) for name, value in asked.filters().items()}
    if asked.ids:
        more = [] if len(portion) <= _MOST_LOGGED else ["…"]
        selection = {"ids": ", ".join([*map(str, portion[:_MOST_LOGGED]), *more])}
    log.info(
        event,
        count=count,
        refused=refused,
        selection=selection or {"all": "yes"},
        by=call.caller.id,
    )


def number_of(call: Call, what: str) -> int:
    """Return the number in the path; raises 404 for anything else, since nothing is called that."""
    text = call.id
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > LARGEST or len(text) > 20:
        raise Denied(404, f"There is no {what} {text[:40]!r}.")
    return int(text)


def milliseconds(moment: datetime | None) -> int | None:
    """Return a time as the store keeps it."""
    return None if moment is None else milliseconds_of(moment)


def time_shown(moment: int | None) -> str | None:
    """Return a time of the store as the API shows it."""
    return None if moment is None else time_text(moment)


async def check_destination(call: Call, name: str | None) -> None:
    """Raise 404 for a name that nothing was ever owed under: a typo must not look like an empty list."""
    if name is not None:
        await _directions(call, name)


async def require_one_destination(call: Call, name: str | None) -> None:
    """Raise 404 as `check_destination` does, and 422 for the name of a channel and a backend alike.

    For what changes things: whoever says ``shop`` has one of them in mind.
    """
    if name is None:
        return
    directions = await _directions(call, name)
    if len(directions) > 1:
        raise Denied(
            422,
            f"A backend and a channel are called {name!r}: say backend:{name} or channel:{name}.",
            code="ambiguous",
        )


async def _directions(call: Call, name: str) -> set[Direction]:
    direction, _, bare = name.rpartition(":")
    configured = {(known.direction, known.name) for known in call.services.destinations()}
    owners = (await call.services.store.read(destinations_called, None)).values()
    there = configured | {(owner.direction, owner.name) for owner in owners}
    found = {known for known, called in there if called == bare and direction in ("", known)}
    if not found:
        names = ", ".join(sorted({called for _, called in there})) or "none yet"
        raise Denied(404, f"No backend or channel is called {name!r}; there are: {names}.")
    return found
