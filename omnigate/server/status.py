"""``/admin/status``: how everything is, for the operator. Cheap however much is stored."""

from __future__ import annotations

import os
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from omnigate.server.doctor import FindingShown
from omnigate.server.members import (
    ChannelShown,
    DestinationShown,
    channels_shown,
    destinations_shown,
)
from omnigate.server.metrics import size_of
from omnigate.server.operations import Call, Operation
from omnigate.store.callreads import count_calls
from omnigate.store.record import time_text


class StoreShown(BaseModel):
    """The database."""

    path: str
    url: str
    size_bytes: int


class RatesShown(BaseModel):
    """What happens a second, on average over the last ten."""

    over_seconds: float
    received_per_second: float
    """Messages and other items of customers that were stored."""
    sent_per_second: float
    """Messages delivered to channels."""
    delivered_per_second: float
    """Events delivered to backends."""
    failures_per_second: float
    """Attempts that did not deliver."""


class CallsOpen(BaseModel):
    """The calls of a channel that have not ended."""

    channel: str
    waiting: int
    in_progress: int
    unknown: int
    """They may have been dialled, and are held until somebody decides."""


class Totals(BaseModel):
    """How much there is."""

    events: int
    """Recorded since the store was made."""
    pending: int
    dead: int
    quarantined: int


class Status(BaseModel):
    """The daemon as a whole."""

    version: str
    pid: int
    started_at: str
    uptime_seconds: float
    ready: bool
    store: StoreShown
    rates: RatesShown
    channels: list[ChannelShown]
    destinations: list[DestinationShown]
    """Also who is owed something though the configuration does not name it."""
    calls: list[CallsOpen]
    troubles: list[FindingShown]
    """What is wrong with channels and backends, and what to do about it."""
    totals: Totals


async def status(call: Call) -> web.StreamResponse:
    """Answer with everything at one glance."""
    services = call.services
    path, rates = services.store.path, services.rates()
    backlog = await services.census.take()
    owed = backlog.destinations.values()
    return call.answer(
        Status(
            version=services.version,
            pid=os.getpid(),
            started_at=time_text(services.started_at),
            uptime_seconds=max(0.0, (services.store.now() - services.started_at) / 1000),
            ready=services.ready(),
            store=StoreShown(path=str(path), url=f"sqlite:///{path}", size_bytes=size_of(path)),
            rates=RatesShown(
                over_seconds=round(rates.over_seconds, 1),
                received_per_second=round(rates.received, 2),
                sent_per_second=round(rates.sent, 2),
                delivered_per_second=round(rates.delivered, 2),
                failures_per_second=round(rates.failed, 2),
            ),
            channels=await channels_shown(services),
            destinations=await destinations_shown(services),
            calls=[
                CallsOpen(channel=name, **count._asdict())
                for name, count in sorted((await services.store.read(count_calls)).items())
            ],
            troubles=[FindingShown.model_validate(known) for known in services.troubles(backlog)],
            totals=Totals(
                events=backlog.events,
                pending=sum(known.pending for known in owed),
                dead=sum(known.dead for known in owed),
                quarantined=sum(backlog.quarantined.values()),
            ),
        )
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/status",
        summary="Show how the daemon is",
        run=status,
        scope="admin",
        answers=Status,
    ),
)
