"""``/admin/status``, channels and backends: how everything is, for the operator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel

from omnigate.server.channels import PREFIX, channel_called
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied
from omnigate.server.services import Destination, RunningChannel, Services
from omnigate.store.destinations import Direction, HealthState, backlog
from omnigate.store.history import totals
from omnigate.store.record import time_text


class StoreShown(BaseModel):
    """The database."""

    path: str
    url: str
    size_bytes: int


class ChannelShown(BaseModel):
    """A channel as it is now."""

    name: str
    kind: str
    state: str
    message: str
    enabled: bool
    endpoint: str


class DestinationShown(BaseModel):
    """What is delivered to, and how that goes."""

    name: str
    direction: Direction
    kind: str
    state: HealthState
    message: str
    enabled: bool
    pending: int
    due: int
    leased: int
    dead: int
    oldest_pending_at: str | None
    last_error: str | None
    last_success_at: str | None


class Totals(BaseModel):
    """How much there is."""

    events: int
    messages: int
    conversations: int
    pending: int
    dead: int


class Status(BaseModel):
    """The daemon as a whole."""

    version: str
    pid: int
    started_at: str
    uptime_seconds: float
    ready: bool
    store: StoreShown
    channels: list[ChannelShown]
    destinations: list[DestinationShown]
    totals: Totals


class Channels(BaseModel):
    """All channels."""

    items: list[ChannelShown]
    next: None = None


class Backends(BaseModel):
    """All backends."""

    items: list[DestinationShown]
    next: None = None


async def status(call: Call) -> web.StreamResponse:
    """Answer with everything at one glance."""
    services = call.services
    path = services.store.path
    return call.answer(
        Status(
            version=services.version,
            pid=os.getpid(),
            started_at=time_text(services.started_at),
            uptime_seconds=max(0.0, (services.store.now() - services.started_at) / 1000),
            ready=services.ready(),
            store=StoreShown(path=str(path), url=f"sqlite:///{path}", size_bytes=_size_of(path)),
            channels=_channels(services),
            destinations=await _destinations(services),
            totals=Totals(**await services.store.read(totals)),
        )
    )


async def list_channels(call: Call) -> web.StreamResponse:
    """Answer with all channels."""
    return call.answer(Channels(items=_channels(call.services)))


async def show_channel(call: Call) -> web.StreamResponse:
    """Answer with one channel."""
    runner = channel_called(call.services, call.request.match_info["name"])
    return call.answer(_channel(call.services, runner))


async def list_backends(call: Call) -> web.StreamResponse:
    """Answer with all backends."""
    return call.answer(Backends(items=await _backends(call.services)))


async def show_backend(call: Call) -> web.StreamResponse:
    """Answer with one backend."""
    name = call.request.match_info["name"]
    for known in await _backends(call.services):
        if known.name == name:
            return call.answer(known)
    raise _no_backend(name)


def _no_backend(name: str) -> Denied:
    return Denied(404, f"No backend is called {name!r}; see omnigate backend list.")


def _channels(services: Services) -> list[ChannelShown]:
    return [_channel(services, runner) for runner in services.channels().values()]


def _channel(services: Services, runner: RunningChannel) -> ChannelShown:
    return ChannelShown(
        name=runner.name,
        kind=runner.kind,
        state=runner.state,
        message=runner.message,
        enabled=runner.config is None or runner.config.enabled,
        endpoint=f"{services.settings.public_url}{PREFIX}/{runner.name}",
    )


async def _backends(services: Services) -> list[DestinationShown]:
    return [known for known in await _destinations(services) if known.direction == "backend"]


async def _destinations(services: Services) -> list[DestinationShown]:
    waiting = await services.store.read(backlog)
    return [
        _destination(known, waiting.get(known.health.destination_id, {}))
        for known in services.destinations()
    ]


def _destination(known: Destination, waiting: dict[str, Any]) -> DestinationShown:
    health = known.health
    oldest = waiting.get("oldest_pending_at")
    return DestinationShown(
        name=known.name,
        direction=known.direction,
        kind=known.kind,
        state=health.state,
        message=health.paused or "",
        enabled=known.enabled,
        pending=waiting.get("pending", 0),
        due=waiting.get("due", 0),
        leased=waiting.get("leased", 0),
        dead=waiting.get("dead", 0),
        oldest_pending_at=None if oldest is None else time_text(oldest),
        last_error=health.last_error,
        last_success_at=(
            None if health.last_success_at is None else time_text(health.last_success_at)
        ),
    )


def _size_of(path: Path) -> int:
    """Return the size of the database with its log."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/status",
        summary="Show how the daemon is",
        run=status,
        scope="admin",
        answers=Status,
    ),
    Operation(
        method="GET",
        path="/admin/channels",
        summary="List the channels",
        run=list_channels,
        scope="admin",
        answers=Channels,
    ),
    Operation(
        method="GET",
        path="/admin/channels/{name}",
        summary="Show a channel",
        run=show_channel,
        scope="admin",
        answers=ChannelShown,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/admin/backends",
        summary="List the backends",
        run=list_backends,
        scope="admin",
        answers=Backends,
    ),
    Operation(
        method="GET",
        path="/admin/backends/{name}",
        summary="Show a backend",
        run=show_backend,
        scope="admin",
        answers=DestinationShown,
        errors=(404,),
    ),
)
