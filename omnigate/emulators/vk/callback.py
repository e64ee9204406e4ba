"""Callback API: the servers of a community, their confirmation, and the sending of events to them.

An event is settled by status 200 and the body ``ok``. Anything else is a failure: the event comes
again with ``X-Retry-Counter``, later and later, or when the receiver asks for it by 410, 429 or 503
with ``Retry-After`` as an HTTP date less than three hours ahead. The body ``remove`` drops the
server. After many failures in a row nothing more is sent and the administrators get a mail; that,
the times between repeats and their number are unverified.
"""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import count
from random import Random
from typing import Any, Final

import aiohttp

from omnigate.emulators.changes import Changes
from omnigate.emulators.vk import limits
from omnigate.emulators.vk.errors import Refused
from omnigate.emulators.vk.journal import Event
from omnigate.emulators.vk.settings import Subscription

ANSWER_SECONDS: Final = 10.0
"""A receiver that takes longer has failed. The figure is unverified."""
RETRY_SECONDS: Final = (10, 30, 60, 300, 600, 1800, 3600, 3600, 3600, 3600)
"""Between repeats; then the event is given up. Unverified."""
FAILURES_IN_A_ROW: Final = 50
"""Then the server gets nothing any more. Unverified."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to a receiver and what came back."""

    type: str
    event_id: str
    retry: int
    status: int | None
    """None if there was no answer."""
    body: str
    at: float


@dataclass(slots=True, eq=False)
class CallbackServer:
    """One address that events go to."""

    id: int
    title: str
    url: str
    secret_key: str
    creator_id: int
    status: str = "unconfigured"
    """``unconfigured``, ``wait``, ``failed`` or ``ok``; only the last one gets events."""
    subscription: Subscription = field(default_factory=Subscription)
    failures: int = 0
    """In a row."""
    attempts: list[Attempt] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as groups.getCallbackServers shows it."""
        names = ("id", "title", "creator_id", "url", "secret_key", "status")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True, order=True)
class _Due:
    at: float
    number: int
    server: CallbackServer = field(compare=False)
    event: Event = field(compare=False)
    retry: int = field(compare=False, default=0)


class Callback:
    """The callback servers of one community and what still has to go to them."""

    def __init__(
        self,
        group_id: int,
        random: Random,
        clock: Callable[[], float],
        bell: Changes,
        speed: float = 1.0,
    ) -> None:
        self._group_id = group_id
        self._random = random
        self._clock = clock
        self._bell = bell
        self._speed = speed
        self._numbers = count(1)
        self._heap: list[_Due] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = 0
        self._session: aiohttp.ClientSession | None = None
        self.parallel = 1
        """Requests at a time; with one, the first attempts are in the order of the events."""
        self.answer_seconds = ANSWER_SECONDS
        self.servers: dict[int, CallbackServer] = {}
        self.code = ""
        """Confirmation string; it changes whenever a server is added or edited."""
        self.mails: list[str] = []
        """What the administrators were told."""
        self.given_up: list[Event] = []
        self.change_code()

    @property
    def waiting(self) -> int:
        """Deliveries that have not been settled, without the one under way."""
        return len(self._heap)

    def change_code(self) -> None:
        """Change the confirmation string, as the platform does from time to time."""
        self.code = f"{self._random.getrandbits(32):08x}"

    def add(self, url: str, title: str, secret_key: str, creator_id: int) -> CallbackServer:
        """Add a server; its confirmation is on its way.

        Raises:
            Refused: 2000, there are ten
        """
        if len(self.servers) >= limits.CALLBACK_SERVERS:
            raise Refused(2000)
        server = CallbackServer(next(self._numbers), title, url, secret_key, creator_id)
        self.servers[server.id] = server
        self.confirm_soon(server)
        return server

    def confirm_soon(self, server: CallbackServer) -> None:
        """Change the string and ask the server for it, in the background."""
        self.change_code()
        server.status, server.failures = "wait", 0
        self._start(self.confirm(server))

    def remove(self, server: CallbackServer) -> None:
        """Forget a server and what was to go to it."""
        self.servers.pop(server.id, None)
        self._heap = [due for due in self._heap if due.server is not server]
        heapq.heapify(self._heap)

    async def confirm(self, server: CallbackServer) -> bool:
        """Ask a server for the confirmation string; true if it gave it, and now gets events.

        The request has no secret: on the first setup there may be none (unverified).
        """
        body = {"type": "confirmation", "group_id": self._group_id}
        status, text, _ = await self._post(server.url, body, retry=0)
        server.attempts.append(Attempt("confirmation", "", 0, status, text, self._clock()))
        confirmed = status == 200 and text.strip() == self.code
        server.status, server.failures = ("ok" if confirmed else "failed"), 0
        self._bell.ring()
        return confirmed

    def receive(self, event: Event) -> None:
        """Send an event to whoever asked for it."""
        for server in self.servers.values():
            if server.status == "ok" and server.subscription.wants(event.type):
                self._push(_Due(self._now(), next(self._numbers), server, event))

    async def close(self) -> None:
        """Stop sending."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _push(self, due: _Due) -> None:
        heapq.heappush(self._heap, due)
        self._bell.ring()
        if self._workers < self.parallel:
            self._workers += 1
            self._start(self._work())

    async def _work(self) -> None:
        while True:
            seconds = self._heap[0].at - self._now() if self._heap else 3600.0
            if seconds > 0:
                with suppress(TimeoutError):
                    await self._bell.wait_for(self._is_due, seconds)
                continue
            await self._attempt(heapq.heappop(self._heap))

    def _is_due(self) -> bool:
        return bool(self._heap) and self._heap[0].at <= self._now()

    async def _attempt(self, due: _Due) -> None:
        server, event = due.server, due.event
        if server.id not in self.servers or server.status != "ok":
            return
        body = event.envelope(server.subscription.api_version, server.secret_key)
        status, text, retry_after = await self._post(server.url, body, due.retry)
        attempt = Attempt(event.type, event.event_id, due.retry, status, text, self._clock())
        server.attempts.append(attempt)
        if status == 200 and text == "ok":
            server.failures = 0
        elif text.strip() == "remove":
            self.remove(server)
        else:
            self._fail(due, status, retry_after)
        self._bell.ring()

    def _fail(self, due: _Due, status: int | None, retry_after: str) -> None:
        server = due.server
        server.failures += 1
        if server.failures >= FAILURES_IN_A_ROW:
            server.status = "failed"
            self.mails.append(f"Events could not be delivered to {server.url}")
        if due.retry >= len(RETRY_SECONDS):
            self.given_up.append(due.event)
            return
        seconds: float = RETRY_SECONDS[due.retry]
        if status in (410, 429, 503):
            seconds = self.asked_for(retry_after) or seconds
        at = self._now() + seconds / self._speed
        self._push(_Due(at, next(self._numbers), server, due.event, due.retry + 1))

    def asked_for(self, retry_after: str) -> float | None:
        """Return the seconds of a ``Retry-After`` that counts, or none."""
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - self._clock()
        except ValueError:
            return None
        return seconds if 0 < seconds < limits.RETRY_AFTER_SECONDS else None

    async def _post(self, url: str, body: Any, retry: int) -> tuple[int | None, str, str]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=self.answer_seconds)
        headers = {"content-type": "application/json"}
        if retry:
            headers["x-retry-counter"] = str(retry)
        data = json.dumps(body).encode()
        try:
            async with self._session.post(
                url, data=data, headers=headers, timeout=timeout
            ) as response:
                text = (await response.content.read(1000)).decode(errors="replace")
                return response.status, text, response.headers.get("retry-after", "")
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, "", ""

    def _start(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
