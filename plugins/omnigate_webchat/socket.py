"""``GET socket``: one browser tab over WebSocket.

    upgrade → hello (10 s) → welcome → replay after the cursor → commands and pushes until closed

Two tasks a connection: the handler reads commands, one at a time; the writer sends what the log has
after the cursor whenever it is woken. Nothing is queued: who does not read is cut off.
Close codes: 4001 take a new session, 4008 too much, 4010 not the protocol, 1012 the daemon
restarts, 1013 try again later.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from aiohttp import WSMsgType, web

import omnigate
from omnigate_webchat import frames
from omnigate_webchat.answers import Frame
from omnigate_webchat.commands import Commands
from omnigate_webchat.connection import Connections
from omnigate_webchat.gate import Place, Rejected
from omnigate_webchat.hub import Listener
from omnigate_webchat.limits import Buckets, network_of
from omnigate_webchat.tokens import Pass

PROTOCOL: Final = "omni.v1"

_NEW_SESSION: Final = 4001
_TOO_MUCH: Final = 4008
_NOT_THE_PROTOCOL: Final = 4010
_TRY_AGAIN_LATER: Final = 1013

_HELLO_SECONDS: Final = 10.0
_PING_SECONDS: Final = 25.0
_SEND_SECONDS: Final = 20.0
_WRITER_BYTES: Final = 64 * 1024


class Sockets:
    """Serves the WebSocket endpoint."""

    def __init__(self, connections: Connections, commands: Commands) -> None:
        self._connections = connections
        self._commands = commands
        self._upgrades = Buckets(600, per_seconds=60)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer ``GET socket`` and stay until the connection ends."""
        wait_seconds = self._upgrades.wait_seconds(network_of(request.remote))
        if wait_seconds:
            raise Rejected(
                429, "too many connections from this network", retry_after_seconds=wait_seconds
            )
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,),
            heartbeat=_PING_SECONDS,
            max_msg_size=frames.MAX_FRAME_BYTES,
            compress=False,
            writer_limit=_WRITER_BYTES,
            timeout=5,
        )
        ready = socket.can_prepare(request)
        if not ready or ready.protocol != PROTOCOL:
            raise Rejected(400, f"this is a WebSocket of the subprotocol {PROTOCOL}")
        await socket.prepare(request)
        try:
            await self._greet(request, socket)
        except ConnectionError:
            pass  # the browser went away; what it missed is in the log
        except (omnigate.StoreError, omnigate.Overloaded):
            await socket.close(code=_TRY_AGAIN_LATER)
        return socket

    async def _greet(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                first = await socket.receive()
        except TimeoutError:
            await socket.close(code=_NOT_THE_PROTOCOL, message=b"no hello in time")
            return
        hello = frames.parse_hello(first.data) if first.type is WSMsgType.TEXT else None
        if hello is None:
            await socket.close(code=_NOT_THE_PROTOCOL, message=b"the first frame is no hello")
            return
        who = self._connections.admit(hello.connection_token)
        info = None if who is None else await self._connections.resume(who)
        if who is None or info is None:
            await socket.close(code=_NEW_SESSION, message=b"take a new session")
            return
        if self._connections.is_full(who):
            await socket.close(code=_TOO_MUCH, message=b"too many connections of one visitor")
            return
        connection = _Connection(request, socket, self._connections, self._commands, who)
        await connection.live(info.welcome(who), info.cursor(hello.after))


class _Connection:
    """One open socket after its hello."""

    def __init__(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        connections: Connections,
        commands: Commands,
        who: Pass,
    ) -> None:
        self._request = request
        self._socket = socket
        self._connections = connections
        self._commands = commands
        self._who = who

    async def live(self, welcome: Frame, cursor: int | None) -> None:
        """Serve until either side closes; ``cursor`` is None when the client has to start anew."""
        last = welcome["d"]["last_seq"]
        listener = Listener(
            self._who.visitor, self._who.conversation, last if cursor is None else cursor
        )
        with self._connections.joined(listener):
            await self._send(welcome)
            if cursor is None:
                await self._send({"t": "resync", "d": {}})
            listener.wake()
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(listener))
                await self._read()
                writer.cancel()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                await self._socket.close(code=_NOT_THE_PROTOCOL, message=b"text frames only")
                return
            if self._connections.floods(self._who):
                await self._socket.close(code=_TOO_MUCH, message=b"too many frames")
                return
            answer = await self._answer(message.data)
            if answer is not None:
                try:
                    await self._send(answer)
                except ConnectionError:
                    return

    async def _answer(self, text: str) -> Frame | None:
        try:
            command = frames.parse_command(text)
        except frames.BadFrame as bad:
            return bad.answer
        return await self._commands.carry_out(self._who, command, Place.of(self._request))

    async def _write(self, listener: Listener) -> None:
        try:
            while listener.stop_code is None:
                await listener.wait_changed()
                async for frame in self._connections.news(listener):
                    await self._send(frame)
            await self._socket.close(code=listener.stop_code)
        except ConnectionError:
            return
        except (omnigate.StoreError, omnigate.Overloaded):
            await self._socket.close(code=_TRY_AGAIN_LATER)

    async def _send(self, frame: Frame) -> None:
        """Send a frame; cuts off a client that does not read for twenty seconds."""
        text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._socket.send_str(text)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("the client does not read") from None
