"""The demo's CRM: takes webhooks, verifies them, and shows what came to whoever watches.

What a receiver has to do is all here: verify the signature over the raw body, remember the
``webhook-id`` so that a repetition counts once, answer 2xx.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from aiohttp import web

from omnigate.errors import Unauthorized
from omnigate.signing import Signer

SHOWN_HEADERS: Final = ("content-type", "user-agent", "webhook-", "omnigate-")
"""Beginnings of the names of headers that are worth a look."""
_KEPT: Final = 300
"""Deliveries that a page opened later still gets to see."""
_WAITING: Final = 1000
"""Deliveries that may wait for one slow page; then its stream ends, and it asks again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came."""

    number: int
    received_at: float
    """POSIX seconds."""
    headers: dict[str, str]
    body: Any
    verified: bool
    repeated: bool
    """The same event came before; a CRM answers 2xx and does nothing."""
    problem: str | None = None

    def to_json(self) -> str:
        """Return it for the page."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))


class Receiver:
    """Verifies, remembers, passes on. Belongs to one event loop."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._signer = Signer([secret])
        self._clock = clock
        self._kept: deque[Delivery] = deque(maxlen=_KEPT)
        self._known: dict[str, None] = {}
        self._count = 0
        self._watchers: set[asyncio.Queue[Delivery | None]] = set()

    async def take(self, request: web.Request) -> web.Response:
        """Answer one webhook: 204 when it is proven, 401 when it is not."""
        body = await request.read()
        problem = None
        try:
            webhook_id = self._signer.verify(request.headers, body, self._clock())
        except Unauthorized as error:
            webhook_id, problem = "", str(error)
        self._pass_on(request, body, webhook_id, problem)
        return web.Response(status=204 if problem is None else 401)

    async def watch(self, after: int) -> AsyncGenerator[Delivery, None]:
        """Yield the deliveries after a number, those kept first; ends when the receiver closes."""
        queue: asyncio.Queue[Delivery | None] = asyncio.Queue(_WAITING)
        self._watchers.add(queue)
        try:
            for delivery in [kept for kept in self._kept if kept.number > after]:
                yield delivery
            while (new := await queue.get()) is not None:
                yield new
        finally:
            self._watchers.discard(queue)

    def close(self) -> None:
        """End all streams."""
        for queue in list(self._watchers):
            self._end(queue)

    def _pass_on(
        self, request: web.Request, body: bytes, webhook_id: str, problem: str | None
    ) -> None:
        self._count += 1
        delivery = Delivery(
            number=self._count,
            received_at=self._clock(),
            headers={
                name.lower(): value
                for name, value in request.headers.items()
                if name.lower().startswith(SHOWN_HEADERS)
            },
            body=_parsed(body) if problem is None else None,
            verified=problem is None,
            repeated=webhook_id in self._known,
            problem=problem,
        )
        if problem is None:
            self._remember(webhook_id)
        # Fleeting events have no sequence number and are not worth keeping.
        if problem is not None or delivery.body.get("sequence") is not None:
            self._kept.append(delivery)
        for queue in list(self._watchers):
            if queue.full():
                self._end(queue)
            else:
                queue.put_nowait(delivery)

    def _remember(self, webhook_id: str) -> None:
        self._known[webhook_id] = None
        while len(self._known) > 10 * _KEPT:
            del self._known[next(iter(self._known))]

    def _end(self, queue: asyncio.Queue[Delivery | None]) -> None:
        self._watchers.discard(queue)
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(None)


def _parsed(body: bytes) -> dict[str, Any]:
    """Return the envelope of a proven body: only the daemon can have written it."""
    envelope: dict[str, Any] = json.loads(body)
    return envelope
