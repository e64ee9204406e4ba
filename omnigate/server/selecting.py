"""What the operator's lists have in common: how things are picked out, and how work on many is told.

Work on many things is done in chunks of at most `CHUNK`, one call each: the answer says where the next
call goes on, so the operator's connection never waits long and whoever stops in between has lost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from omnigate.model.text import Model
from omnigate.server.operations import Call
from omnigate.server.problems import Denied
from omnigate.store.record import milliseconds_of, time_text
from omnigate.store.selection import CHUNK, destinations_called

LARGEST: Final = 2**63 - 1
"""Of the numbers that a row can have."""

RowId = Annotated[int, Field(ge=0, le=LARGEST)]
Name = Annotated[str, Field(max_length=200)]


class Portion(Model):
    """Which part of the work this call does."""

    after: RowId = 0
    """Only things with a greater number: ``next`` of the answer before."""
    limit: int = Field(CHUNK, ge=1, le=CHUNK)
    dry_run: bool = False
    """Change nothing and say how many there are."""


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


class AttemptShown(BaseModel):
    """One try that did not succeed."""

    number: int
    at: str
    outcome: str
    status: int | None
    duration_ms: int | None
    error: str


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


def attempts_shown(rows: Sequence[Any]) -> list[AttemptShown]:
    """Return attempts as they are shown."""
    return [
        AttemptShown(
            number=row.number,
            at=time_text(row.at),
            outcome=row.outcome,
            status=row.status,
            duration_ms=row.duration_ms,
            error=row.error,
        )
        for row in rows
    ]


async def check_destination(call: Call, name: str | None) -> None:
    """Raise 404 when nothing was ever delivered under a name: a typo must not look like an empty list."""
    if name is not None and not await call.services.store.read(destinations_called, name):
        raise Denied(
            404,
            f"No backend or channel is called {name!r}; see omnigate backend list, channel list.",
        )
