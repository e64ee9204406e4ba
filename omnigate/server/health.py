"""``/healthz`` and ``/readyz``: for whoever watches the process."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel

from omnigate.server.operations import Call, Operation
from omnigate.server.problems import unavailable


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


async def alive(call: Call) -> web.StreamResponse:
    """Answer as long as the event loop turns."""
    return call.answer(Alive())


async def ready(call: Call) -> web.StreamResponse:
    """Answer 200 while messages are taken in, 503 otherwise."""
    if not call.services.ready():
        raise unavailable("Nothing is taken in just now: starting, stopping, or out of room.", 5)
    return call.answer(Alive())


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/healthz",
        summary="Tell that the process is alive",
        run=alive,
        answers=Alive,
    ),
    Operation(
        method="GET",
        path="/readyz",
        summary="Tell whether messages are taken in",
        run=ready,
        answers=Alive,
        errors=(503,),
    ),
)
