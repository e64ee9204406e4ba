"""The demo's web server: the page with its panes, the shop in it, the stream, the way to the API.

The browser never holds the API token: calls of the desk are passed on with it. So that no other site
open in the same browser can use that, requests must name this server (against DNS rebinding) and,
where they do something, come from its own page.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Final, Protocol

from aiohttp import ClientError, ClientSession, web

from omnigate.demo.phones.phone import Facts
from omnigate.demo.receiver import Receiver
from omnigate.demo.scratch import HOOK
from omnigate.demo.streams import stream

_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_PAGES: Final = {"/": "index.html", "/shop/": "shop.html", "/shop/delivery": "delivery.html"}
_MEDIA: Final = "/v1/media"
_MESSAGE: Final = "/v1/messages/msg_[0-9a-v]{26}"
_PASSED_ON: Final = {
    "GET": re.compile("/v1/contacts/ctc_[0-9a-v]{26}/timeline"),
    "POST": re.compile("/v1/(messages|media|conversations/cnv_[0-9a-v]{26}/(typing|read))"),
    "PATCH": re.compile(_MESSAGE),
    "DELETE": re.compile(_MESSAGE),
    "PUT": re.compile(f"{_MESSAGE}/reaction"),
}
_LARGEST_BODY_BYTES: Final = 10 * 1024 * 1024
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: {chat}; "
    "media-src {chat}; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# What plugins/omnigate_webchat/README.md asks of a site, and nothing more.
_SHOP_POLICY: Final = (
    "default-src 'none'; script-src 'self' {chat}; style-src 'self'; img-src 'self' data: blob: {chat}; "
    "connect-src {chat} {socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_PHONE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the pages have to know."""

    port: int
    daemon: str
    """The daemon's address, as browsers reach it."""
    token: str
    token_file: str
    phones: Sequence[Facts] = ()
    has_calls: bool = False
    """There are phones that ring."""


class Part(Protocol):
    """Routes beside the pages."""

    def add_to(self, app: web.Application) -> None:
        """Add them."""

    def close(self) -> None:
        """End what streams."""


def application(
    receiver: Receiver, known: Surroundings, http: ClientSession, parts: Sequence[Part]
) -> web.Application:
    """Return the demo's pages; ``http`` is used to pass calls on to the daemon."""
    pages = _Pages(receiver, known, http)
    app = web.Application(middlewares=[pages.guard], client_max_size=_LARGEST_BODY_BYTES)
    for path in _PAGES:
        app.router.add_get(path, pages.page)
    app.router.add_get("/static/{name}", pages.static)
    app.router.add_get("/facts", pages.facts)
    app.router.add_get("/deliveries", pages.deliveries)
    app.router.add_get("/phones/{kind}/", pages.phone)
    for part in parts:
        part.add_to(app)
    for method in _PASSED_ON:
        app.router.add_route(method, "/v1/{path:.*}", pages.pass_on)
    app.router.add_post(HOOK, receiver.take)
    return app


class _Pages:
    def __init__(self, receiver: Receiver, known: Surroundings, http: ClientSession) -> None:
        self._receiver = receiver
        self._kinds = {facts.kind for facts in known.phones}
        self._known = known
        self._http = http
        self._hosts = {f"127.0.0.1:{known.port}", f"localhost:{known.port}"}
        socket = known.daemon.replace("http", "ws", 1)
        self._page_policy = _PAGE_POLICY.format(chat=known.daemon)
        self._shop_policy = _SHOP_POLICY.format(chat=known.daemon, socket=socket)
        folder = resources.files("omnigate.demo") / "static"
        self._files = {
            file.name: file.read_text("utf-8").replace("{{chat}}", known.daemon)
            for file in folder.iterdir()
            if file.name.rpartition(".")[2] in _TYPES
        }

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in self._hosts:
            raise web.HTTPForbidden(text="This is a demo for the machine it runs on.")
        if request.method != "GET" and request.path != HOOK:
            origin = request.headers.get("Origin", "")
            if origin.removeprefix("http://") not in self._hosts:
                raise web.HTTPForbidden(text="Only the demo's own page may do this.")
        response = await handler(request)
        if not response.prepared:
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            response.headers.setdefault("Referrer-Policy", "same-origin")
        return response

    async def page(self, request: web.Request) -> web.StreamResponse:
        name = _PAGES[request.path]
        policy = self._page_policy if request.path == "/" else self._shop_policy
        return self._file(name, {"Content-Security-Policy": policy})

    async def phone(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["kind"] not in self._kinds:
            raise web.HTTPNotFound
        return self._file("phone.html", {"Content-Security-Policy": _PHONE_POLICY})

    async def static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._files or name.endswith(".html"):
            raise web.HTTPNotFound
        return self._file(name, {})

    async def facts(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {
                "daemon": self._known.daemon,
                "token_file": self._known.token_file,
                "has_calls": self._known.has_calls,
                "phones": [asdict(facts) for facts in self._known.phones],
            }
        )

    async def deliveries(self, request: web.Request) -> web.StreamResponse:
        """Stream what the CRM gets, as server-sent events."""
        last = request.headers.get("Last-Event-ID", "0")
        after = int(last) if last.isascii() and last.isdecimal() and len(last) < 16 else 0
        return await stream(request, self._delivered(after))

    async def _delivered(self, after: int) -> AsyncGenerator[str, None]:
        async with aclosing(self._receiver.watch(after)) as deliveries:
            async for delivery in deliveries:
                yield f"id: {delivery.number}\ndata: {delivery.to_json()}"

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """Make the call of the desk with the token that the desk does not have."""
        if not _PASSED_ON[request.method].fullmatch(request.path):
            raise web.HTTPNotFound
        headers = {
            "Authorization": f"Bearer {self._known.token}",
            "Content-Type": request.content_type if request.path == _MEDIA else "application/json",
        }
        if "Idempotency-Key" in request.headers:
            headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
        body = await request.read()
        url = self._known.daemon + request.path_qs
        try:
            async with self._http.request(
                request.method, url, data=body or None, headers=headers
            ) as answer:
                return web.Response(
                    status=answer.status,
                    body=await answer.read(),
                    content_type=answer.content_type,
                )
        except ClientError:
            raise web.HTTPBadGateway(text="The daemon does not answer.") from None

    def _file(self, name: str, headers: dict[str, str]) -> web.Response:
        kind = _TYPES[name.rpartition(".")[2]]
        return web.Response(
            text=self._files[name], content_type=kind, charset="utf-8", headers=headers
        )
