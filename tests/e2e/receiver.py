"""A CRM and the customer's site: a server in a thread that verifies what comes, and misbehaves."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web
from standardwebhooks.webhooks import Webhook

from tests.e2e.apart import cut_all, end
from tests.ports import free_port

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()


class Answer(NamedTuple):
    """What the receiver answers; ``status`` 0 drops the connection without a word."""

    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = {}
    delay_seconds: float = 0.0


class Delivery(NamedTuple):
    """One verified request."""

    at: float
    id: str
    attempt: int
    json: dict[str, Any]
    replay: bool = False

    @property
    def text(self) -> str | None:
        """What a message event says."""
        message = self.json.get("data", {}).get("message") or {}
        return message.get("text")

    @property
    def conversation(self) -> str:
        """The platform's id of the conversation."""
        return str((self.json["conversation"] or {}).get("external_id"))


@dataclass
class Endpoint:
    """One address of the receiver: what came there, and how it answers."""

    behave: Callable[[Delivery], Answer] = lambda delivery: Answer()
    deliveries: list[Delivery] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Delivery]:
        """Return what came of one type of event, repetitions included."""
        return [one for one in list(self.deliveries) if one.json.get("type") == kind]

    def texts(self, kind: str = "message.received") -> list[str | None]:
        """Return what the messages of one type said, repetitions included."""
        return [one.text for one in self.of(kind)]

    def said(self, kind: str = "message.received") -> list[str | None]:
        """Return what the messages of one type said, each once: after a kill it may be told again."""
        return list({one.id: one.text for one in self.of(kind)}.values())


class Receiver:
    """A server in a thread: ``/crm``, ``/answers`` and any other endpoint, and the customer's site."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.site = f"http://localhost:{self.port}"
        self.endpoints: dict[str, Endpoint] = {}
        self.page = ""
        self.page_headers: dict[str, str] = {}
        self._webhook = Webhook(SECRET)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._thread.start()
        self.up()

    def at(self, name: str) -> Endpoint:
        """Return the endpoint behind a path."""
        return self.endpoints.setdefault(name, Endpoint())

    @property
    def crm(self) -> Endpoint:
        """Where the backend named ``crm`` delivers to."""
        return self.at("crm")

    @property
    def answers(self) -> Endpoint:
        """Where the channel named ``app`` posts answers to."""
        return self.at("answers")

    def up(self) -> None:
        """Listen."""
        self._call(self._listen())

    def down(self) -> None:
        """Refuse connections."""
        self._call(self._close())

    def end(self) -> None:
        self.down()
        self._call(cut_all())
        end(self._loop, self._thread)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_get("/page", self._page)
        app.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=self.page, content_type="text/html", headers=self.page_headers)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        endpoint = self.at(request.match_info["name"])
        body = await request.read()
        try:
            self._webhook.verify(body, {name.lower(): it for name, it in request.headers.items()})
        except Exception as error:
            endpoint.forged.append(repr(error))
            return web.Response(status=401)
        attempt = int(request.headers["omnigate-attempt"])
        delivery = Delivery(
            time.monotonic(),
            request.headers["webhook-id"],
            attempt,
            json.loads(body),
            replay=request.headers.get("omnigate-replay") == "1",
        )
        endpoint.deliveries.append(delivery)
        answer = endpoint.behave(delivery)
        await asyncio.sleep(answer.delay_seconds)
        if answer.status == 0:
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
