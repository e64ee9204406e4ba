"""Calls as Asterisk 16 and 22 played them: every recorded sequence is taken for what it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.plugins.call.desks import desk, until

pytestmark = pytest.mark.anyio
RECORDINGS = sorted((Path(__file__).parents[2] / "payloads" / "call").glob("ari_*.json"))
CANCELLED_AT = {
    "cancelled_agent_ringing": "agent_ringing",
    "cancelled_customer_ringing": "customer_ringing",
    "cancelled_bridged": "bridged",
}


class Replay:
    """Answers requests as they were answered, and sends the events that came between them.

    An event is sent when every request that was recorded before it has been made.
    """

    def __init__(self, notes: list[dict[str, Any]]) -> None:
        self.notes = notes
        self._made: set[int] = set()
        self._stream: web.WebSocketResponse | None = None
        self._next = 0
        self._turn = asyncio.Lock()
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Replay]:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{path:.*}", self._ask)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            if self._stream is not None:
                await self._stream.close()
            await runner.cleanup()

    @property
    def is_played(self) -> bool:
        """Whether all events were sent."""
        return all("request" in note for note in self.notes[self._next :])

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        self._stream = web.WebSocketResponse()
        await self._stream.prepare(request)
        async for _ in self._stream:
            pass
        return self._stream

    async def _ask(self, request: web.Request) -> web.Response:
        what = f"{request.method} {request.path.removeprefix('/ari')}"
        for number, note in enumerate(self.notes):
            if number not in self._made and note.get("request") == what:
                self._made.add(number)
                asyncio.get_running_loop().call_soon(self._go_on)
                if note["answer"] is None:
                    return web.Response(status=note["status"])
                return web.json_response(note["answer"], status=note["status"])
        if request.method == "GET":
            return web.json_response([])
        status = 404 if request.method == "DELETE" else 204
        return web.json_response({"message": "not recorded"}, status=status)

    def _go_on(self) -> None:
        task = asyncio.create_task(self._send())
        self._sending = task  # held: a task that nobody holds may be collected

    async def _send(self) -> None:
        async with self._turn:
            while self._next < len(self.notes):
                note = self.notes[self._next]
                if "request" in note and self._next not in self._made:
                    return
                self._next += 1
                if "event" in note and self._stream is not None:
                    await self._stream.send_json(note["event"])


def test_there_are_recordings_of_both_releases():
    assert {path.stem.rpartition("_")[2] for path in RECORDINGS} == {"16", "22"}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
async def test_a_recorded_call_ends_as_it_did(path):
    text = path.read_text()
    recorded = json.loads(text)
    case = path.stem.removeprefix("ari_").rpartition("_")[0].removesuffix("_by_dial_plan")
    first = "POST /channels"
    asked = next(n["query"] for n in recorded["notes"] if n.get("request") == first)
    more: dict[str, Any] = {
        "order": "customer_first" if asked["channelId"].endswith("customer") else "agent_first",
        "retry_after_seconds": [],
    }
    if case == "recorded":
        more |= {"record": True, "consent": {"*": "It is recorded."}}
    replay = Replay([])
    async with replay.running(), desk(replay, **more) as at:
        call = at.host.begin_call()
        for note in json.loads(text.replace(recorded["call"], call.id))["notes"]:
            if not note.get("request", "").startswith("GET"):
                replay.notes.append(note)
        await at.channel.dial(call)
        if case in CANCELLED_AT:
            await at.channel.hang_up(await at.until(call.id, CANCELLED_AT[case]))
        ended = await at.is_over(call.id)
        assert ended.state == recorded["ends"], ended
        await until(lambda: replay.is_played)
