"""``/admin/channels/{name}/pause`` and the like: what operators do with channels and backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from omnigate.errors import ConfigError, Refused
from omnigate.flow.member import State
from omnigate.flow.steering import Before
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied, Mistake
from omnigate.server.services import Destination
from omnigate.server.unknown import nobody
from omnigate.store.destinations import Direction

ResultT = TypeVar("ResultT")
Handler = Callable[[Call], Awaitable[web.StreamResponse]]


class Steered(BaseModel):
    """How a channel or backend is after what was asked."""

    direction: Direction
    name: str
    state: State
    paused: str | None
    """Why nothing is delivered to it; null: it is."""
    intake_closed: bool
    """Nothing is let in from it: it is paused, or being drained."""
    before: Before
    """How it was until then; `stopped` is a channel that had ended by itself."""


class Tested(BaseModel):
    """What a backend made of a sample event."""

    ok: bool
    message: str
    duration_seconds: float


class Misconfigured(Mistake):
    """One mistake in the configuration."""

    where: str
    """The file."""
    key: str
    hint: str
    line: int | None
    """From 1; null where it is not known."""


class ReloadedShown(BaseModel):
    """What reading the configuration again came down to; members as ``channel site``."""

    model_config = ConfigDict(from_attributes=True)

    added: list[str]
    replaced: list[str]
    removed: list[str]
    kept: list[str]
    tables: list[str]
    """Other tables that changed and hold from now on, such as ``routes``."""
    restart_needed: list[str]
    """Tables of the configuration whose changes hold only after a restart."""
    warnings: list[str]


async def pause_channel(call: Call) -> web.StreamResponse:
    """Stop a channel both ways: nothing comes in, what is owed to its customers waits."""
    return await _steer(call, "channel", call.services.steering.pause("channel", _name(call)))


async def drain_channel(call: Call) -> web.StreamResponse:
    """Let nothing more in, and pause the channel once all that it owes is sent."""
    return await _steer(call, "channel", call.services.steering.drain(_name(call)))


async def resume_channel(call: Call) -> web.StreamResponse:
    """Go on with a channel that was paused or drained."""
    return await _steer(call, "channel", call.services.steering.resume("channel", _name(call)))


async def pause_backend(call: Call) -> web.StreamResponse:
    """Deliver nothing more to a backend; what it is owed waits."""
    return await _steer(call, "backend", call.services.steering.pause("backend", _name(call)))


async def resume_backend(call: Call) -> web.StreamResponse:
    """Go on with a backend that was paused, by an operator or because it said that it is gone."""
    return await _steer(call, "backend", call.services.steering.resume("backend", _name(call)))


async def send_sample(call: Call) -> web.StreamResponse:
    """Send a sample event to a backend and answer with what it made of it."""
    outcome = await _known(call, "backend", call.services.steering.test(_name(call)))
    return call.answer(Tested(**outcome._asdict()))


async def reload(call: Call) -> web.StreamResponse:
    """Read the configuration again; refused as a whole when it has mistakes."""
    try:
        done = await call.services.reload()
    except ConfigError as error:
        raise Denied(
            422,
            "The configuration has mistakes; the daemon goes on with the one it has.",
            code="configuration",
            errors=[
                Misconfigured(
                    path=f"{found.where}: {found.key}" if found.key else found.where,
                    where=found.where,
                    key=found.key,
                    message=found.message,
                    hint=found.hint,
                    line=found.line,
                )
                for found in error.problems
            ],
        ) from None
    except Refused as error:
        raise Denied(409, f"Not now: {error.reason}; try again.", code=error.code) from None
    return call.answer(ReloadedShown.model_validate(done))


def _name(call: Call) -> str:
    return call.request.match_info["name"]


async def _steer(
    call: Call, direction: Direction, steered: Awaitable[tuple[Destination, Before]]
) -> web.StreamResponse:
    done, before = await _known(call, direction, steered)
    health = done.health
    return call.answer(
        Steered(
            direction=direction,
            name=done.name,
            state=done.state,
            paused=health.paused,
            intake_closed=health.intake_closed,
            before=before,
        )
    )


async def _known(call: Call, direction: Direction, work: Awaitable[ResultT]) -> ResultT:
    """Return what comes of the work; raises 404 when nobody has the name."""
    try:
        return await work
    except Refused as error:
        if error.code != "not_found":
            raise
        known = call.services.destinations()
        names = [one.name for one in known if one.direction == direction]
        raise nobody(direction, _name(call), names) from None


def _operation(path: str, summary: str, run: Handler, answers: type[BaseModel]) -> Operation:
    return Operation(
        method="POST",
        path=path,
        summary=summary,
        run=run,
        scope="admin",
        answers=answers,
        errors=(404,),
    )


OPERATIONS: Final = (
    _operation("/admin/channels/{name}/pause", "Pause a channel", pause_channel, Steered),
    _operation("/admin/channels/{name}/drain", "Drain a channel", drain_channel, Steered),
    _operation("/admin/channels/{name}/resume", "Go on with a channel", resume_channel, Steered),
    _operation("/admin/backends/{name}/pause", "Pause a backend", pause_backend, Steered),
    _operation("/admin/backends/{name}/resume", "Go on with a backend", resume_backend, Steered),
    _operation(
        "/admin/backends/{name}/test", "Send a sample event to a backend", send_sample, Tested
    ),
    Operation(
        method="POST",
        path="/admin/reload",
        summary="Read the configuration again",
        run=reload,
        scope="admin",
        answers=ReloadedShown,
        errors=(409, 422),
    ),
)
