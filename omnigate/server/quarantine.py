"""``/admin/quarantine``: what nobody understood, for the operator to look at, try again or drop."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final, Self

from aiohttp import web
from multidict import CIMultiDict
from pydantic import BaseModel, Field, model_validator
from pydantic_core import from_json

from omnigate.channel import WebhookChannel
from omnigate.errors import BadPayload, Refused, Unauthorized
from omnigate.model.inbound import Inbound
from omnigate.model.text import Model
from omnigate.request import Request
from omnigate.server.hook import REDACTED, parsed
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.selecting import Name, Outcome, Portion, Refusal, RowId, number_of
from omnigate.store import quarantined
from omnigate.store.quarantined import Riddle
from omnigate.store.record import time_text
from omnigate.store.selection import CHUNK

_RETRIES: Final = 50
"""How many requests one call parses: that is work of the event loop."""


class _Filter(Model):
    channel: Name | None = Field(None, description="Only of this channel.")


class QuarantineQuery(_Filter, PageQuery):
    """What of the quarantine is meant."""


class QuarantineSelection(_Filter, Portion):
    """Requests to work on: some by number, those of a channel, or all."""

    ids: Annotated[list[RowId], Field(max_length=CHUNK)] = []
    all: bool = False
    """Every one; nothing else may be named then."""

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if sum([bool(self.ids), self.channel is not None, self.all]) != 1:
            raise ValueError("name ids, or a channel, or all")
        return self


class QuarantineShown(BaseModel):
    """A request that nobody understood."""

    id: int
    channel: str
    reason: str
    size_bytes: int
    received_at: str


class QuarantinePage(BaseModel):
    """Requests, the newest first."""

    items: list[QuarantineShown]
    next: str | None


class QuarantineInFull(QuarantineShown):
    """A request as it was kept."""

    request: dict[str, Any]
    """Method, path, query and headers; what may be secret is left out."""
    body: str
    """The body, in base64."""


async def list_quarantine(call: Call) -> web.StreamResponse:
    """Answer with a page of what is in quarantine."""
    query: QuarantineQuery = call.query
    before = unseal(query.cursor, int)
    rows = await call.services.store.read(
        quarantined.list_quarantined,
        channel=query.channel,
        before=before[0] if before else None,
        limit=query.limit,
    )
    more = seal(rows[-1].id) if len(rows) == query.limit else None
    items = [QuarantineShown(**_fields(row, row.size_bytes)) for row in rows]
    return call.answer(QuarantinePage(items=items, next=more))


async def show(call: Call) -> web.StreamResponse:
    """Answer with one request as it was kept."""
    number = number_of(call, "request")
    row = await call.services.store.read(quarantined.read_quarantined, number)
    if row is None:
        raise Denied(404, f"There is no request {number} in quarantine; see quarantine list.")
    return call.answer(
        QuarantineInFull(
            **_fields(row, len(row.body)),
            request=from_json(row.request),
            body=base64.b64encode(row.body).decode(),
        )
    )


async def retry(call: Call) -> web.StreamResponse:
    """Parse requests again with their channels' present code; what is understood is taken in.

    A request leaves the quarantine after its items are stored. Should the daemon die in between, the
    next try stores nothing twice.
    """
    wanted: QuarantineSelection = call.body
    if wanted.dry_run:
        return call.answer(Outcome(count=await _count(call, wanted)))
    limit = min(wanted.limit, _RETRIES)
    ids = [number for number in sorted(set(wanted.ids)) if number > wanted.after][:limit]
    if not wanted.ids:
        ids = await _next(call, wanted, limit)
    answer = Outcome(count=0, refused=[], next=ids[-1] if len(ids) == limit else None)
    for number in ids:
        why = await _retry(call, number)
        if why is None:
            answer.count += 1
        else:
            answer.refused.append(Refusal(id=number, why=why))
    return call.answer(answer)


async def drop(call: Call) -> web.StreamResponse:
    """Forget requests for good."""
    wanted: QuarantineSelection = call.body
    if wanted.dry_run:
        return call.answer(Outcome(count=await _count(call, wanted)))
    store = call.services.store
    ids = wanted.ids or await _next(call, wanted, wanted.limit)
    known = await store.read(quarantined.known_quarantined, ids)
    count = await store.writer.do(quarantined.drop_quarantined, known, weight=len(known))
    refused = [
        Refusal(id=number, why=_UNKNOWN)
        for number in dict.fromkeys(wanted.ids)
        if number not in set(known)
    ]
    following = ids[-1] if not wanted.ids and len(ids) == wanted.limit else None
    return call.answer(Outcome(count=count, refused=refused, next=following))


async def _next(call: Call, wanted: QuarantineSelection, limit: int) -> list[int]:
    return await call.services.store.read(
        quarantined.next_quarantined, wanted.channel, wanted.after, limit
    )


async def _count(call: Call, wanted: QuarantineSelection) -> int:
    store = call.services.store
    if wanted.ids:
        return len(await store.read(quarantined.known_quarantined, wanted.ids))
    return await store.read(quarantined.count_quarantined, wanted.channel)


async def _retry(call: Call, number: int) -> str | None:
    """Try one request again; return why it stays, None when it was taken in."""
    services = call.services
    row = await services.store.read(quarantined.read_quarantined, number)
    if row is None:
        return _UNKNOWN
    runner = services.channels().get(row.channel)
    channel = runner.channel if runner is not None else None
    if runner is None or channel is None:
        return f"channel {row.channel} is not there; add it to the configuration and reload"
    if not isinstance(channel, WebhookChannel):
        return f"channel {row.channel} is of another kind now, which takes no such requests"
    try:
        items, why = parsed(channel, _rebuilt(row))
    except Unauthorized as error:
        items, why = (), str(error)
    if why is None:
        why = await _take_in(call, row, items)
    if why is not None:
        await services.store.writer.do(quarantined.explain_anew, Riddle(number, why))
        return why
    await services.store.writer.do(quarantined.drop_quarantined, [number])
    return None


async def _take_in(call: Call, row: Any, items: Any) -> str | None:
    """Store what a request says; return why that cannot be, None when it was done."""
    found: list[Inbound] = list(items)
    if not found:
        return None
    runner = call.services.channels()[row.channel]
    try:
        await call.services.inbox.put(runner.key, found)
    except (BadPayload, Refused) as error:
        return str(error)
    return None


def _rebuilt(row: Any) -> Request:
    """Return the request as far as it was kept; that it was authentic was proven when it came."""
    kept = from_json(row.request)
    return Request(
        method=kept["method"],
        path=kept["path"],
        query={name: it for name, it in kept["query"].items() if it != REDACTED},
        headers=CIMultiDict((name, it) for name, it in kept["headers"].items() if it != REDACTED),
        body=row.body,
        remote=kept["remote"],
        received_at_seconds=row.received_at / 1000,
    )


def _fields(row: Any, size_bytes: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "channel": row.channel,
        "reason": row.reason,
        "size_bytes": size_bytes,
        "received_at": time_text(row.received_at),
    }


_UNKNOWN: Final = "there is no such request in quarantine"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/quarantine",
        summary="List what nobody understood, the newest first",
        run=list_quarantine,
        scope="admin",
        query=QuarantineQuery,
        answers=QuarantinePage,
    ),
    Operation(
        method="GET",
        path="/admin/quarantine/{id}",
        summary="Show a request that nobody understood",
        run=show,
        scope="admin",
        answers=QuarantineInFull,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/admin/quarantine/retry",
        summary="Parse requests again, up to 50 a call",
        run=retry,
        scope="admin",
        body=QuarantineSelection,
        answers=Outcome,
    ),
    Operation(
        method="POST",
        path="/admin/quarantine/drop",
        summary="Forget requests, up to 500 a call",
        run=drop,
        scope="admin",
        body=QuarantineSelection,
        answers=Outcome,
    ),
)
