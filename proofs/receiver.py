"""A CRM and an application as the daemon meets them: they verify everything, and often misbehave.

Whether a delivery was *accepted* is decided here: a complete 2xx answer was on its way. Only the first
acceptance of an event counts for order; later ones are repetitions, which at-least-once allows.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from zlib import crc32

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from proofs.daemon import ATTEMPT_SECONDS, SECRET, free_port

FATES: Final[dict[str, float]] = {
    "error": 0.03,
    "close": 0.02,
    "junk": 0.03,
    "slow_body": 0.01,
    "redirect": 0.01,
    "unauthorized": 0.01,
    "too_slow_body": 0.003,
    "silence": 0.003,
    "too_many": 0.001,
}
"""How often each misbehaviour comes; what is left is a good answer."""
RETRY_AFTER: Final = ("1", "0", "soon", "-5", "Sun, 06 Nov 1994 08:49:37 GMT")
JUNK: Final = (
    b"<html>ok</html>",
    b'{"messages": "yes"}',
    b'{"messages": [{"text": 7}]}',
    b"\xff\xfe\x00" * 50,
    b"x" * 100_000,
)
REPLY: Final = "re: "


def is_replied_to(text: str) -> bool:
    """Tell whether the CRM answers a customer's message in its response: always the same ones."""
    return crc32(text.encode()) % 8 == 0


class Delivery(NamedTuple):
    """One verified request."""

    id: str
    conversation: str
    sequence: int | None
    text: str | None
    reply: bytes


@dataclass
class Inbox:
    """What one address has accepted."""

    attempts: int = 0
    repeated: int = 0
    ids: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    """What messages said → the id under which it was accepted first."""
    doubled: list[str] = field(default_factory=list)
    """What was said again under another id."""
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Sequences of each conversation, in the order of their first acceptance."""
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What messages of each conversation said, in that order."""

    def accept(self, delivery: Delivery) -> None:
        """Note that a delivery is accepted."""
        if delivery.id in self.ids:
            self.repeated += 1
            return
        self.ids.add(delivery.id)
        if delivery.sequence is not None:
            self.order[delivery.conversation].append(delivery.sequence)
        if delivery.text is not None:
            self.said[delivery.conversation].append(delivery.text)
            if self.texts.setdefault(delivery.text, delivery.id) != delivery.id:
                self.doubled.append(delivery.text)


class Receiver:
    """A server for ``/crm``, ``/books`` and ``/answers``; the first and the last misbehave."""

    def __init__(self, chance: random.Random) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.crm, self.books, self.answers = Inbox(), Inbox(), Inbox()
        self.fates = dict(FATES)
        self.delay_seconds = 0.0
        """How long a good answer takes."""
        self.replies = True
        """Whether the CRM answers some messages in its response."""
        self.under_way = 0
        """How many requests are being answered."""
        self.forged: list[str] = []
        self.followed = 0
        """How often somebody came by a redirect."""
        self._chance = chance
        self._webhook = Webhook(SECRET)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/crm", self._crm)
        app.router.add_post("/books", self._books)
        app.router.add_post("/answers", self._answers)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        # Connections that break are the point, not news.
        quiet = logging.Logger("receiver", logging.CRITICAL)
        self._runner = web.AppRunner(app, access_log=None, logger=quiet, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def end(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def calm_down(self) -> None:
        """Answer well from now on."""
        self.fates = {}

    async def _crm(self, request: web.Request) -> web.StreamResponse:
        delivery = _of_event(request, await self._body(request))
        if not self.replies:
            delivery = delivery._replace(reply=b"")
        return await self._answer(request, self.crm, delivery)

    async def _books(self, request: web.Request) -> web.StreamResponse:
        delivery = _of_event(request, await self._body(request))
        self.books.attempts += 1
        self.books.accept(delivery)
        return web.Response(status=204)

    async def _answers(self, request: web.Request) -> web.StreamResponse:
        part = await self._body(request)
        id_ = request.headers["webhook-id"]
        delivery = Delivery(id_, part["conversation"], None, part["text"], b"")
        return await self._answer(request, self.answers, delivery)

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        self.followed += 1
        return web.Response()

    async def _body(self, request: web.Request) -> Any:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            self._webhook.verify(body, headers)
        except WebhookVerificationError as error:
            self.forged.append(repr(error))
            raise web.HTTPUnauthorized from None
        return json.loads(body)

    async def _answer(
        self, request: web.Request, inbox: Inbox, delivery: Delivery
    ) -> web.StreamResponse:
        inbox.attempts += 1
        self.under_way += 1
        try:
            fate = self._fate()
            if fate == "junk" and delivery.reply:
                fate = "good"  # or the reply would never come
            if fate not in ("good", "junk", "slow_body"):
                return await self._misbehave(request, fate)
            if fate == "slow_body":
                return await self._trickle(request, ATTEMPT_SECONDS / 10, inbox, delivery)
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            inbox.accept(delivery)
            junk = fate == "junk"
            return web.Response(body=self._chance.choice(JUNK) if junk else delivery.reply)
        finally:
            self.under_way -= 1

    async def _misbehave(self, request: web.Request, fate: str) -> web.StreamResponse:
        if fate == "error":
            return web.Response(status=self._chance.choice([500, 502, 503, 504]))
        if fate == "unauthorized":
            return web.Response(status=self._chance.choice([401, 403, 404]))
        if fate == "redirect":
            return web.Response(status=302, headers={"Location": f"{self.url}/elsewhere"})
        if fate == "too_many":
            hint = self._chance.choice(RETRY_AFTER)
            return web.Response(status=429, headers={"Retry-After": hint})
        if fate == "too_slow_body":
            return await self._trickle(request, ATTEMPT_SECONDS * 5)
        if fate == "silence":
            await asyncio.sleep(ATTEMPT_SECONDS * 5)
        return _hang_up(request)

    async def _trickle(
        self,
        request: web.Request,
        seconds: float,
        inbox: Inbox | None = None,
        delivery: Delivery | None = None,
    ) -> web.StreamResponse:
        """Send a 200 and a body byte by byte; without an inbox it never ends."""
        body = (delivery.reply if delivery else b"") or b"{}        "
        answer = web.StreamResponse()
        answer.content_length = len(body)
        await answer.prepare(request)
        for byte in body[:-1]:
            await answer.write(bytes((byte,)))
            await asyncio.sleep(seconds / len(body))
        if inbox is None or delivery is None:
            return _hang_up(request)
        inbox.accept(delivery)
        await answer.write(body[-1:])
        return answer

    def _fate(self) -> str:
        dice = self._chance.random()
        for fate, share in self.fates.items():
            if (dice := dice - share) < 0:
                return fate
        return "good"


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("hung up on purpose")


def _of_event(request: web.Request, event: Any) -> Delivery:
    message = (event.get("data") or {}).get("message") or {}
    text = message.get("text") if event["type"] == "message.received" else None
    reply = b""
    if text is not None and is_replied_to(text):
        reply = json.dumps({"messages": [{"text": REPLY + text}]}).encode()
    conversation = str((event.get("conversation") or {}).get("external_id"))
    id_ = request.headers["webhook-id"]
    return Delivery(id_, conversation, event.get("sequence"), text, reply)
