"""``/admin/channels/{name}/setup``: has a channel arrange on its platform what it needs there."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from aiohttp import web
from pydantic import BaseModel

from omnigate.channel import Channel
from omnigate.errors import CredentialsRejected, OmnigateError
from omnigate.flow.contained import contained
from omnigate.server.operations import Call, Operation
from omnigate.server.unknown import nobody, not_enabled

SETUP_SECONDS: Final = 50.0
"""How long a platform may take in all; a command waits a little longer."""

log = structlog.get_logger("gateway")


class Arranged(BaseModel):
    """What a channel arranged on its platform, or why it could not."""

    ok: bool
    done: list[str]
    """What was done, a line each; empty when the channel needs nothing there."""
    message: str = ""
    """Why it failed, in the platform's words where it said so."""
    remedy: str = ""


async def set_up(call: Call) -> web.StreamResponse:
    """Have the channel arrange on its platform what it needs there; safe to repeat."""
    name = call.request.match_info["name"]
    running = call.services.channel(name)
    if running is None:
        if name in call.services.resting():
            raise not_enabled(name)
        raise nobody("channel", name, call.services.channels())
    if running.channel is None:
        why = running.message or "its plugin could not be made"
        return call.answer(_failed(f"it does not work at all: {why}", "See: omnigate doctor"))
    arranged = await _arrange(name, running.channel)
    for line in arranged.done:
        log.info("channel set up", channel=name, did=line)
    return call.answer(arranged)


async def _arrange(name: str, channel: Channel) -> Arranged:
    try:
        async with asyncio.timeout(SETUP_SECONDS):
            with contained:
                return Arranged(ok=True, done=[str(line) for line in await channel.setup()])
    except TimeoutError:
        return _failed(
            f"no answer within {SETUP_SECONDS:g} s", "Is the platform reached from here?"
        )
    except CredentialsRejected as error:
        return _failed(str(error), f"Correct the credentials of {name}, then: omnigate reload")
    except OmnigateError as error:
        return _failed(str(error), f"When that is mended: omnigate channel setup {name}")
    except Exception as error:
        log.exception("setup failed", channel=name)
        return _failed(f"the plugin raised {type(error).__name__}", "See the log")


def _failed(message: str, remedy: str) -> Arranged:
    return Arranged(ok=False, done=[], message=message, remedy=remedy)


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/admin/channels/{name}/setup",
        summary="Arrange on the platform what a channel needs there",
        run=set_up,
        scope="admin",
        answers=Arranged,
        errors=(404,),
    ),
)
