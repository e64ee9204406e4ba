"""``/admin/quarantine``: what nobody understood, for the operator to look at, try again or drop."""

from __future__ import annotations

import base64
from typing import Any, Final

import structlog
from aiohttp import web
from multidict import CIMultiDict
from pydantic import BaseModel, Field
from pydantic_core import from_json

from omnigate.channel import Channel, WebhookChannel
from omnigate.errors import BadPayload, Overloaded, Refused, StoreError, Unauthorized
from omnigate.flow.contained import contained
from omnigate.flow.parsing import REDACTED, parsed
from omnigate.model.inbound import Inbound
from omnigate.model.text import Model
from omnigate.request import Request
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.selecting import (
    LARGEST,
    Done,
    Name,
    Outcome,
    Selection,
    Task,
    number_of,
    work_on,
)
from omnigate.server.unknown import nobody
from omnigate.store import quarantined
from omnigate.store.quarantined import REQUESTS, QuarantineFilter, Riddle
from omnigate.store.record import time_text
from omnigate.store.selection import destinations_called

log = structlog.get_logger("server")

_RETRIES: Final = 50
"""How many requests one call parses: that is work of the event loop."""


class _Filter(Model):
    channel: Name | None = Field(None, description="Only of this channel.")


class QuarantineQuery(_Filter, PageQuery):
    """What of the quarantine is meant."""


class QuarantineSelection(_Filter, Selection):
    """Requests to work on."""


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
    wanted = await _checked(call, query)
    before = unseal(query.cursor, int)
    rows = await call.services.store.read(
        quarantined.list_quarantined,
        wanted,
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
        raise Denied(
            404, f"There is no request {number} in quarantine; see omnigate quarantine list."
        )
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
    asked: QuarantineSelection = call.body

    async def parse(ids: list[int]) -> Done:
        reasons = {number: await _retry(call, number) for number in ids}
        refused = {number: why for number, why in reasons.items() if why is not None}
        return Done(len(ids) - len(refused), refused)

    wanted = await _checked(call, asked)
    task = Task(REQUESTS, wanted, parse, _UNKNOWN, "quarantine tried again", most=_RETRIES)
    return await work_on(call, task)


async def drop(call: Call) -> web.StreamResponse:
    """Forget requests for good."""
    asked: QuarantineSelection = call.body

    async def forget(ids: list[int]) -> Done:
        count = await call.services.store.writer.do(
            quarantined.drop_quarantined, ids, weight=len(ids)
        )
        return Done(count)

    wanted = await _checked(call, asked)
    return await work_on(call, Task(REQUESTS, wanted, forget, _UNKNOWN, "quarantine dropped"))


async def _checked(call: Call, asked: _Filter) -> QuarantineFilter:
    """Return a filter in the store's words; raises 404 for a channel that never was."""
    wanted, services = QuarantineFilter(asked.channel), call.services
    if asked.channel is None or services.channel(asked.channel) is not None:
        return wanted
    owners = (await services.store.read(destinations_called, None)).values()
    known = {owner.name for owner in owners if owner.direction == "channel"}
    if asked.channel not in known and not await services.store.read(
        REQUESTS.count, wanted, LARGEST
    ):
        raise nobody("channel", asked.channel, known | services.channels().keys())
    return wanted


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
    if isinstance(channel, WebhookChannel):
        why = await _parse_again(call, row, channel)
    else:
        why = await _take_again(row, channel)
    if why is not None:
        await services.store.writer.do(quarantined.explain_anew, Riddle(number, why))
        return why
    await services.store.writer.do(quarantined.drop_quarantined, [number])
    return None


async def _take_again(row: Any, channel: Channel) -> str | None:
    """Have the channel itself take it in; return why that cannot be, None when it was done."""
    try:
        with contained:
            await channel.take_again(_rebuilt(row))
    except (BadPayload, Refused, Unauthorized) as error:
        return str(error)
    except (Overloaded, StoreError):
        raise
    except Exception as error:
        log.error("take_again failed", channel=row.channel, exc_info=error)
        return f"take_again raised {type(error).__name__}"
    return None


async def _parse_again(call: Call, row: Any, channel: WebhookChannel) -> str | None:
    """Parse and store it; return why that cannot be, None when it was done."""
    try:
        items, why = parsed(row.channel, channel.parse, _rebuilt(row))
    except Unauthorized as error:
        return str(error)
    return await _take_in(call, row, items) if why is None else why


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
        errors=(404,),
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
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/admin/quarantine/drop",
        summary="Forget requests, up to 500 a call",
        run=drop,
        scope="admin",
        body=QuarantineSelection,
        answers=Outcome,
        errors=(404,),
    ),
)
