"""A switch that answers REST requests and sends events as Asterisk does, with scripted phones.

Sequences, causes and statuses are those recorded from Asterisk 16.28 and 22.10.1: what is sent for a phone
that answers, is busy, does not answer or is not there, and for a hang-up from either side or by request. It
is strict: 401 for a wrong login, 404 for what it does not have, 409 for an id that is taken and for channels
that are not in the application. Events go only to a connected application, and only of channels that it
made while connected or subscribed to; what nobody hears is lost.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import WSMsgType, web

LOGIN = ("omnigate", "switch-password-1")
Behaviour = Literal["answer", "busy", "reject", "no_answer", "unreachable", "silent", "offline"]
"""``silent`` rings until it is hung up; ``offline`` cannot be rung at all."""
_REFUSALS = {"busy": (17, "User busy", "BUSY"), "reject": (21, "Call Rejected", "NOANSWER")}


@dataclass
class Leg:
    """A channel of the switch."""

    id: str
    endpoint: str
    app: str
    query: dict[str, str]
    variables: dict[str, str]
    state: str = "Down"
    is_here: bool = False
    bridge: str | None = None
    is_ringing_indicated: bool = False


@dataclass
class Bridge:
    """A bridge of the switch."""

    id: str
    members: list[str] = field(default_factory=list)
    recording: str | None = None


class ScriptedAri:
    """One Asterisk. Set `phones` to say what each endpoint does; `order` mixes answers and events."""

    def __init__(self, *, version: Literal[16, 22] = 22, seed: int | None = None) -> None:
        self.version = version
        self.phones: dict[str, Behaviour] = {}
        self.channels: dict[str, Leg] = {}
        self.bridges: dict[str, Bridge] = {}
        self.stored: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        """Every request that changes something: method and path below /ari."""
        self.dialled: list[Leg] = []
        self.originates = 0
        self.startup_time = datetime.now(UTC)
        self.events_first: bool | None = None
        """Whether events of a request come before its answer; None: by chance of the seed."""
        self.failures: list[int | Literal["hang"]] = []
        """What becomes of the next requests to ring a phone, instead of ringing it."""
        self.folder_is_writable = True
        self.tells_of_recordings = True
        """Whether it says that one is finished: 22.10 does not always."""
        self.meanwhile: dict[int, Callable[[], Awaitable[None]]] = {}
        """What happens just before a request is answered: the requests of a connection count from 0."""
        self._requests = 0
        self._chance = random.Random(seed)
        self._streams: dict[str, web.WebSocketResponse] = {}
        self._subscribed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connected = asyncio.Event()
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._port = 0

    # ---- its life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedAri]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/ari/events", self._events),
                web.get("/ari/asterisk/info", self._info),
                web.get("/ari/endpoints", self._endpoints),
                web.get("/ari/channels", self._list_channels),
                web.get("/ari/bridges", self._list_bridges),
                web.post("/ari/channels", self._originate),
                web.delete("/ari/channels/{id}", self._hang_up),
                web.post("/ari/channels/{id}/ring", self._ring),
                web.delete("/ari/channels/{id}/ring", self._ring),
                web.post("/ari/bridges", self._make_bridge),
                web.delete("/ari/bridges/{id}", self._drop_bridge),
                web.post("/ari/bridges/{id}/addChannel", self._add),
                web.post("/ari/bridges/{id}/record", self._record),
                web.post("/ari/applications/{app}/subscription", self._subscribe),
                web.get("/ari/recordings/stored/{name}", self._is_stored),
                web.get("/ari/recordings/stored/{name}/file", self._recording),
            ]
        )
        app.middlewares.append(self._guard)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.startup_time = datetime.now(UTC)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.disconnect()
        if self._runner is not None:
            await self._runner.cleanup()

    async def restart(self) -> None:
        """Die with all calls, and come back at the same port."""
        self.channels.clear()
        self.bridges.clear()
        await self.stop()
        await self.start()

    async def disconnect(self) -> None:
        """Lose the connections of applications; calls go on."""
        streams, self._streams = list(self._streams.values()), {}
        self._subscribed.clear()
        self.connected.clear()
        for stream in streams:
            await stream.close(code=1001)

    # ---- what a test does to phones

    async def answer(self, name: str) -> None:
        """A phone that rings is taken."""
        leg = self.channels[name]
        leg.state, leg.is_here = "Up", True
        await self._say("ChannelStateChange", leg)
        await self._dial(leg, "ANSWER")
        await self._say("StasisStart", leg, args=leg.query.get("appArgs", "").split(","))

    async def hang_up(
        self,
        name: str,
        cause: int = 16,
        text: str = "Normal Clearing",
        *,
        by_request: bool = False,
    ) -> None:
        """A phone is put down, or its channel ends with a cause."""
        leg = self.channels.pop(name, None)
        if leg is None:
            return
        if by_request:
            await self._say("ChannelHangupRequest", leg, cause=32, soft=True)
            if leg.state != "Up":
                await self._dial(leg, "NOANSWER")
        elif leg.state == "Up":
            await self._say("ChannelHangupRequest", leg, cause=cause)
        if leg.bridge is not None and leg.bridge in self.bridges:
            bridge = self.bridges[leg.bridge]
            bridge.members.remove(leg.id)
            await self._say("ChannelLeftBridge", leg, bridge={"id": bridge.id})
            await self._finish_recording(bridge)
        if leg.is_here:
            await self._say("StasisEnd", leg)
        await self._say("ChannelDestroyed", leg, cause=cause, cause_txt=text)

    # ---- requests

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        login = base64.b64encode(":".join(LOGIN).encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return web.json_response({"message": "Authentication required"}, status=401)
        if request.method != "GET":
            self.asked.append((request.method, request.path.removeprefix("/ari")))
        if happens := self.meanwhile.pop(self._requests, None):
            await happens()
        self._requests += 1
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _events(self, request: web.Request) -> web.StreamResponse:
        app = request.query.get("app", "")
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        former = self._streams.get(app)
        self._streams[app] = stream
        if former is not None:
            await former.send_json({"type": "ApplicationReplaced", "application": app})
            await former.close()
        self._requests = 0
        self.connected.set()
        async for message in stream:
            if message.type is WSMsgType.ERROR:
                break
        if self._streams.get(app) is stream:
            del self._streams[app]
        return stream

    async def _info(self, request: web.Request) -> web.Response:
        version = {16: "16.28.0~dfsg", 22: "22.10.1"}[self.version]
        return web.json_response(
            {
                "system": {"version": version, "entity_id": "00:00"},
                "status": {"startup_time": _stamp(self.startup_time)},
            }
        )

    async def _endpoints(self, request: web.Request) -> web.Response:
        found = [
            {
                "technology": name.partition("/")[0],
                "resource": name.partition("/")[2],
                "state": "offline" if does == "offline" else "online",
            }
            for name, does in self.phones.items()
        ]
        return web.json_response(found)

    async def _list_channels(self, request: web.Request) -> web.Response:
        return web.json_response([self._shown(leg) for leg in self.channels.values()])

    async def _list_bridges(self, request: web.Request) -> web.Response:
        shown = [
            {"id": each.id, "bridge_type": "mixing", "channels": each.members}
            for each in self.bridges.values()
        ]
        return web.json_response(shown)

    async def _originate(self, request: web.Request) -> web.Response:
        self.originates += 1
        query = dict(request.query)
        if self.failures:
            failure = self.failures.pop(0)
            if failure == "hang":
                request.transport.abort()  # type: ignore[union-attr]
                await asyncio.sleep(3600)
            return web.json_response({"message": "scripted"}, status=int(failure))
        name, endpoint = query["channelId"], query["endpoint"]
        if name in self.channels:
            return _no(409, "Channel with given unique ID already exists")
        does = self.phones.get(endpoint, "offline")
        if does == "offline":
            return web.json_response({"error": "Allocation failed"}, status=500)
        if "originator" in query and query["originator"] not in self.channels:
            return _no(400, "Originator channel is not found")
        body = await request.json() if request.can_read_body else {}
        leg = Leg(name, endpoint, query["app"], query, body.get("variables", {}))
        self.channels[name] = leg
        self.dialled.append(leg)
        self._subscribed.add(name)
        await self._in_some_order(self._play(leg, does))
        return web.json_response(self._shown(leg))

    async def _hang_up(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if name not in self.channels:
            return _no(404, "Channel not found")
        await self._in_some_order(self.hang_up(name, by_request=True))
        return web.Response(status=204)

    async def _ring(self, request: web.Request) -> web.Response:
        leg = self.channels.get(request.match_info["id"])
        if leg is None:
            return _no(404, "Channel not found")
        if not leg.is_here:
            return _no(409, "Channel not in a Stasis application")
        leg.is_ringing_indicated = request.method == "POST"
        return web.Response(status=204)

    async def _make_bridge(self, request: web.Request) -> web.Response:
        name = request.query["bridgeId"]
        if name in self.bridges:
            return _no(409, "Bridge with given ID already exists")
        self.bridges[name] = Bridge(name)
        return web.json_response({"id": name, "channels": []})

    async def _drop_bridge(self, request: web.Request) -> web.Response:
        bridge = self.bridges.pop(request.match_info["id"], None)
        if bridge is None:
            return _no(404, "Bridge not found")
        await self._finish_recording(bridge)
        return web.Response(status=204)

    async def _add(self, request: web.Request) -> web.Response:
        bridge = self.bridges.get(request.match_info["id"])
        if bridge is None:
            return _no(404, "Bridge not found")
        names = request.query["channel"].split(",")
        for name in names:
            if name not in self.channels:
                return _no(400, "Channel not found")
            if not self.channels[name].is_here:
                return _no(409, "Channel not in Stasis application")
        await self._in_some_order(self._enter(bridge, names))
        return web.Response(status=204)

    async def _record(self, request: web.Request) -> web.Response:
        bridge = self.bridges.get(request.match_info["id"])
        if bridge is None:
            return _no(404, "Bridge not found")
        if not self.folder_is_writable:
            return web.json_response({"error": "Internal Server Error"}, status=500)
        name = request.query["name"]
        if bridge.recording == name or name in self.stored:
            return _no(409, "A recording with the same name is already in progress")
        bridge.recording = name
        return web.json_response({"name": name, "format": "wav", "state": "queued"}, status=201)

    async def _subscribe(self, request: web.Request) -> web.Response:
        for source in request.query["eventSource"].split(","):
            name = source.removeprefix("channel:")
            if name not in self.channels:
                return _no(422, "Event source does not exist")
            self._subscribed.add(name)
        return web.json_response({})

    async def _is_stored(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.stored:
            return _no(404, "Recording not found")
        return web.json_response({"name": name, "format": "wav"})

    async def _recording(self, request: web.Request) -> web.Response:
        found = self.stored.get(request.match_info["name"])
        if found is None:
            return _no(404, "Recording not found")
        return web.Response(body=found, content_type="audio/wav")

    # ---- events

    async def _in_some_order(self, happens: Any) -> None:
        """Let events come before the answer to the request, or after it."""
        first = self._chance.random() < 0.5 if self.events_first is None else self.events_first
        task = asyncio.create_task(happens)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if first:
            await asyncio.wait([task], timeout=5)

    async def _play(self, leg: Leg, does: Behaviour) -> None:
        await self._dial(leg, "")
        if does not in ("unreachable", "busy", "reject"):
            await self._dial(leg, "RINGING")
            leg.state = "Ringing"
            await self._say("ChannelStateChange", leg)
        if does == "answer":
            await self.answer(leg.id)
        elif does in ("busy", "reject"):
            cause, text, status = _REFUSALS[does]
            await self._say("ChannelHangupRequest", leg, cause=cause)
            await self._dial(leg, status)
            await self.hang_up(leg.id, cause, text)
        elif does in ("no_answer", "unreachable"):
            if self.version == 16:
                await self.hang_up(leg.id, 0, "Unknown")
            else:
                await self.hang_up(leg.id, 19, "User alerting, no answer")

    async def _enter(self, bridge: Bridge, names: list[str]) -> None:
        for name in names:
            leg = self.channels.get(name)
            if leg is not None and leg.bridge is None:
                leg.bridge = bridge.id
                bridge.members.append(name)
                shown = {"id": bridge.id, "channels": list(bridge.members)}
                await self._say("ChannelEnteredBridge", leg, bridge=shown)

    async def _finish_recording(self, bridge: Bridge) -> None:
        if bridge.recording is None:
            return
        name, bridge.recording = bridge.recording, None
        self.stored[name] = b"RIFF" + name.encode()
        if not self.tells_of_recordings:
            return
        recording = {"name": name, "format": "wav", "state": "done", "duration": 3}
        await self._send(bridge.id.rpartition("-cal_")[0], "RecordingFinished", recording=recording)

    async def _dial(self, leg: Leg, status: str) -> None:
        await self._emit(leg, "Dial", dialstatus=status, peer=self._shown(leg))

    async def _say(self, kind: str, leg: Leg, **more: Any) -> None:
        await self._emit(leg, kind, channel=self._shown(leg), **more)

    async def _emit(self, leg: Leg, kind: str, **more: Any) -> None:
        if leg.id in self._subscribed:
            await self._send(leg.app, kind, **more)

    async def _send(self, app: str, kind: str, **more: Any) -> None:
        stream = self._streams.get(app)
        if stream is not None and not stream.closed:
            event = {"type": kind, "application": app, "timestamp": _stamp(datetime.now(UTC))}
            await stream.send_json(event | more)

    def _shown(self, leg: Leg) -> dict[str, Any]:
        return {
            "id": leg.id,
            "name": f"{leg.endpoint}-00000001",
            "state": leg.state,
            "caller": {"name": "", "number": ""},
            "connected": {"name": "", "number": ""},
            "dialplan": {
                "context": "default",
                "exten": "s",
                "priority": 1,
                "app_name": "Stasis" if leg.is_here else "AppDial2",
                "app_data": leg.app,
            },
        }


def _stamp(moment: datetime) -> str:
    """Return a moment as Asterisk writes it."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text[:-3]}+0000"


def _no(status: int, why: str) -> web.Response:
    return web.json_response({"message": why}, status=status)


def channel_of(call_id: str, leg: str, attempt: int = 1) -> str:
    """Return how the channel ``calls`` names a leg on the switch."""
    return f"omnigate_calls-{call_id}-{attempt}-{leg}"
