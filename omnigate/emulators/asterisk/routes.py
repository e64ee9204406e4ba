"""ARI's requests and its stream of events, answered by the switch.

Source: Asterisk 22 "REST API" (docs.asterisk.org, read 2026-11-22); statuses were compared with what Asterisk
16.28 and 22.10.1 answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSMsgType, web

from omnigate.emulators.asterisk.causes import REASONS
from omnigate.emulators.asterisk.switch import RING_SECONDS, Bridge, Channel, Switch, stamp

VERSION: Final = "22.10.1"


class Routes:
    """What each request does to the switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def table(self) -> list[web.RouteDef]:
        """Return where each is asked for."""
        return [
            web.get("/ari/events", self._events),
            web.get("/ari/asterisk/info", self._info),
            web.get("/ari/endpoints", self._endpoints),
            web.post("/ari/applications/{app}/subscription", self._subscribe),
            web.get("/ari/channels", self._channels),
            web.post("/ari/channels", self._originate),
            web.delete("/ari/channels/{id}", self._hang_up),
            web.post("/ari/channels/{id}/ring", self._ring),
            web.delete("/ari/channels/{id}/ring", self._ring),
            web.get("/ari/bridges", self._bridges),
            web.post("/ari/bridges", self._make_bridge),
            web.delete("/ari/bridges/{id}", self._drop_bridge),
            web.post("/ari/bridges/{id}/addChannel", self._add_channel),
            web.post("/ari/bridges/{id}/record", self._record),
            web.get("/ari/recordings/stored/{name}/file", self._recording),
        ]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        app = request.query.get("app", "")
        if not app:
            return refused(400, "Missing param 'app'")
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        queue = self._switch.connect(app)
        sending = asyncio.create_task(_send_on(queue, stream))
        try:
            async for message in stream:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._switch.disconnect(app, queue)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
        return stream

    async def _info(self, request: web.Request) -> web.Response:
        system = {"version": VERSION, "entity_id": "00:00:00:00:00:00"}
        started_at = stamp(self._switch.started_at)
        status = {"startup_time": started_at, "last_reload_time": started_at}
        return web.json_response({"system": system, "status": status})

    async def _endpoints(self, request: web.Request) -> web.Response:
        found = []
        for phone in self._switch.phones:
            technology, _, resource = phone.endpoint.partition("/")
            if "*" not in resource:
                state = "offline" if phone.habit == "away" else "online"
                found.append({"technology": technology, "resource": resource, "state": state})
        return web.json_response(found)

    async def _subscribe(self, request: web.Request) -> web.Response:
        app = request.match_info["app"]
        if app not in self._switch.streams:
            return refused(404, "Application does not exist")
        for source in request.query.get("eventSource", "").split(","):
            kind, _, name = source.partition(":")
            if kind != "channel":
                return refused(400, "Invalid event source")  # unverified: others are not emulated
            if name not in self._switch.channels:
                return refused(422, "Event source does not exist")
            self._switch.subscribe(app, name)
        return web.json_response({"name": app})

    async def _channels(self, request: web.Request) -> web.Response:
        return web.json_response([each.shown() for each in self._switch.channels.values()])

    async def _originate(self, request: web.Request) -> web.Response:
        query = request.query
        endpoint, app = query.get("endpoint", ""), query.get("app", "")
        name = query.get("channelId", "")
        if not endpoint or not app or not name:
            return refused(400, "Endpoint, app and channelId must be given")
        seconds = _seconds(query.get("timeout", ""))
        if seconds is None:
            return refused(400, "Invalid timeout")
        if name in self._switch.channels:
            return refused(409, "Channel with given unique ID already exists")
        if query.get("originator", name) not in {name, *self._switch.channels}:
            return refused(400, "Originator channel not found")
        phone = self._switch.phone_behind(endpoint)
        if phone is None or phone.habit == "away":
            return web.json_response({"error": "Allocation failed"}, status=500)
        try:
            variables = await _variables(request)
        except ValueError:
            return refused(400, "Invalid JSON")
        arguments = query.get("appArgs", "").split(",")
        made = Channel(name, phone, endpoint, app, arguments, query.get("callerId", ""))
        self._switch.dial(made, variables, seconds)
        return web.json_response(made.shown())

    async def _hang_up(self, request: web.Request) -> web.Response:
        channel = self._switch.channels.get(request.match_info["id"])
        if channel is None:
            return refused(404, "Channel not found")
        cause = REASONS.get(request.query.get("reason", "normal"))
        if cause is None:
            return refused(400, "Invalid Reason")
        self._switch.end(channel, cause)
        return web.Response(status=204)

    async def _ring(self, request: web.Request) -> web.Response:
        channel = self._switch.channels.get(request.match_info["id"])
        if channel is None:
            return refused(404, "Channel not found")
        if not channel.is_here:
            return refused(409, "Channel not in a Stasis application")
        return web.Response(status=204)

    async def _bridges(self, request: web.Request) -> web.Response:
        return web.json_response([each.shown() for each in self._switch.bridges.values()])

    async def _make_bridge(self, request: web.Request) -> web.Response:
        name = request.query.get("bridgeId", "")
        if not name:
            return refused(400, "bridgeId must be given")
        if name in self._switch.bridges:
            return refused(409, "Bridge with given ID already exists")
        bridge = self._switch.bridges[name] = Bridge(name)
        return web.json_response(bridge.shown())

    async def _drop_bridge(self, request: web.Request) -> web.Response:
        bridge = self._switch.bridges.get(request.match_info["id"])
        if bridge is None:
            return refused(404, "Bridge not found")
        self._switch.drop(bridge)
        return web.Response(status=204)

    async def _add_channel(self, request: web.Request) -> web.Response:
        bridge = self._switch.bridges.get(request.match_info["id"])
        if bridge is None:
            return refused(404, "Bridge not found")
        names = request.query.get("channel", "").split(",")
        wanted = [self._switch.channels.get(name) for name in names]
        found = [each for each in wanted if each is not None]
        if len(found) < len(wanted):
            return refused(400, "Channel not found")
        if not all(each.is_here for each in found):
            return refused(409, "Channel not in Stasis application")
        for channel in found:
            self._switch.enter(bridge, channel)
        return web.Response(status=204)

    async def _record(self, request: web.Request) -> web.Response:
        bridge = self._switch.bridges.get(request.match_info["id"])
        if bridge is None:
            return refused(404, "Bridge not found")
        name, kind = request.query.get("name", ""), request.query.get("format", "")
        if not name or not kind:
            return refused(400, "name and format must be given")
        if kind != "wav":
            return refused(422, "The format specified is unknown")
        if bridge.recording is not None or name in self._switch.recordings:
            return refused(409, "A recording with the same name already exists")
        self._switch.record(bridge, name)
        shown = {"name": name, "format": kind, "state": "queued"}
        return web.json_response(shown, status=201)

    async def _recording(self, request: web.Request) -> web.Response:
        found = self._switch.recordings.get(request.match_info["name"])
        if found is None:
            return refused(404, "Recording not found")
        return web.Response(body=found, content_type="audio/wav")


def refused(status: int, why: str) -> web.Response:
    """Return a refusal as Asterisk words it."""
    return web.json_response({"message": why}, status=status)


async def _send_on(
    queue: asyncio.Queue[dict[str, Any] | None], stream: web.WebSocketResponse
) -> None:
    with suppress(ConnectionResetError):  # it is gone; who reads from it sees that, too
        while (event := await queue.get()) is not None:
            await stream.send_json(event)
    await stream.close(code=1001)


async def _variables(request: web.Request) -> Mapping[str, str]:
    """Return the variables in a body; raises ``ValueError`` for a body that is none."""
    if not request.can_read_body:
        return {}
    body = await request.json()
    found = body.get("variables", {}) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise ValueError("variables are an object")
    return {str(name): str(value) for name, value in found.items()}


def _seconds(text: str) -> float | None:
    """Return how long to ring; None for what is no number."""
    if not text:
        return RING_SECONDS
    is_number = text.isascii() and text.isdecimal() and len(text) < 6
    return float(text) if is_number else None
