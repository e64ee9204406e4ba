"""The way in for networks that let no WebSocket through: long poll, batches of commands, history."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web
from pydantic import Field

import omnigate
from omnigate_webchat import frames
from omnigate_webchat.answers import Frame
from omnigate_webchat.commands import Commands
from omnigate_webchat.connection import Connections
from omnigate_webchat.events import EventLog
from omnigate_webchat.gate import Place, Rejected, answer_json, read_json, whole_number
from omnigate_webchat.hub import Listener
from omnigate_webchat.limits import Buckets
from omnigate_webchat.tokens import Pass

MAX_BODY_BYTES: Final = 384 * 1024

_MOST_SEQUENCE: Final = 2**53
_MOST_WAIT_SECONDS: Final = 25


class Batch(omnigate.Payload):
    """Commands in the order they are to be carried out."""

    frames: list[dict[str, Any]] = Field(max_length=20)


class Polls:
    """Serves ``GET events``, ``POST commands`` and ``GET history``."""

    def __init__(self, connections: Connections, commands: Commands, log: EventLog) -> None:
        self._connections = connections
        self._commands = commands
        self._log = log
        self._calls = Buckets(120, per_seconds=60)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Answer with what is new after a sequence number, waiting for it if there is nothing yet."""
        who = self._who(request)
        after = whole_number(request, "after", 0, _MOST_SEQUENCE) or 0
        wait_seconds = whole_number(request, "wait", _MOST_WAIT_SECONDS, 3600) or 0
        resume = await self._connections.resume(who)
        if resume is None:
            raise omnigate.Unauthorized("the visit is not known")
        if self._connections.is_full(who):
            raise Rejected(429, "too many connections of one visitor", retry_after_seconds=5)
        cursor = resume.cursor(after)
        if cursor is None:
            resync: Frame = {"t": "resync", "d": {}}
            return answer_json({"frames": [resync], "last_seq": resume.last_sequence})
        listener = Listener(who.visitor, who.conversation, cursor)
        seen = request.query.get("call")
        if seen is not None:
            # What is fleeting is lost between two polls; how a call goes must not be.
            listener.fleeting.extend(self._connections.call_since(who, seen))
        with self._connections.joined(listener):
            found = await self._wait(listener, min(wait_seconds, _MOST_WAIT_SECONDS))
        return answer_json({"frames": found, "last_seq": listener.cursor})

    async def _wait(self, listener: Listener, wait_seconds: float) -> list[Frame]:
        """Return the news, at the latest after the time; empty when there is none."""
        ends_at = asyncio.get_running_loop().time() + wait_seconds
        while True:
            found = [frame async for frame in self._connections.news(listener)]
            if found or not wait_seconds or listener.stop_code is not None:
                return found
            try:
                # Only the waiting is bounded: a reading that were cut would lose what it had read.
                async with asyncio.timeout_at(ends_at):
                    await listener.wait_changed()
            except TimeoutError:
                return []

    async def commands(self, request: web.Request) -> web.StreamResponse:
        """Carry out a batch of commands and answer with their acknowledgements and errors."""
        who = self._who(request)
        batch = await read_json(request, Batch)
        if self._connections.floods(who, len(batch.frames)):
            raise Rejected(429, "too many frames", retry_after_seconds=10)
        if await self._connections.resume(who) is None:
            raise omnigate.Unauthorized("the visit is not known")
        place = Place.of(request)
        answers = [await self._answer(who, frame, place) for frame in batch.frames]
        return answer_json({"frames": [answer for answer in answers if answer is not None]})

    async def _answer(self, who: Pass, frame: Frame, place: Place) -> Frame | None:
        try:
            command = frames.check_command(frame)
        except frames.BadFrame as bad:
            return bad.answer
        return await self._commands.carry_out(who, command, place)

    async def history(self, request: web.Request) -> web.StreamResponse:
        """Answer with a page of older events, oldest first."""
        who = self._who(request)
        before = whole_number(request, "before", None, _MOST_SEQUENCE)
        limit = whole_number(request, "limit", 50, 100) or 1
        page = await self._log.latest(who.conversation, before=before, limit=limit)
        return answer_json({"frames": page.frames, "more": page.more, "before": page.before})

    def _who(self, request: web.Request) -> Pass:
        who = bearer(request, self._connections)
        wait_seconds = self._calls.wait_seconds(who.visitor)
        if wait_seconds:
            raise Rejected(429, "too many requests", retry_after_seconds=wait_seconds)
        return who


def bearer(request: web.Request, connections: Connections) -> Pass:
    """Return whom the request's connection token stands for; raises `omnigate.Unauthorized`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    who = connections.admit(token.strip()) if scheme.lower() == "bearer" else None
    if who is None:
        raise omnigate.Unauthorized("the connection token is missing, wrong or expired")
    return who
