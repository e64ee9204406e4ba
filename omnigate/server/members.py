"""``/admin/channels`` and ``/admin/backends``: who is at work, and how that goes."""

from __future__ import annotations

from typing import Final, NamedTuple

from aiohttp import web
from pydantic import BaseModel

from omnigate.flow.figures import ChannelFigures, DestinationFigures
from omnigate.flow.member import State
from omnigate.flow.pulse import Counted
from omnigate.flow.whereabouts import whereabouts
from omnigate.server.channels import channel_called
from omnigate.server.operations import Call, Operation
from omnigate.server.services import Destination, RunningChannel, Services
from omnigate.server.unknown import nobody
from omnigate.store.backlog import Owed
from omnigate.store.destinations import Direction, Health
from omnigate.store.record import time_text
from omnigate.store.responses import Queue


class ChannelShown(BaseModel):
    """A channel as it is now; the counts are since the daemon started."""

    name: str
    kind: str
    state: str
    message: str
    enabled: bool
    endpoint: str | None
    """Address below which it is called; null: nobody calls it."""
    talks_to: str | None
    """What it connects to or listens on instead; null: it is called."""
    stored: int
    duplicates: int
    refused: int
    unauthorized: int
    quarantined: int
    waiting: int
    """Customers who wait for an answer."""
    overdue: int
    """How many of them wait longer than the channel's target allowed."""
    waiting_since: str | None
    """Since when the first of them waits."""


class DestinationShown(BaseModel):
    """What is delivered to, and how that goes."""

    name: str
    direction: Direction
    kind: str
    state: State
    """`absent`: the configuration does not name it, but something is owed to it."""
    message: str
    enabled: bool
    pending: int
    """Items owed."""
    due: int
    """Conversations that wait for a first attempt."""
    retrying: int
    """Conversations that wait to be tried again."""
    leased: int
    """Conversations that are being worked on."""
    dead: int
    oldest_pending_at: str | None
    failures: int
    """Failures of the destination since its last success."""
    failing_since: str | None
    next_attempt_at: str | None
    """Nothing is tried before; null: at any time, or not before somebody acts."""
    last_error: str | None
    """Null once something was delivered since."""
    last_error_at: str | None
    """Null also when it was before the daemon started."""
    last_success_at: str | None
    delivered_per_second: float
    failures_per_second: float


class Channels(BaseModel):
    """All channels."""

    items: list[ChannelShown]
    next: None = None


class Backends(BaseModel):
    """All backends."""

    items: list[DestinationShown]
    next: None = None


async def channels_shown(services: Services) -> list[ChannelShown]:
    """Return all channels as they are now. Raises `StoreError`."""
    backlog = await services.census.take()
    return [
        _channel(services, runner, backlog.queues.get(name, Queue()))
        for name, runner in services.channels().items()
    ] + [
        _resting(name, kind, backlog.queues.get(name, Queue()))
        for name, kind in services.resting().items()
        if services.channel(name) is None
    ]


async def destinations_shown(services: Services) -> list[DestinationShown]:
    """Return all destinations as they are now. Raises `StoreError`."""
    backlog, rates = await services.census.take(), services.rates()
    return [
        _destination(
            _Known(
                known,
                backlog.of(known.health.destination_id),
                services.figures.destination(known.direction, known.name),
                rates.of(known.direction, known.name),
            ),
            services.store.now(),
        )
        for known in (*services.destinations(), *services.absent(backlog))
    ]


async def list_channels(call: Call) -> web.StreamResponse:
    """Answer with all channels."""
    return call.answer(Channels(items=await channels_shown(call.services)))


async def show_channel(call: Call) -> web.StreamResponse:
    """Answer with one channel."""
    name = call.request.match_info["name"]
    backlog = await call.services.census.take()
    if name in (resting := call.services.resting()) and call.services.channel(name) is None:
        return call.answer(_resting(name, resting[name], backlog.queues.get(name, Queue())))
    runner = channel_called(call.services, name)
    return call.answer(_channel(call.services, runner, backlog.queues.get(runner.name, Queue())))


async def list_backends(call: Call) -> web.StreamResponse:
    """Answer with all backends."""
    return call.answer(Backends(items=await _backends(call.services)))


async def show_backend(call: Call) -> web.StreamResponse:
    """Answer with one backend."""
    name = call.request.match_info["name"]
    backends = await _backends(call.services)
    for known in backends:
        if known.name == name:
            return call.answer(known)
    raise nobody("backend", name, [known.name for known in backends if known.state != "absent"])


class _Known(NamedTuple):
    """What is known of a destination."""

    destination: Destination
    owed: Owed
    figures: DestinationFigures
    rates: Counted


async def _backends(services: Services) -> list[DestinationShown]:
    return [known for known in await destinations_shown(services) if known.direction == "backend"]


def _channel(services: Services, runner: RunningChannel, queue: Queue) -> ChannelShown:
    figures: ChannelFigures = services.figures.channel(runner.name)
    met = whereabouts(runner.name, runner.channel, services.settings.public_url)
    return ChannelShown(
        name=runner.name,
        kind=runner.kind,
        state=runner.state,
        message=runner.message,
        enabled=runner.config is None or runner.config.enabled,
        endpoint=met.endpoint,
        talks_to=met.talks_to,
        stored=figures.stored,
        duplicates=figures.duplicates,
        refused=figures.refused,
        unauthorized=figures.unauthorized,
        quarantined=figures.quarantined,
        waiting=queue.waiting,
        overdue=queue.overdue,
        waiting_since=_moment(queue.longest_since),
    )


def _resting(name: str, kind: str, queue: Queue) -> ChannelShown:
    """Return a channel that is configured and not wanted to work; what its customers wait for goes on."""
    return ChannelShown(
        name=name,
        kind=kind,
        state="disabled",
        message="enabled = false in the configuration",
        enabled=False,
        endpoint=None,
        talks_to=None,
        stored=0,
        duplicates=0,
        refused=0,
        unauthorized=0,
        quarantined=0,
        waiting=queue.waiting,
        overdue=queue.overdue,
        waiting_since=_moment(queue.longest_since),
    )


def _destination(known: _Known, now: int) -> DestinationShown:
    destination, owed, figures = known.destination, known.owed, known.figures
    health = destination.health
    error, error_at = _last_error(health, figures)
    is_held = health.paused is None and health.retry_at is not None and health.retry_at > now
    return DestinationShown(
        name=destination.name,
        direction=destination.direction,
        kind=destination.kind,
        state=destination.state,
        message=destination.failure or health.paused or "",
        enabled=destination.enabled,
        pending=owed.pending,
        due=owed.due,
        retrying=owed.retrying,
        leased=owed.leased,
        dead=owed.dead,
        oldest_pending_at=_moment(owed.oldest_pending_at),
        failures=health.failures,
        failing_since=_moment(health.first_failure_at),
        next_attempt_at=_moment(health.retry_at) if is_held else None,
        last_error=error,
        last_error_at=_moment(error_at),
        last_success_at=_moment(health.last_success_at),
        delivered_per_second=round(known.rates.delivered, 2),
        failures_per_second=round(known.rates.failed, 2),
    )


def _last_error(health: Health, figures: DestinationFigures) -> tuple[str | None, int | None]:
    """Return what went wrong last and when, as long as nothing was delivered since."""
    failed_at, success_at = figures.last_error_at, health.last_success_at
    if failed_at is not None and (success_at is None or failed_at >= success_at):
        return figures.last_error, failed_at
    return (health.last_error if health.failures else None), None


def _moment(at: int | None) -> str | None:
    return None if at is None else time_text(at)


OPERATIONS: Final = (
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
