"""A chat server that speaks `omni.v1` and breaks on demand, and the pages around it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from omnigate_webchat.pack import pack, squeeze

ROOT = Path(__file__).parents[2]
WIDGET = ROOT / "plugins" / "omnigate_webchat" / "widget"
MODULES = {path.name: path.read_text() for path in WIDGET.glob("*.js")}
CHANNEL = "/channels/site/"
CONFIG: dict[str, Any] = {
    "name": "site",
    "title": {"en": "Acme Garden", "ru": "Зелёный сад"},
    "languages": ["en", "ru"],
    "texts": {},
    "theme": {"color": "#0f766e", "dark": "auto", "position": "right"},
    "prechat": None,
    "offline": None,
    "online": True,
    "proactive": [],
    "peek": True,
    "uploads": {
        "enabled": True,
        "max_bytes": 1024 * 1024,
        "types": ["image/png", "image/jpeg", "application/pdf", "text/plain"],
    },
    "location": True,
    "messages_per_10_seconds": 20,
    "max_text_length": 4000,
    "privacy_note": None,
    "continue": False,
    "call": False,
}
CALL: dict[str, Any] = {
    "id": "cal_00000000000000000000000001",
    "state": "starting",
    "open": True,
    "number": "+79161234567",
    "callback_at": None,
    "seconds_left": 25,
    "tag": "1",
}
OFFER: dict[str, Any] = {
    "open": True,
    "opens_at": None,
    "region": "RU",
    "regions": [["DE", "49"], ["KZ", "7"], ["RU", "7"]],
    "consent": {"en": "I agree to be called.", "ru": "Согласен на звонок."},
}
WAYS: list[dict[str, Any]] = [
    {"channel": "tg", "kind": "telegram", "url": "https://t.me/acme?start=abc", "qr": None},
    {"channel": "mail", "kind": "email", "url": "mailto:hello+abc@acme.example", "qr": None},
]
OVER = {"ended", "cancelled", "missed", "failed"}
STRICT_CSP = (
    "default-src 'none'; script-src {chat}; connect-src {chat} {ws}; img-src {chat} data:;"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HOSTILE_CSS = """
html { font-size: 5px; letter-spacing: 9px; text-align: center }
body, body *, omnigate-chat { display: none !important; color: red !important; font-size: 3px !important }
omnigate-chat { display: none !important; position: static !important; opacity: 0 !important;
  transform: scale(9) !important; visibility: hidden !important }
button, div, textarea { all: unset !important; visibility: hidden }
body { transform: rotate(3deg); overflow: hidden; direction: rtl; text-transform: uppercase }
"""


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc000000794944415478da15"
    "cea101032010c0c08ed32118e2874020912791080412f943306069ec997cbea9a44835492b65bae9f33dca11"
    "473d1cebc8e39e075bd962ab9b6d6db9ddfd602a534c7532ad29a73b1f0c6588a10e8635e470c7030a41f56f"
    "fd0f5c0fbad245573bddeab2bbfd41539a686aa3594d36b7f90112245a810076114d0000000049454e44ae42"
    "6082"
)


class Visitor:
    """What the server keeps of one visitor."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self.cids: dict[str, dict[str, Any]] = {}
        self.told: dict[str, dict[str, Any]] = {}
        self.status = "open"
        self.sockets: list[web.WebSocketResponse] = []
        self.grown = asyncio.Condition()


class ChatServer:
    """The server side of the widget in memory. Every attribute may be changed while it runs."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = json.loads(json.dumps(CONFIG))
        self.visitors: dict[str, Visitor] = {}
        self.received: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self.uploads: list[tuple[str, bytes]] = []
        self.requests: list[str] = []
        self.turned_away: list[str] = []
        """Paths that were asked for while it was down."""
        self.drop_acks = 0
        self.block_socket = False
        self.refuse_sessions = 0
        self.errors: list[dict[str, Any]] = []
        self.expire_once = False
        self.identity = "anonymous"
        self.packed = True
        self.hold_uploads = False
        self.offer: dict[str, Any] = json.loads(json.dumps(OFFER))
        self.handover: dict[str, Any] = {"expires_in_seconds": 86_400, "ways": list(WAYS)}
        self.call_now: dict[str, Any] | None = None
        """The call of every visitor."""
        self.down = False
        self.site = self.chat = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    # Life.

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        with warnings.catch_warnings():
            # A connection that came while it stopped is nobody's: it goes here and not in some other test.
            warnings.simplefilter("ignore", ResourceWarning)
            self._loop.close()
            gc.collect()

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        app = web.Application(middlewares=[self._cors], client_max_size=8 * 1024 * 1024)
        app.router.add_get(CHANNEL + "w.js", self._loader)
        app.router.add_get(CHANNEL + "ui/{hash}/{file}", self._module)
        app.router.add_post(CHANNEL + "session", self._session)
        app.router.add_get(CHANNEL + "socket", self._socket)
        app.router.add_get(CHANNEL + "events", self._events)
        app.router.add_post(CHANNEL + "commands", self._commands)
        app.router.add_post(CHANNEL + "upload", self._upload)
        app.router.add_get(CHANNEL + "history", self._history)
        app.router.add_get("/picture.png", self._picture)
        app.router.add_get("/{page:.*}", self._page)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        ports = []
        for host in ("localhost", "127.0.0.1"):
            site = web.TCPSite(self._runner, "127.0.0.1", 0)
            await site.start()
            assert site._server is not None
            port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio's server has sockets
            ports.append(f"http://{host}:{port}")
        self.site, self.chat = ports

    async def _stop(self) -> None:
        await self.close_sockets(1001)
        assert self._runner is not None
        await self._runner.cleanup()

    # What tests do.

    @property
    def visitor(self) -> Visitor:
        """The only visitor."""
        assert len(self.visitors) == 1, list(self.visitors)
        return next(iter(self.visitors.values()))

    def answer(self, text: str = "", **more: Any) -> str:
        """Write as the company; returns the message's id."""
        message = {"direction": "out", "text": text, "author": {"name": "Anna", "kind": "agent"}}
        frame = self.call(self._record(self.visitor, "msg.new", {**message, **more}))
        return str(frame["d"]["id"])

    def event(self, t: str, **d: Any) -> None:
        """Record an event that is no new message."""
        if t == "state":
            self.visitor.status = d["status"]
        self.call(self._record(self.visitor, t, d))

    def push(self, t: str, **d: Any) -> None:
        """Send a frame that is no event to every connection."""
        self.call(self._push({"t": t, "d": d}))

    def call_goes(self, state: str, **more: Any) -> None:
        """Have the call go on, and tell every tab."""
        self._turn_call(state, **more)
        self.call(self._tell_call())

    def _turn_call(self, state: str, **more: Any) -> None:
        before = self.call_now or CALL
        timer = CALL["seconds_left"] if state == "starting" else None
        news = {"state": state, "open": state not in OVER, "seconds_left": timer, **more}
        self.call_now = {**before, **news, "tag": f"{int(before['tag']) + 1}"}

    def drop_connections(self, code: int = 1012) -> None:
        self.call(self.close_sockets(code))

    def got(self, t: str) -> list[dict[str, Any]]:
        """Return the frames of one type that came from widgets, in order."""
        return [frame for frame in self.received if frame["t"] == t]

    def texts(self) -> list[str]:
        """Return the visitor's messages as stored."""
        events = self.visitor.events
        return [event["d"]["text"] for event in events if event["d"].get("direction") == "in"]

    # Inside.

    async def _push(self, frame: dict[str, Any]) -> None:
        for visitor in self.visitors.values():
            for socket in list(visitor.sockets):
                if not socket.closed:
                    await socket.send_json(frame)

    async def _tell_call(self) -> None:
        await self._push({"t": "call", "d": {"call": self.call_now}})
        for visitor in self.visitors.values():
            async with visitor.grown:
                visitor.grown.notify_all()

    async def _tell_more(self, t: str, d: dict[str, Any]) -> dict[str, Any]:
        """Carry out what is neither message nor form; returns what the acknowledgement says of it."""
        if t == "handover":
            return {"handover": self.handover}
        if t == "call.offer":
            return {"offer": self.offer}
        if t == "call.request":
            self._turn_call(
                "starting", number="+7" + "".join(filter(str.isdigit, d["number"]))[-10:]
            )
        elif t == "call.cancel":
            self._turn_call("cancelled")
        else:
            return {}
        await self._tell_call()
        return {"call": self.call_now}

    async def close_sockets(self, code: int) -> None:
        for visitor in self.visitors.values():
            for socket in list(visitor.sockets):
                await socket.close(code=code)

    async def _record(self, visitor: Visitor, t: str, d: dict[str, Any]) -> dict[str, Any]:
        seq = (visitor.events[-1]["seq"] if visitor.events else 0) + 2
        base: dict[str, Any] = {
            "attachments": [],
            "buttons": [],
            "author": None,
            "at": "2026-11-21T12:00:00Z",
        }
        if t == "msg.new":
            d = {"id": f"msg_{visitor.name}{seq:05d}", **base, **d}
        frame = {"t": t, "seq": seq, "d": d}
        visitor.events.append(frame)
        for socket in list(visitor.sockets):
            if not socket.closed:
                await socket.send_json(frame)
        async with visitor.grown:
            visitor.grown.notify_all()
        return frame

    async def _take(self, visitor: Visitor, frame: dict[str, Any]) -> dict[str, Any] | None:
        """Take in one command; returns the answer, if any."""
        self.received.append(frame)
        t, d, cid = frame["t"], frame["d"], frame.get("cid")
        if t == "ping":
            return {"t": "pong", "d": {}}
        if cid is None:
            return None
        if self.errors:
            return {"t": "error", "cid": cid, "d": self.errors.pop(0)}
        if cid not in visitor.cids:
            visitor.cids[cid] = {}
            if t == "msg.send":
                files = [self._attachment(ticket) for ticket in d.get("attachments", [])]
                own = {
                    "direction": "in",
                    "text": d.get("text", ""),
                    "attachments": files,
                    "cid": cid,
                }
                visitor.cids[cid] = await self._record(visitor, "msg.new", own)
            visitor.told[cid] = await self._tell_more(t, d)
        stored = visitor.cids[cid]
        if self.drop_acks:
            self.drop_acks -= 1
            return None
        seq, key = stored.get("seq"), stored.get("d", {}).get("id")
        told = visitor.told[cid]
        return {"t": "ack", "cid": cid, "seq": seq, "d": {"seq": seq, "id": key, **told}}

    def _attachment(self, ticket: str) -> dict[str, Any]:
        name, content = self.uploads[int(ticket.removeprefix("ticket-"))]
        mime = "image/png" if name.endswith(".png") else "text/plain"
        return {
            "id": "att_" + ticket,
            "kind": "image" if mime == "image/png" else "file",
            "mime": mime,
            "name": name,
            "size_bytes": len(content),
            "url": "/picture.png",
            "state": "ready",
        }

    # HTTP.

    @web.middleware
    async def _cors(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        headers = {
            "Access-Control-Allow-Origin": self.site,
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Allow-Methods": "GET, POST",
            "Vary": "Origin",
        }
        self.requests.append(request.path)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=headers)
        if self.down and request.path.startswith(CHANNEL):
            self.turned_away.append(request.path)
            return web.json_response({"title": "down"}, status=503, headers=headers)
        response: web.StreamResponse = await handler(request)
        if request.path.startswith(CHANNEL) and not response.prepared:
            response.headers.update(headers)
        return response

    async def _loader(self, request: web.Request) -> web.Response:
        text = MODULES["w.js"].replace("__HASH__", "0123abcd")
        return web.Response(text=squeeze(text), content_type="text/javascript")

    async def _module(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        text = pack(MODULES, name) if self.packed else MODULES[name]
        return web.Response(text=text, content_type="text/javascript")

    async def _picture(self, request: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    async def _page(self, request: web.Request) -> web.Response:
        """Answer any page of the site; ``?csp`` and ``?hostile`` change it, ``?lang`` names its language."""
        query = request.query
        style = f"<style>{HOSTILE_CSS}</style>" if "hostile" in query else ""
        body = (
            f'<!doctype html><html lang="{query.get("lang", "en")}"><head><title>Garden</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<link rel="icon" href="data:,">'
            f"{style}</head><body><main><h1>Acme Garden</h1>"
            "<p>Tulips, roses <a href='/more'>and more</a>.</p></main>"
            f'<script src="{self.chat}{CHANNEL}w.js" async></script></body></html>'
        )
        headers = {}
        if "csp" in query:
            socket = self.chat.replace("http", "ws")
            headers["Content-Security-Policy"] = STRICT_CSP.format(chat=self.chat, ws=socket)
        return web.Response(text=body, content_type="text/html", headers=headers)

    async def _session(self, request: web.Request) -> web.Response:
        if self.refuse_sessions:
            self.refuse_sessions -= 1
            return web.json_response({"title": "busy"}, status=503)
        asked = await request.json()
        self.sessions.append(asked)
        name = asked.get("visitor_token") or asked.get("identity", {}).get("user_id")
        name = name or f"v{len(self.visitors)}"
        visitor = self.visitors.setdefault(name, Visitor(name))
        latest = [frame for frame in visitor.events if frame["t"] != "receipt"]
        last = visitor.events[-1]["seq"] if visitor.events else 0
        known = {"id": "cnv", "status": visitor.status, "last_seq": last}
        return web.json_response(
            {
                "visitor_token": name,
                "visitor": name,
                "connection_token": name,
                "expires_in_seconds": 300,
                "config": self.config,
                "conversation": known if visitor.events else None,
                "events": latest[-50:],
                "more": len(latest) > 50,
                "identity": self.identity if "identity" in asked else "anonymous",
            }
        )

    def _bearer(self, request: web.Request) -> Visitor:
        name = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.expire_once or name not in self.visitors:
            self.expire_once = False
            raise web.HTTPUnauthorized(headers={"Access-Control-Allow-Origin": self.site})
        return self.visitors[name]

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.block_socket:
            return web.Response(status=400)
        socket = web.WebSocketResponse(protocols=["omni.v1"])
        await socket.prepare(request)
        hello = await socket.receive_json()
        self.received.append(hello)
        visitor = self.visitors[hello["d"]["connection_token"]]
        if self.expire_once:
            self.expire_once = False
            await socket.close(code=4001)
            return socket
        last = visitor.events[-1]["seq"] if visitor.events else 0
        known = {"id": "cnv", "status": visitor.status, "last_seq": last}
        welcome = {"conversation": known if visitor.events else None, "last_seq": last}
        welcome["online"] = self.config["online"]
        welcome["call"] = self.call_now
        await socket.send_json({"t": "welcome", "d": {**welcome, "expires_in_seconds": 300}})
        for frame in visitor.events:
            if frame["seq"] > hello["d"]["after"]:
                await socket.send_json(frame)
        visitor.sockets.append(socket)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                answer = await self._take(visitor, json.loads(message.data))
                if answer is not None and not socket.closed:
                    await socket.send_json(answer)
        visitor.sockets.remove(socket)
        return socket

    async def _events(self, request: web.Request) -> web.Response:
        visitor = self._bearer(request)
        after, wait = int(request.query["after"]), float(request.query["wait"])
        seen = request.query["call"]

        def news() -> list[dict[str, Any]]:
            tag = "" if self.call_now is None else self.call_now["tag"]
            told = [] if tag == seen else [{"t": "call", "d": {"call": self.call_now}}]
            return [frame for frame in visitor.events if frame["seq"] > after] + told

        if not (frames := news()) and wait:
            async with visitor.grown:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(visitor.grown.wait(), min(wait, 5))
            frames = news()
        return web.json_response({"frames": frames, "last_seq": after})

    async def _commands(self, request: web.Request) -> web.Response:
        visitor = self._bearer(request)
        answers = [await self._take(visitor, one) for one in (await request.json())["frames"]]
        return web.json_response({"frames": [answer for answer in answers if answer]})

    async def _upload(self, request: web.Request) -> web.Response:
        self._bearer(request)
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        content = file.file.read()
        while self.hold_uploads:  # noqa: ASYNC110  # set by another thread
            await asyncio.sleep(0.01)
        self.uploads.append((file.filename, content))
        ticket = f"ticket-{len(self.uploads) - 1}"
        known = {"name": file.filename, "mime": file.content_type, "size_bytes": len(content)}
        kind = "image" if file.content_type.startswith("image/") else "file"
        return web.json_response({"id": ticket, "kind": kind, **known}, status=201)

    async def _history(self, request: web.Request) -> web.Response:
        visitor = self._bearer(request)
        before, limit = int(request.query["before"]), int(request.query["limit"])
        older = [frame for frame in visitor.events if frame["seq"] < before]
        return web.json_response({"frames": older[-limit:], "more": len(older) > limit})
